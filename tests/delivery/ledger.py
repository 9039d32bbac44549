"""A history put in order for ``check``: who sent what, how it was answered, where it finally stands."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.delivery.history import (
    Ack,
    Applied,
    Arrival,
    Attempt,
    History,
    Message,
    Page,
    Record,
    Refusal,
    Told,
    Whole,
)

NOTICES = frozenset({"enter", "leave", "nick"})
"""The kinds of message that nobody sends: the server tells with them who came and went."""


class Name(NamedTuple):
    """What identifies something said, for ever: its author and the author's own id of it."""

    author: str
    cid: str

    def __str__(self) -> str:
        return f"{self.author}'s {self.cid}"


@dataclass(slots=True)
class Story:
    """Everything that happened to one cid."""

    attempts: list[Attempt] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    places: list[Message] = field(default_factory=list)  # where it stands in the end

    @property
    def is_proper(self) -> bool:
        """Whether it deserved to be stored."""
        return any(not attempt.doomed for attempt in self.attempts)

    @property
    def was_refused(self) -> bool:
        """Whether it was never stored, by the server's own word: every copy got a definite no."""
        answered = {refusal.id for refusal in self.refusals if refusal.is_definite}
        return not self.acks and all(attempt.id in answered for attempt in self.attempts)


class Sight(NamedTuple):
    """Somebody was shown a message."""

    by: Record
    message: Message
    cid: str


class Ledger:
    """The same facts, found by name."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.attempts = {(attempt.client, attempt.id): attempt for attempt in history.of(Attempt)}
        self.stories: dict[Name, Story] = defaultdict(Story)
        self.cids = {(each.client, each.text): each.cid for each in self.attempts.values()}
        self.wholes: dict[str, list[Whole]] = defaultdict(list)
        self._tell_stories()

    def _tell_stories(self) -> None:
        for attempt in self.attempts.values():
            self.stories[Name(attempt.client, attempt.cid)].attempts.append(attempt)
        for ack in self.history.of(Ack):
            self.stories[Name(ack.client, ack.cid)].acks.append(ack)
        for refusal in self.history.of(Refusal):
            self.stories[Name(refusal.client, refusal.cid)].refusals.append(refusal)
        for whole in self.history.of(Whole):
            self.wholes[whole.conversation].append(whole)
        for message in self.finals():
            if (name := self.name(message)) is not None:
                self.stories[name].places.append(message)

    def finals(self) -> Iterator[Message]:
        """All that stands in the end, conversation by conversation."""
        for conversation in self.wholes:
            yield from self.final(conversation)

    def final(self, conversation: str) -> tuple[Message, ...]:
        """The conversation as it was read from 1 in the end, or nothing where nobody could."""
        wholes = self.wholes.get(conversation)
        return wholes[0].messages if wholes else ()

    def name(self, message: Message) -> Name | None:
        """Whose word a message is; ``None`` for a notice, and for what nobody ever said."""
        cid = self.cids.get((message.username, message.text))
        return Name(message.username, cid) if cid is not None and message.kind == "text" else None

    def born(self, message: Message) -> float:
        """When somebody first tried to say it, before which it was not there; 0 where that is not known."""
        name = self.name(message)
        return self.stories[name].attempts[0].at if name in self.stories else 0.0

    def sights(self) -> Iterator[Sight]:
        """Everything that anybody was ever shown, in order."""
        for record in self.history.records:
            if isinstance(record, Arrival):
                yield Sight(record, record.message, record.cid)
            elif isinstance(record, Page | Whole):
                cids = dict(record.cids)
                for message in record.messages:
                    yield Sight(record, message, cids.get(message.seq, ""))

    def knowledge(self) -> Iterator[tuple[str, int, Record]]:
        """Conversation, seq, record: from then on, the conversation is known to go at least that far."""
        for record in self.history.records:
            if isinstance(record, Ack):
                yield self.attempts[record.client, record.id].conversation, record.seq, record
            elif isinstance(record, Arrival):
                yield record.message.conversation, record.message.seq, record
            elif isinstance(record, Applied):
                yield record.conversation, record.seq, record
            elif isinstance(record, Page | Whole) and record.messages:
                yield record.conversation, record.messages[-1].seq, record
            elif isinstance(record, Told):
                yield record.conversation, record.head, record
