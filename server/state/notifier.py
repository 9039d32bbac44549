"""Everything told unasked that is no message: rooms, friends, presence, typing, how far I have read."""

from asyncio import AbstractEventLoop
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from chatroom.db import records
from chatroom.db.queries.changefeed import ClosedRoom
from chatroom.protocol import events, labels, values
from chatroom.protocol.frame import UNSET, Frame
from chatroom.protocol.wire import encode_frame
from chatroom.server.state.directory import LiveAccount, LiveDirectory, LiveSeat, Speaker, send_lines
from chatroom.server.state.serialize import friend_value, room_value
from msgspec import structs

SETTLE = 0.1
"""Seconds in which changes of rooms are gathered: a class entering its room is told of in a few lines, not in
n².
"""


class EventNotifier:
    def __init__(self, directory: LiveDirectory, loop: AbstractEventLoop) -> None:
        self._directory = directory
        self._loop = loop
        self._changed: dict[int, records.RoomRecord] = {}
        self._seen: dict[int, values.Room] = {}  # as rooms were told last

    def room_changed(self, room: records.RoomRecord) -> None:
        """Tell everybody who may see a room, soon, that it appeared or changed."""
        if not self._changed:
            self._loop.call_later(SETTLE, self._send_room_events)
        self._changed[room.conversation_id] = room
        self._seen[room.conversation_id] = _public_room_value(room)

    def room_seen(self, room: records.RoomRecord) -> None:
        """The same of a room that another server process may have changed."""
        if self._seen.get(room.conversation_id) != _public_room_value(room):
            self.room_changed(room)

    def _send_room_events(self) -> None:
        changed, self._changed = self._changed, {}
        seen = {id: _public_room_value(room) for id, room in changed.items()}
        plain = {id: _room_line(value) for id, value in seen.items()}
        public = b"".join(plain[id] for id, room in changed.items() if not room.private)
        for account in self._directory.accounts.values():
            own = {id for id, room in changed.items() if _has_own_view(account, room)}
            if own:
                lines = [
                    _room_line(_room_value_for(account, id, seen[id])) if id in own else plain[id]
                    for id, room in changed.items()
                    if id in own or not room.private
                ]
                send_lines(account.speakers, b"".join(lines))
            elif public:
                send_lines(account.speakers, public)

    def room_removed(
        self, account: LiveAccount, room: str, reason: str, by: str | None, *, but: Speaker | None = None
    ) -> None:
        """Tell an account's sessions that a room is theirs no longer."""
        self.send_event(account.speakers, _removed_event(room, reason, by), but=but)

    def room_closed(self, room: ClosedRoom) -> None:
        """Tell everybody who could see a room that there is none any more."""
        self._changed.pop(room.conversation_id, None)
        self._seen.pop(room.conversation_id, None)
        for account in self._directory.accounts.values():
            if not room.private or _has_own_view(account, room):
                self.room_removed(account, room.name, "close", room.by)

    def room_invited(self, account: LiveAccount, room: records.RoomRecord, by: str) -> None:
        value = room_value(replace(room, seat=None, invited=True))
        self.send_event(account.speakers, events.Invited(room=value, username=by))

    def own_room_changed(
        self, account: LiveAccount, room: records.RoomRecord, *, but: Speaker | None = None
    ) -> None:
        """Tell an account's other sessions what it entered or left."""
        self.send_event(account.speakers, events.Room(room=room_value(room)), but=but)

    def friend_changed(
        self, account: LiveAccount, direct: records.DirectRecord, *, but: Speaker | None = None
    ) -> None:
        """Tell an account's sessions that a friendship, or what it has entered of it, changed."""
        value = friend_value(direct, self._directory)
        self.send_event(account.speakers, events.Friend(friend=value, ended=direct.ended or UNSET), but=but)

    def read_moved(self, account: LiveAccount, seat: LiveSeat, *, but: Speaker | None = None) -> None:
        self.send_event(account.speakers, events.Read(conversation=seat.label, seq=seat.read), but=but)

    def user_typing(self, account: LiveAccount, seat: LiveSeat) -> None:
        """Tell the others who are in a room, or the friend, that an account is writing something there."""
        event = events.Typing(
            conversation=seat.label if seat.is_room else labels.direct_label(account.username),
            username=account.username,
            nickname=seat.nickname if seat.entered else account.username,
        )
        self.send_event(_sessions_of_others(account, _sessions_inside(seat)), event)

    def presence_changed(self, account: LiveAccount, *, online: bool) -> None:
        """Tell friends, and those who have a seat in a room with the account, that it came or went."""
        places = [id for id, seat in account.seats.items() if not seat.ended]
        self.send_event(
            _sessions_of_others(account, self._sessions_following(places)), _presence_event(account, online)
        )

    def presence_elsewhere(
        self, username: str, places: Iterable[int], blocked: Collection[int], *, online: bool
    ) -> None:
        """The same of an account that came to, or went from, another server process."""
        audience = _without_blocked(blocked, self._sessions_following(places))
        self.send_event(audience, events.Presence(username=username, online=online))

    def _sessions_following(self, places: Iterable[int]) -> set[Speaker]:
        """The sessions that follow any of these conversations."""
        live = (self._directory.conversations.get(id) for id in places)
        return {listener for one in live if one is not None for listener in one.listeners}

    def away_changed(self, account: LiveAccount, *, but: Speaker) -> None:
        """Tell them, and the account's other sessions, that it is away or back."""
        self.presence_changed(account, online=True)
        self.send_event(account.speakers, _presence_event(account, True), but=but)

    def hidden_changed(self, account: LiveAccount, other: LiveAccount, *, hidden: bool) -> None:
        """Tell an account that another one, in a room with it, went offline for it, or is back."""
        common = account.seats.keys() & other.seats.keys()
        if any(account.seats[id].is_room for id in common):
            self.send_event(other.speakers, _presence_event(account, not hidden))

    def send_event(self, speakers: Iterable[Speaker], event: Frame, *, but: Speaker | None = None) -> None:
        line = encode_frame(event)
        send_lines((speaker for speaker in speakers if speaker is not but), line)


def _presence_event(account: LiveAccount, online: bool) -> events.Presence:
    away = account.away if online else ""
    return events.Presence(username=account.username, online=online, away=away or UNSET)


def _sessions_of_others(account: LiveAccount, speakers: set[Speaker]) -> Iterator[Speaker]:
    """Of these, the sessions of other accounts, except those for which this one is offline."""
    return _without_blocked(account.blocked, speakers - account.speakers)


def _without_blocked(blocked: Collection[int], speakers: Iterable[Speaker]) -> Iterator[Speaker]:
    for speaker in speakers:
        if speaker.account is not None and speaker.account.id not in blocked:
            yield speaker


def _has_own_view(account: LiveAccount, room: records.RoomRecord | ClosedRoom) -> bool:
    """Whether an account sees a room otherwise than everybody does."""
    id = room.conversation_id
    return id in account.seats or id in account.invited or account.id == room.owner_id


def _sessions_inside(seat: LiveSeat) -> set[Speaker]:
    """The sessions of those who have entered the room, or of both who share the private chat."""
    id = seat.conversation.id
    return {
        listener
        for listener in seat.conversation.listeners
        if listener.account is not None and (not seat.is_room or listener.account.seats[id].entered)
    }


def _room_value_for(account: LiveAccount, id: int, seen: values.Room) -> values.Room:
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


def _public_room_value(room: records.RoomRecord) -> values.Room:
    return room_value(replace(room, seat=None, invited=False))


def _room_line(room: values.Room) -> bytes:
    return encode_frame(events.Room(room=room))


def _removed_event(room: str, reason: str, by: str | None) -> events.Removed:
    return events.Removed(room=labels.room_label(room), reason=reason, username=UNSET if by is None else by)
