"""What is live: who is connected, and what they would have to be told. The kept counterpart is ``db.schema``.

All of it is derived from the database and changed on the loop alone, by what a commit's answer says, in
commit order; so it always equals what is committed, a moment ago. Nothing here waits or decides.

An ``LiveAccount`` is here as long as somebody speaks for it or its grace time runs; a ``LiveConversation``
as long as
an account with a ``LiveSeat`` in it is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from chatroom.db import records
from chatroom.protocol import labels, names
from chatroom.protocol.errors import ChatError
from chatroom.server.net.limits import TokenBucket


@dataclass(eq=False, slots=True)
class Speaker:
    """Who speaks on a connection, as everything behind the session knows them. Nobody yet: ``account`` is
    ``None``.
    """

    address: str
    send_event: Callable[[bytes], None]
    close: Callable[[ChatError], None]
    sends: TokenBucket  # how fast this one may speak
    hints: TokenBucket  # how often this one may let others know that something is being typed
    account: "LiveAccount | None" = None
    hashes: int = 0  # of passwords that it has asked for
    family: bytes = b""  # of the session's tokens
    token: bytes = b""  # the digest of the one that it was given
    since: int = 0  # when it logged in, or last proved to be the owner: milliseconds since 1970
    session_epoch: int = 0  # the account's when it did so
    number: int = field(default_factory=count(1).__next__)  # what an administrator calls it


@dataclass(eq=False, slots=True)
class LiveConversation:
    """A conversation that somebody here follows. A private chat has no ``name``: each side has its own."""

    id: int
    name: str
    roster: int
    head: int
    spoken: int = 0  # messages that people would call messages, since this is live
    seats: int = 0  # of live accounts; with the last one the conversation is live no longer
    listeners: set[Speaker] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class LiveSeat:
    """A live account's place in a conversation, and what the account calls it: ``#thuhole``, ``@Bob``."""

    conversation: LiveConversation
    label: str
    nickname: str
    entered: bool
    read: int
    ended: bool = False  # a private chat whose friendship is over: readable, no more
    key: tuple[str, bytes] = ("", b"")  # of the label, in whatever spelling
    _unread_base: int = 0

    @property
    def unread(self) -> int:
        return self.conversation.spoken - self._unread_base

    def set_unread(self, unread: int) -> None:
        self._unread_base = self.conversation.spoken - unread

    def count_own_message(self) -> None:
        """One of the conversation's messages was the account's own."""
        self._unread_base += 1

    @property
    def is_room(self) -> bool:
        return bool(self.conversation.name)

    @property
    def may_send(self) -> bool:
        return self.entered if self.conversation.name else not self.ended


@dataclass(eq=False, slots=True)
class LiveAccount:
    """An account with somebody speaking for it, or in its grace time."""

    id: int
    username: str
    speakers: set[Speaker] = field(default_factory=set)
    seats: dict[int, LiveSeat] = field(default_factory=dict)  # by conversation id
    labels: dict[str, LiveSeat] = field(
        default_factory=dict
    )  # by label as stored, the spelling that clients use
    keys: dict[tuple[str, bytes], LiveSeat] = field(default_factory=dict)  # by the label's key: any spelling
    invited: set[int] = field(default_factory=set)  # to these rooms
    blocked: set[int] = field(default_factory=set)  # these accounts
    away: str = ""  # what it lets others know of being away, if it is
    seats_lost: int = 0  # grows with each seat that it loses: what was read under the seat is read again


def send_lines(speakers: Iterable[Speaker], lines: bytes) -> None:
    for speaker in speakers:
        speaker.send_event(lines)


class LiveDirectory:
    """Everything live, by id."""

    def __init__(self) -> None:
        self.accounts: dict[int, LiveAccount] = {}
        self.conversations: dict[int, LiveConversation] = {}
        self.elsewhere: set[int] = set()  # accounts with a session on another server process

    def all_speakers(self) -> Iterator[Speaker]:
        """Every session."""
        for account in self.accounts.values():
            yield from account.speakers

    def is_online(self, account_id: int) -> bool:
        return account_id in self.accounts or account_id in self.elsewhere

    def away_text(self, account_id: int) -> str:
        """What an account lets others know of being away, as far as it is here and is away."""
        account = self.accounts.get(account_id)
        return "" if account is None else account.away

    def find_account(self, account_id: int) -> LiveAccount | None:
        return self.accounts.get(account_id)

    def add_account(self, account_id: int, username: str) -> LiveAccount:
        return self.accounts.setdefault(account_id, LiveAccount(account_id, username))

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

    def seat_in_room(self, account: LiveAccount, room: records.RoomRecord) -> None:
        """Put what the database says of an account's seat in a room."""
        assert room.seat is not None
        self._put_seat(account, room, room.seat, labels.room_label(room.name), name=room.name)

    def seat_in_direct(self, account: LiveAccount, direct: records.DirectRecord) -> None:
        self._put_seat(account, direct, direct.seat, labels.direct_label(direct.friend), ended=direct.ended)

    def _put_seat(
        self,
        account: LiveAccount,
        found: records.RoomRecord | records.DirectRecord,
        kept: records.SeatRecord,
        label: str,
        *,
        name: str = "",
        ended: bool = False,
    ) -> None:
        if self.accounts.get(account.id) is not account:
            return  # its sessions were ended while this was on its way
        id = found.conversation_id
        conversation = self.conversations.get(id)
        if conversation is None:
            conversation = self.conversations[id] = LiveConversation(id, name, found.roster, found.head)
        conversation.roster = found.roster
        seat = account.seats.get(id)
        if seat is None:
            seat = LiveSeat(conversation, label, kept.nickname or "", kept.entered, kept.read)
            seat.key = _label_key(label)
            account.seats[id] = account.labels[label] = account.keys[seat.key] = seat
            conversation.seats += 1
            conversation.listeners |= account.speakers
        seat.nickname, seat.entered, seat.read = kept.nickname or "", kept.entered, kept.read
        seat.ended = ended
        seat.set_unread(kept.unread)

    def drop_seat(self, account: LiveAccount, conversation_id: int) -> None:
        seat = account.seats.pop(conversation_id, None)
        if seat is None:
            return
        account.seats_lost += 1
        del account.labels[seat.label], account.keys[seat.key]
        seat.conversation.listeners -= account.speakers
        seat.conversation.seats -= 1
        if not seat.conversation.seats:
            self.conversations.pop(conversation_id, None)

    def seats_in(self, conversation_id: int) -> list[tuple[LiveAccount, LiveSeat]]:
        """The accounts here that have a seat there."""
        return [
            (account, account.seats[conversation_id])
            for account in self.accounts.values()
            if conversation_id in account.seats
        ]

    def set_roster(self, conversation_id: int, roster: int) -> None:
        """Who may read or speak there has changed: what was checked before is checked again."""
        if conversation := self.conversations.get(conversation_id):
            conversation.roster = roster

    def find_seat(self, account: LiveAccount, label: str) -> LiveSeat | None:
        """The seat that a request means, in whatever spelling of the name."""
        return account.labels.get(label) or account.keys.get(_label_key(label))


def _label_key(label: str) -> tuple[str, bytes]:
    """What a conversation is found by: its kind, and the key of its name."""
    return label[:1], names.name_key(label[1:])
