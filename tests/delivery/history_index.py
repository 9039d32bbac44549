"""A history indexed for ``check``: the attempts and answers of each message, and its final position."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tests.delivery.history import (
    Ack,
    AgedMessages,
    Applied,
    Arrival,
    Attempt,
    FullRead,
    HeadReport,
    History,
    Message,
    Page,
    Record,
    Refusal,
)

NOTICES = frozenset({"enter", "leave", "nick"})
"""The kinds of system messages, which no client sends."""


class Name(NamedTuple):
    """The identity of a sent message: its author and the author's cid."""

    author: str
    cid: str

    def __str__(self) -> str:
        return f"{self.author}'s {self.cid}"


@dataclass(slots=True)
class MessageFate:
    """All records of one cid."""

    attempts: list[Attempt] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    places: list[Message] = field(default_factory=list)  # as stored in the end

    @property
    def is_proper(self) -> bool:
        """Whether it should have been stored."""
        return any(not attempt.doomed for attempt in self.attempts)

    @property
    def was_refused(self) -> bool:
        """Whether it was certainly never stored: every attempt got a definite refusal."""
        answered = {refusal.id for refusal in self.refusals if refusal.is_definite}
        return not self.acks and all(attempt.id in answered for attempt in self.attempts)


class ReceivedMessage(NamedTuple):
    """A message that was received by a client."""

    by: Record
    message: Message
    cid: str


class HistoryIndex:
    """The records of a history, indexed by message and conversation."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.attempts = {(attempt.client, attempt.id): attempt for attempt in history.of(Attempt)}
        self.fates: dict[Name, MessageFate] = defaultdict(MessageFate)
        self.cids = {(each.client, each.text): each.cid for each in self.attempts.values()}
        self.wholes: dict[str, list[FullRead]] = defaultdict(list)
        self.aged = {aged.conversation: aged.upto for aged in history.of(AgedMessages)}
        self._index_records()

    def _index_records(self) -> None:
        for attempt in self.attempts.values():
            self.fates[Name(attempt.client, attempt.cid)].attempts.append(attempt)
        for ack in self.history.of(Ack):
            self.fates[Name(ack.client, ack.cid)].acks.append(ack)
        for refusal in self.history.of(Refusal):
            self.fates[Name(refusal.client, refusal.cid)].refusals.append(refusal)
        for whole in self.history.of(FullRead):
            self.wholes[whole.conversation].append(whole)
        for message in self.finals():
            if (name := self.name(message)) is not None:
                self.fates[name].places.append(message)

    def finals(self) -> Iterator[Message]:
        """All messages that are stored in the end, by conversation."""
        for conversation in self.wholes:
            yield from self.final(conversation)

    def final(self, conversation: str) -> tuple[Message, ...]:
        """The conversation as it was read from 1 in the end; empty if no client could read it."""
        wholes = self.wholes.get(conversation)
        return wholes[0].messages if wholes else ()

    def first(self, conversation: str) -> int:
        """The first seq that was not removed, as it was read in the end."""
        wholes = self.wholes.get(conversation)
        return wholes[0].first if wholes else 1

    def comparable(self, message: Message) -> Message:
        """The message, without its time if a fault has changed that."""
        return replace(message, time=self.comparable_time(message.conversation, message.seq, message.time))

    def comparable_time(self, conversation: str, seq: int, time: str) -> str:
        return time if seq > self.aged.get(conversation, 0) else ""

    def is_removed(self, name: Name) -> bool:
        """Whether a message was stored and then removed, so that its cid may be stored again."""
        return any(
            ack.seq < self.first(self.attempts[ack.client, ack.id].conversation)
            for ack in self.fates[name].acks
        )

    def may_be_removed(self, attempt: Attempt) -> bool:
        """Whether an earlier attempt may have been stored, without an answer, and then removed. This one is
        then a new message, also for the check of the seat.
        """
        name = Name(attempt.client, attempt.cid)
        is_repeated = self.fates[name].attempts[0] is not attempt
        return is_repeated and self.first(attempt.conversation) > 1

    def name(self, message: Message) -> Name | None:
        """The name of a message; ``None`` for system messages and for messages that were never sent."""
        cid = self.cids.get((message.username, message.text))
        return Name(message.username, cid) if cid is not None and message.kind == "text" else None

    def born(self, message: Message) -> float:
        """The time of the first attempt to send it; 0 if that is unknown."""
        name = self.name(message)
        return self.fates[name].attempts[0].at if name in self.fates else 0.0

    def received_messages(self) -> Iterator[ReceivedMessage]:
        """All received messages, in order."""
        for record in self.history.records:
            if isinstance(record, Arrival):
                yield ReceivedMessage(record, record.message, record.cid)
            elif isinstance(record, Page | FullRead):
                cids = dict(record.cids)
                for message in record.messages:
                    yield ReceivedMessage(record, message, cids.get(message.seq, ""))

    def known_heads(self) -> Iterator[tuple[str, int, Record]]:
        """(conversation, seq, record): from the record on, the conversation is known to reach at least this
        seq.
        """
        for record in self.history.records:
            if isinstance(record, Ack):
                yield self.attempts[record.client, record.id].conversation, record.seq, record
            elif isinstance(record, Arrival):
                yield record.message.conversation, record.message.seq, record
            elif isinstance(record, Applied):
                yield record.conversation, record.seq, record
            elif isinstance(record, Page | FullRead) and record.messages:
                yield record.conversation, record.messages[-1].seq, record
            elif isinstance(record, HeadReport):
                yield record.conversation, record.head, record
