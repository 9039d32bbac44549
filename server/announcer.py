"""Everything told unasked that is no message: rooms, friends, presence, typing, how far I have read."""

from asyncio import AbstractEventLoop
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from msgspec import structs

from db import records
from db.news import Closed
from protocol import events, labels, values
from protocol.frame import UNSET, Frame
from protocol.wire import encode
from server.live import Account, Directory, Seat, Speaker, send
from server.values import friend_value, room_value

SETTLE = 0.1
"""Seconds in which changes of rooms are gathered: a class entering its room is told of in a few lines, not in
n².
"""


class Announcer:
    def __init__(self, directory: Directory, loop: AbstractEventLoop) -> None:
        self._directory = directory
        self._loop = loop
        self._changed: dict[int, records.Room] = {}
        self._seen: dict[int, values.Room] = {}  # as rooms were told last

    def room_changed(self, room: records.Room) -> None:
        """Tell everybody who may see a room, soon, that it appeared or changed."""
        if not self._changed:
            self._loop.call_later(SETTLE, self._tell_rooms)
        self._changed[room.conversation_id] = room
        self._seen[room.conversation_id] = _seen_by_anybody(room)

    def room_seen(self, room: records.Room) -> None:
        """The same of a room that another server process may have changed."""
        if self._seen.get(room.conversation_id) != _seen_by_anybody(room):
            self.room_changed(room)

    def _tell_rooms(self) -> None:
        changed, self._changed = self._changed, {}
        seen = {id: _seen_by_anybody(room) for id, room in changed.items()}
        plain = {id: _line(value) for id, value in seen.items()}
        public = b"".join(plain[id] for id, room in changed.items() if not room.private)
        for account in self._directory.accounts.values():
            own = {id for id, room in changed.items() if _is_special(account, room)}
            if own:
                lines = [
                    _line(_own_value(account, id, seen[id])) if id in own else plain[id]
                    for id, room in changed.items()
                    if id in own or not room.private
                ]
                send(account.speakers, b"".join(lines))
            elif public:
                send(account.speakers, public)

    def removed(
        self, account: Account, room: str, reason: str, by: str | None, *, but: Speaker | None = None
    ) -> None:
        """Tell an account's sessions that a room is theirs no longer."""
        self.tell(account.speakers, _removed(room, reason, by), but=but)

    def room_closed(self, room: Closed) -> None:
        """Tell everybody who could see a room that there is none any more."""
        self._changed.pop(room.conversation_id, None)
        self._seen.pop(room.conversation_id, None)
        for account in self._directory.accounts.values():
            if not room.private or _is_special(account, room):
                self.removed(account, room.name, "close", room.by)

    def invited(self, account: Account, room: records.Room, by: str) -> None:
        value = room_value(replace(room, seat=None, invited=True))
        self.tell(account.speakers, events.Invited(room=value, username=by))

    def own_room_changed(self, account: Account, room: records.Room, *, but: Speaker | None = None) -> None:
        """Tell an account's other sessions what it entered or left."""
        self.tell(account.speakers, events.Room(room=room_value(room)), but=but)

    def friend_changed(self, account: Account, direct: records.Direct, *, but: Speaker | None = None) -> None:
        """Tell an account's sessions that a friendship, or what it has entered of it, changed."""
        value = friend_value(direct, self._directory)
        self.tell(account.speakers, events.Friend(friend=value, ended=direct.ended or UNSET), but=but)

    def read(self, account: Account, seat: Seat, *, but: Speaker | None = None) -> None:
        self.tell(account.speakers, events.Read(conversation=seat.label, seq=seat.read), but=but)

    def typing(self, account: Account, seat: Seat) -> None:
        """Tell the others who are in a room, or the friend, that an account is writing something there."""
        event = events.Typing(
            conversation=seat.label if seat.is_room else labels.direct(account.username),
            username=account.username,
            nickname=seat.nickname if seat.entered else account.username,
        )
        self.tell(_others(account, _attentive(seat)), event)

    def presence(self, account: Account, *, online: bool) -> None:
        """Tell friends, and those who have a seat in a room with the account, that it came or went."""
        places = [id for id, seat in account.seats.items() if not seat.ended]
        self.tell(_others(account, self._listeners(places)), _presence(account, online))

    def presence_elsewhere(
        self, username: str, places: Iterable[int], blocked: Collection[int], *, online: bool
    ) -> None:
        """The same of an account that came to, or went from, another server process."""
        audience = _not_among(blocked, self._listeners(places))
        self.tell(audience, events.Presence(username=username, online=online))

    def _listeners(self, places: Iterable[int]) -> set[Speaker]:
        """The sessions that follow any of these conversations."""
        live = (self._directory.conversations.get(id) for id in places)
        return {listener for one in live if one is not None for listener in one.listeners}

    def away(self, account: Account, *, but: Speaker) -> None:
        """Tell them, and the account's other sessions, that it is away or back."""
        self.presence(account, online=True)
        self.tell(account.speakers, _presence(account, True), but=but)

    def hide(self, account: Account, other: Account, *, hidden: bool) -> None:
        """Tell an account that another one, in a room with it, went offline for it, or is back."""
        common = account.seats.keys() & other.seats.keys()
        if any(account.seats[id].is_room for id in common):
            self.tell(other.speakers, _presence(account, not hidden))

    def tell(self, speakers: Iterable[Speaker], event: Frame, *, but: Speaker | None = None) -> None:
        line = encode(event)
        send((speaker for speaker in speakers if speaker is not but), line)


def _presence(account: Account, online: bool) -> events.Presence:
    away = account.away if online else ""
    return events.Presence(username=account.username, online=online, away=away or UNSET)


def _others(account: Account, speakers: set[Speaker]) -> Iterator[Speaker]:
    """Of these, the sessions of other accounts, except those for which this one is offline."""
    return _not_among(account.blocked, speakers - account.speakers)


def _not_among(blocked: Collection[int], speakers: Iterable[Speaker]) -> Iterator[Speaker]:
    for speaker in speakers:
        if speaker.account is not None and speaker.account.id not in blocked:
            yield speaker


def _is_special(account: Account, room: records.Room | Closed) -> bool:
    """Whether an account sees a room otherwise than everybody does."""
    id = room.conversation_id
    return id in account.seats or id in account.invited or account.id == room.owner_id


def _attentive(seat: Seat) -> set[Speaker]:
    """The sessions of those who have entered the room, or of both who share the private chat."""
    id = seat.conversation.id
    return {
        listener
        for listener in seat.conversation.listeners
        if listener.account is not None and (not seat.is_room or listener.account.seats[id].entered)
    }


def _own_value(account: Account, id: int, seen: values.Room) -> values.Room:
    """A changed room as a member, the owner, or somebody invited sees it, as of now; ``seen`` is what
    everybody sees. A room of thousands is told to each of them, so this is made of what is there.
    """
    invited = id in account.invited or UNSET
    seat = account.seats.get(id)
    if seat is None:
        return structs.replace(seen, invited=invited)
    return structs.replace(
        seen,
        invited=invited,
        member=True,
        entered=seat.entered,
        nickname=seat.nickname or UNSET,
        head=seat.conversation.head,
        read=seat.read,
        unread=seat.unread,
    )


def _seen_by_anybody(room: records.Room) -> values.Room:
    return room_value(replace(room, seat=None, invited=False))


def _line(room: values.Room) -> bytes:
    return encode(events.Room(room=room))


def _removed(room: str, reason: str, by: str | None) -> events.Removed:
    return events.Removed(room=labels.room(room), reason=reason, username=UNSET if by is None else by)
