"""The registry of connected sessions, their accounts and the conversations that they follow.

It is derived from the database. Only the event loop changes it, after each commit and in commit order, so it
always equals a recently committed state. It does no I/O and checks no permissions.

A ``LiveAccount`` exists while it has a session or its grace time runs; a ``LiveConversation`` while a live
account has a ``LiveSeat`` in it.
"""

from asyncio import TimerHandle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from chatroom.db import records
from chatroom.protocol import labels, names
from chatroom.protocol.errors import ChatError
from chatroom.server.net.limits import TokenBucket

SESSION_NUMBERS = [count(1)]
"""The numbers of the next sessions."""

MAX_WORKERS = 1000


def number_sessions_of(worker: int) -> None:
    """Give the sessions of a worker numbers that those of no other worker have."""
    SESSION_NUMBERS[0] = count(worker, MAX_WORKERS)


@dataclass(eq=False, slots=True)
class Speaker:
    """A session as the rest of the server sees it. ``account`` is ``None`` before login."""

    address: str
    send_event: Callable[[bytes], None]
    close: Callable[[ChatError], None]
    sends: TokenBucket  # limits messages
    hints: TokenBucket  # limits typing hints
    account: "LiveAccount | None" = None
    hashes: int = 0  # password hashes requested by this connection
    reads: int = 0  # queries requested by this connection
    family: bytes = b""  # the id of the session's token family
    token: bytes = b""  # digest of the current token
    since: int = 0  # time of the last login or password check, in milliseconds since 1970
    session_epoch: int = 0  # the account's session epoch at that time
    number: int = field(default_factory=lambda: next(SESSION_NUMBERS[0]))  # the id in ``admin sessions``

    @property
    def charged_key(self) -> int:
        """Who is charged for requests: the account, or before login this connection."""
        return -self.number if self.account is None else self.account.id


@dataclass(eq=False, slots=True)
class LiveConversation:
    """A conversation that a live account follows. A private chat has no ``name``: each side has its own."""

    id: int
    name: str
    roster: int
    head: int
    first: int = 1  # the seq before which all messages were removed
    spoken: int = 0  # messages without notices, since this object exists
    seats: int = 0  # seats of live accounts; the conversation is dropped with the last one
    listeners: set[Speaker] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class LiveSeat:
    """A live account's seat in a conversation. ``label`` is the account's name for it: ``#thuhole``,
    ``@Bob``."""

    conversation: LiveConversation
    label: str
    nickname: str
    entered: bool
    read: int
    ended: bool = False  # a private chat after the friendship: read-only
    key: tuple[str, bytes] = ("", b"")  # lookup key of the label
    _unread_base: int = 0

    @property
    def unread(self) -> int:
        return self.conversation.spoken - self._unread_base

    def set_unread(self, unread: int) -> None:
        self._unread_base = self.conversation.spoken - unread

    def count_own_message(self) -> None:
        """Exclude one of the account's own messages from ``unread``."""
        self._unread_base += 1

    @property
    def is_room(self) -> bool:
        return bool(self.conversation.name)

    @property
    def may_send(self) -> bool:
        return self.entered if self.conversation.name else not self.ended


@dataclass(eq=False, slots=True)
class LiveAccount:
    """An account with a session, or in its grace time."""

    id: int
    username: str
    speakers: set[Speaker] = field(default_factory=set)
    seats: dict[int, LiveSeat] = field(default_factory=dict)  # by conversation id
    labels: dict[str, LiveSeat] = field(default_factory=dict)  # by stored label, the usual spelling
    keys: dict[tuple[str, bytes], LiveSeat] = field(default_factory=dict)  # by label key, for any spelling
    invited: set[int] = field(default_factory=set)  # ids of rooms
    blocked: set[int] = field(default_factory=set)  # ids of accounts
    away: str = ""  # the away message, or empty
    away_sent: str = ""  # as others know it
    away_timer: TimerHandle | None = None  # until a change of it is sent
    seats_lost: int = 0  # grows with each lost seat, so that reads under that seat are repeated

    def count_entered(self) -> int:
        """Return the number of conversations that the account has entered."""
        return sum(seat.entered for seat in self.seats.values())


def send_lines(speakers: Iterable[Speaker], lines: bytes) -> None:
    for speaker in speakers:
        speaker.send_event(lines)


class LiveDirectory:
    """All live accounts and conversations, by id."""

    def __init__(self) -> None:
        self.accounts: dict[int, LiveAccount] = {}
        self.conversations: dict[int, LiveConversation] = {}
        self.elsewhere: set[int] = set()  # accounts with a session on another server process
        self.away_elsewhere: dict[int, str] = {}  # away messages of these accounts
        self.room_renamed: Callable[[records.RoomRecord], None] = lambda room: None
        self.conversation_added: Callable[[int], None] = lambda id: None
        self.conversation_dropped: Callable[[int], None] = lambda id: None

    def all_speakers(self) -> Iterator[Speaker]:
        """Iterate over all sessions."""
        for account in self.accounts.values():
            yield from account.speakers

    def is_online(self, account_id: int) -> bool:
        return account_id in self.accounts or account_id in self.elsewhere

    def away_text(self, account_id: int) -> str:
        """Return the away message of an account; empty if it is not live or not away."""
        account = self.accounts.get(account_id)
        return self.away_elsewhere.get(account_id, "") if account is None else account.away

    def find_account(self, account_id: int) -> LiveAccount | None:
        return self.accounts.get(account_id)

    def add_account(self, account_id: int, username: str) -> LiveAccount:
        account = self.accounts.get(account_id)
        if account is None:
            account = self.accounts[account_id] = LiveAccount(account_id, username)
            account.away = self.away_elsewhere.get(account_id, "")
        return account

    def drop_account(self, account: LiveAccount) -> None:
        for seat in list(account.seats.values()):
            self.drop_seat(account, seat.conversation.id)
        self.accounts.pop(account.id, None)

    def add_speaker(self, account: LiveAccount, speaker: Speaker) -> None:
        speaker.account = account
        account.speakers.add(speaker)
        for seat in account.seats.values():
            seat.conversation.listeners.add(speaker)

    def drop_speaker(self, speaker: Speaker) -> LiveAccount | None:
        account, speaker.account = speaker.account, None
        if account is not None:
            account.speakers.discard(speaker)
            for seat in account.seats.values():
                seat.conversation.listeners.discard(speaker)
        return account

    def update_name(self, room: records.RoomRecord) -> None:
        """Take over the name of a room that was renamed, and then call ``room_renamed``."""
        conversation = self.conversations.get(room.conversation_id)
        if conversation is None or conversation.name in ("", room.name):
            return
        conversation.name, label = room.name, labels.room_label(room.name)
        for account, seat in self.seats_in(conversation.id):
            del account.labels[seat.label], account.keys[seat.key]
            seat.label, seat.key = label, _label_key(label)
            account.labels[label] = account.keys[seat.key] = seat
        self.room_renamed(room)

    def seat_in_room(self, account: LiveAccount, room: records.RoomRecord) -> None:
        """Add or update a seat in a room from the database."""
        assert room.seat is not None
        self.update_name(room)
        self._put_seat(account, room, room.seat, labels.room_label(room.name), name=room.name)

    def seat_in_direct(self, account: LiveAccount, direct: records.DirectRecord) -> None:
        self._put_seat(account, direct, direct.seat, labels.direct_label(direct.friend), ended=direct.ended)

    def _put_seat(
        self,
        account: LiveAccount,
        record: records.RoomRecord | records.DirectRecord,
        stored: records.SeatRecord,
        label: str,
        *,
        name: str = "",
        ended: bool = False,
    ) -> None:
        if self.accounts.get(account.id) is not account:
            return  # its sessions ended while the record was read
        id = record.conversation_id
        conversation = self.conversations.get(id)
        if conversation is None:
            conversation = self.conversations[id] = LiveConversation(id, name, record.roster, record.head)
            self.conversation_added(id)
        conversation.roster = record.roster
        conversation.first = max(conversation.first, record.first)
        seat = account.seats.get(id)
        if seat is None:
            seat = LiveSeat(conversation, label, stored.nickname or "", stored.entered, stored.read)
            seat.key = _label_key(label)
            account.seats[id] = account.labels[label] = account.keys[seat.key] = seat
            conversation.seats += 1
            conversation.listeners |= account.speakers
        elif seat.label != label:
            del account.labels[seat.label], account.keys[seat.key]
            seat.label, seat.key = label, _label_key(label)
            account.labels[label] = account.keys[seat.key] = seat
        seat.nickname, seat.entered, seat.read = stored.nickname or "", stored.entered, stored.read
        seat.ended = ended
        seat.set_unread(stored.unread)

    def drop_seat(self, account: LiveAccount, conversation_id: int) -> None:
        seat = account.seats.pop(conversation_id, None)
        if seat is None:
            return
        account.seats_lost += 1
        del account.labels[seat.label], account.keys[seat.key]
        seat.conversation.listeners -= account.speakers
        seat.conversation.seats -= 1
        if not seat.conversation.seats and conversation_id in self.conversations:
            del self.conversations[conversation_id]
            self.conversation_dropped(conversation_id)

    def seats_in(self, conversation_id: int) -> list[tuple[LiveAccount, LiveSeat]]:
        """Return the live accounts with a seat in a conversation, and the seats."""
        return [
            (account, account.seats[conversation_id])
            for account in self.accounts.values()
            if conversation_id in account.seats
        ]

    def set_roster(self, conversation_id: int, roster: int) -> None:
        """Set the roster version, so that permissions checked under an older one are checked again."""
        if conversation := self.conversations.get(conversation_id):
            conversation.roster = roster

    def find_seat(self, account: LiveAccount, label: str) -> LiveSeat | None:
        """Return the seat with a label, in any spelling of the name, or ``None``."""
        return account.labels.get(label) or account.keys.get(_label_key(label))


def _label_key(label: str) -> tuple[str, bytes]:
    """Return the lookup key of a label: its kind and the key of its name."""
    return label[:1], names.name_key(label[1:])
