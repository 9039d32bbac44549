"""Turns what this process commits into hints, and the hints of other processes into calls.

``hint_frames`` describes hints, ``nats_bus`` carries them. Messages go to the subject of their conversation,
which the processes with a follower of it have subscribed to; everything else goes to all.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from msgspec.structs import replace

from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.records import StoredMessage
from chatroom.db.writer.remote_messages import MessageHint
from chatroom.db.writer.write_batch import WriteBatch
from chatroom.protocol.values import now_milliseconds
from chatroom.server.cluster.hint_frames import (
    AttemptHint,
    AwayAccount,
    AwayHint,
    ChangesHint,
    ForgedHint,
    HelloHint,
    Hint,
    HintCodec,
    HintEnvelope,
    MessagesHint,
    TypingHint,
)
from chatroom.server.cluster.nats_bus import NatsBus
from chatroom.server.state.directory import LiveAccount, LiveDirectory, LiveSeat

MAX_HINT_CHARACTERS = 100_000
"""Characters of text in one hint; NATS takes 1 MiB. More messages go into several hints."""

AWAY_SECONDS = 10.0
"""Interval in which all away messages are repeated."""

_conversation = attrgetter("conversation_id")


@dataclass
class HintCounters:
    """How many hints were sent, received and refused, and the delay of the last one in milliseconds."""

    sent: int = 0
    received: int = 0
    forged: int = 0
    lag: int = 0


@dataclass(frozen=True, kw_only=True)
class HintListeners:
    """What is done with the hints of other processes."""

    messages: Callable[[MessageHint], None]
    changes: Callable[[bytes, int, ChangeSet], None]
    typing: Callable[[TypingHint], None]
    away: Callable[[AwayAccount], None]
    attempt: Callable[[AttemptHint], None]
    hello: Callable[[], None]


class HintExchange:
    def __init__(self, server_id: bytes, codec: HintCodec, directory: LiveDirectory) -> None:
        self._server_id = server_id
        self._codec = codec
        self._directory = directory
        self._bus: NatsBus | None = None
        self._listeners: HintListeners | None = None
        self._serial = time.time_ns()
        self._serials: dict[bytes, int] = {}  # of the last hint that must not be repeated, by sender
        self._away: dict[bytes, set[int]] = {}  # accounts that are away, by sender
        self.counters = HintCounters()

    def connect(self, bus: NatsBus, listeners: HintListeners) -> None:
        self._bus, self._listeners = bus, listeners
        bus.follow(self._codec.common_subject)

    # From this process

    def follow_conversation(self, conversation_id: int) -> None:
        if self._bus is not None:
            self._bus.follow(self._codec.conversation_subject(conversation_id))

    def unfollow_conversation(self, conversation_id: int) -> None:
        if self._bus is not None:
            self._bus.unfollow(self._codec.conversation_subject(conversation_id))

    def batch_committed(self, batch: WriteBatch) -> None:
        for id, run in groupby(sorted(batch.stored_here, key=_conversation), key=_conversation):
            for part in _split_run(list(run)):
                hint = MessagesHint(id, batch.rosters[id], part)
                self._send(hint, self._codec.conversation_subject(id))
        if not batch.changes.is_only_appended:
            self._send(ChangesHint(batch.number, replace(batch.changes, appended=set(), heads={})))

    def user_typing(self, account: LiveAccount, seat: LiveSeat) -> None:
        conversation = seat.conversation
        nickname = seat.nickname if seat.entered else account.username
        hint = TypingHint(
            conversation.id,
            conversation.roster,
            account.id,
            account.username,
            nickname,
            list(account.blocked),
        )
        self._send(hint, self._codec.conversation_subject(conversation.id))

    def away_changed(self, account: LiveAccount) -> None:
        self._send(AwayHint([_away_account(account)]))

    def send_all_away(self) -> None:
        """Repeat all away messages, for processes that have missed one."""
        away = [_away_account(account) for account in self._directory.accounts.values() if account.away]
        self._send(AwayHint(away, complete=True))

    def attempt_made(self, key: bytes, address: str, failed: bool) -> None:
        self._send(AttemptHint(key, address, failed))

    def say_hello(self) -> None:
        self._send(HelloHint())

    def _send(self, hint: Hint, subject: str | None = None) -> None:
        if self._bus is None or not self._bus.is_connected:
            return
        self._serial += 1
        envelope = HintEnvelope(self._server_id, self._serial, now_milliseconds(), hint)
        self._bus.publish(subject or self._codec.common_subject, self._codec.encode(envelope))
        self.counters.sent += 1

    # From other processes

    def receive_frame(self, frame: bytes) -> None:
        try:
            envelope = self._codec.decode(frame)
        except ForgedHint:
            self.counters.forged += 1
            return
        if envelope.sender == self._server_id or self._listeners is None:
            return
        self.counters.received += 1
        self.counters.lag = now_milliseconds() - envelope.sent_at
        self._apply_hint(envelope, self._listeners)

    def _apply_hint(self, envelope: HintEnvelope, listeners: HintListeners) -> None:
        match envelope.hint:
            case MessagesHint(conversation_id=id, roster=roster, messages=messages):
                listeners.messages(MessageHint(id, roster, messages))
            case ChangesHint(number=number, changes=changes):
                listeners.changes(envelope.sender, number, changes)
            case TypingHint() as typing:
                if self._is_new(envelope):
                    listeners.typing(typing)
            case AwayHint() as away:
                if self._is_new(envelope):
                    self._apply_away(envelope.sender, away, listeners)
            case AttemptHint() as attempt:
                if self._is_new(envelope):
                    listeners.attempt(attempt)
            case HelloHint():
                listeners.hello()

    def _is_new(self, envelope: HintEnvelope) -> bool:
        """Whether a hint that must not be applied twice, or late, is newer than all such hints before."""
        if envelope.serial <= self._serials.get(envelope.sender, 0):
            return False
        self._serials[envelope.sender] = envelope.serial
        return True

    def _apply_away(self, sender: bytes, hint: AwayHint, listeners: HintListeners) -> None:
        before = self._away.setdefault(sender, set())
        now = {account.id for account in hint.accounts if account.text}
        if hint.complete:
            for id in before - now:
                listeners.away(AwayAccount(id, "", "", [], []))
            before.clear()
        for account in hint.accounts:
            listeners.away(account)
            before.discard(account.id)
        before |= now


def _split_run(run: Sequence[StoredMessage]) -> Iterator[list[StoredMessage]]:
    part: list[StoredMessage] = []
    size = 0
    for message in run:
        if part and size + len(message.text) > MAX_HINT_CHARACTERS:
            yield part
            part, size = [], 0
        part.append(message)
        size += len(message.text) + 100
    yield part


def _away_account(account: LiveAccount) -> AwayAccount:
    follows = [id for id, seat in account.seats.items() if not seat.ended]
    return AwayAccount(account.id, account.username, account.away, follows, list(account.blocked))


async def repeat_away(exchange: HintExchange) -> None:
    """Repeat the away messages for as long as the server runs."""
    while True:
        await asyncio.sleep(AWAY_SECONDS)
        exchange.send_all_away()
