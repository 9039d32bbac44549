"""Everything told unasked that is no message: rooms, friends, presence, how far I have read."""

from asyncio import AbstractEventLoop
from collections.abc import Iterable
from dataclasses import replace

from db import records
from protocol import events
from protocol.frame import UNSET, Frame
from protocol.wire import encode
from server.live import Account, Directory, Seat, Speaker, friend_value, room_value, send

SETTLE = 0.1
"""Seconds in which changes of rooms are gathered: a class entering its room is told of in a few lines, not in
n².
"""


class Announcer:
    def __init__(self, directory: Directory, loop: AbstractEventLoop) -> None:
        self._directory = directory
        self._loop = loop
        self._changed: dict[int, records.Room] = {}

    def room_changed(self, room: records.Room) -> None:
        """Tell everybody, soon, that a room appeared or that its seats changed."""
        if not self._changed:
            self._loop.call_later(SETTLE, self._tell_rooms)
        self._changed[room.conversation_id] = room

    def _tell_rooms(self) -> None:
        changed, self._changed = self._changed, {}
        lines = {
            id: encode(events.Room(room=room_value(replace(room, seat=None)))) for id, room in changed.items()
        }
        everybody = b"".join(lines.values())
        for account in self._directory.accounts.values():
            if changed.keys() & account.seats.keys():
                mine = lines | {
                    id: _own_line(account, changed[id]) for id in changed.keys() & account.seats.keys()
                }
                send(account.speakers, b"".join(mine.values()))
            else:
                send(account.speakers, everybody)

    def own_room_changed(self, account: Account, room: records.Room, *, but: Speaker | None = None) -> None:
        """Tell an account's other sessions what it entered or left."""
        self.tell(account.speakers, events.Room(room=room_value(room)), but=but)

    def friend_changed(self, account: Account, direct: records.Direct, *, but: Speaker | None = None) -> None:
        """Tell an account's sessions that a friendship, or what it has entered of it, changed."""
        value = friend_value(direct, self._directory.is_online(direct.friend_id))
        self.tell(account.speakers, events.Friend(friend=value, ended=direct.ended or UNSET), but=but)

    def read(self, account: Account, seat: Seat, *, but: Speaker) -> None:
        self.tell(account.speakers, events.Read(conversation=seat.label, seq=seat.read), but=but)

    def presence(self, account: Account, friends: Iterable[int], *, online: bool) -> None:
        """Tell friends, and those who are in a room with the account, that it came or went."""
        audience = {
            listener
            for seat in account.entered
            if seat.is_room
            for listener in seat.conversation.listeners
            if listener.account is not None and listener.account.seats[seat.conversation.id].entered
        }
        for id in friends:
            if friend := self._directory.accounts.get(id):
                audience |= friend.speakers
        self.tell(audience - account.speakers, events.Presence(username=account.username, online=online))

    def tell(self, speakers: Iterable[Speaker], event: Frame, *, but: Speaker | None = None) -> None:
        line = encode(event)
        send((speaker for speaker in speakers if speaker is not but), line)


def _own_line(account: Account, room: records.Room) -> bytes:
    """A changed room as a member sees it, as of now."""
    seat = account.seats[room.conversation_id]
    return encode(
        events.Room(room=room_value(replace(room, seat=seat.as_kept(account), head=seat.conversation.head)))
    )
