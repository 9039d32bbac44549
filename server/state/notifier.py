"""Send events other than messages: rooms, friends, presence, typing, read positions."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from msgspec import structs

from chatroom.db import records
from chatroom.db.queries.changefeed import ClosedRoom
from chatroom.protocol import events, labels, values
from chatroom.protocol.frame import UNSET, Frame
from chatroom.protocol.wire import encode_frame
from chatroom.server.state.directory import (
    LiveAccount,
    LiveConversation,
    LiveDirectory,
    LiveSeat,
    Speaker,
    send_lines,
)
from chatroom.server.state.serialize import first_value, friend_value, room_value

BATCH_SECONDS = 0.1
"""Seconds for which room changes are collected, so that n users who enter a room do not cause n² events."""


AWAY_SECONDS = 1.0
"""Minimum seconds between two events about the away status of one account."""

PURGED_SECONDS = 1.0
"""Seconds for which removals of messages are collected, so that a long one does not cause many events."""

MAX_ROOMS_PER_BATCH = 20
"""Rooms whose changes are sent to all users at once. The others follow, so that many changes do not flood
them."""


class EventNotifier:
    def __init__(self, directory: LiveDirectory, loop: AbstractEventLoop) -> None:
        self._directory = directory
        self._loop = loop
        self._purged: set[int] = set()  # conversations from which messages were removed
        self._changed: dict[int, records.RoomRecord] = {}
        self._last_values: dict[int, values.Room] = {}  # by room, as last sent
        directory.room_renamed = self.room_renamed
        self.retention_changed: Callable[[], None] = lambda: None
        self.share_typing: Callable[[LiveAccount, LiveSeat], None] = lambda account, seat: None
        self.share_away: Callable[[LiveAccount], None] = lambda account: None

    def room_changed(self, room: records.RoomRecord) -> None:
        """Schedule a ``room`` event for all accounts that may see the room."""
        if not self._changed:
            self._loop.call_later(BATCH_SECONDS, self._send_room_events)
        self._changed[room.conversation_id] = room
        before, value = self._last_values.get(room.conversation_id), _public_room_value(room)
        if value.retention is not UNSET and (before is None or before.retention != value.retention):
            self.retention_changed()
        self._last_values[room.conversation_id] = value

    def room_seen(self, room: records.RoomRecord) -> None:
        """Do the same for a room that another server process may have changed."""
        if self._last_values.get(room.conversation_id) != _public_room_value(room):
            self.room_changed(room)

    def room_renamed(self, room: records.RoomRecord) -> None:
        """Send a renamed room to its members, before any message under the new name."""
        id, public_value = room.conversation_id, _public_room_value(room)
        for account, _ in self._directory.seats_in(id):
            send_lines(account.speakers, _room_line(_room_value_for(account, id, public_value)))

    def room_hidden(self, room: records.RoomRecord) -> None:
        """Send a room that became private once more to those who do not see it any more, so that they can
        delete it.
        """
        line = _room_line(_public_room_value(room))
        for account in self._directory.accounts.values():
            if not _has_own_view(account, room):
                send_lines(account.speakers, line)

    def _send_room_events(self) -> None:
        changed = dict(islice(self._changed.items(), MAX_ROOMS_PER_BATCH))
        self._changed = dict(islice(self._changed.items(), MAX_ROOMS_PER_BATCH, None))
        if self._changed:
            self._loop.call_later(BATCH_SECONDS, self._send_room_events)
        room_values = {id: _public_room_value(room) for id, room in changed.items()}
        plain = {id: _room_line(value) for id, value in room_values.items()}
        public = b"".join(plain[id] for id, room in changed.items() if not room.private)
        for account in self._directory.accounts.values():
            own = {id for id, room in changed.items() if _has_own_view(account, room)}
            if own:
                lines = [
                    _room_line(_room_value_for(account, id, room_values[id])) if id in own else plain[id]
                    for id, room in changed.items()
                    if id in own or not room.private
                ]
                send_lines(account.speakers, b"".join(lines))
            elif public:
                send_lines(account.speakers, public)

    def room_removed(
        self, account: LiveAccount, room: str, reason: str, by: str | None, *, but: Speaker | None = None
    ) -> None:
        """Notify an account's sessions that it lost its seat in a room."""
        self.send_event(account.speakers, _removed_event(room, reason, by), but=but)

    def room_closed(self, room: ClosedRoom) -> None:
        """Notify all accounts that could see a room that it was deleted."""
        self._changed.pop(room.conversation_id, None)
        self._last_values.pop(room.conversation_id, None)
        for account in self._directory.accounts.values():
            if not room.private or _has_own_view(account, room):
                self.room_removed(account, room.name, "close", room.by)

    def room_invited(self, account: LiveAccount, room: records.RoomRecord, by: str) -> None:
        value = room_value(replace(room, seat=None, invited=True))
        self.send_event(account.speakers, events.Invited(room=value, username=by))

    def own_room_changed(
        self, account: LiveAccount, room: records.RoomRecord, *, but: Speaker | None = None
    ) -> None:
        """Notify an account's other sessions that it entered or left a room."""
        self.send_event(account.speakers, events.Room(room=room_value(room)), but=but)

    def friend_changed(
        self, account: LiveAccount, direct: records.DirectRecord, *, but: Speaker | None = None
    ) -> None:
        """Notify an account's sessions that a friendship or the entered state of its private chat changed."""
        value = friend_value(direct, self._directory)
        self.send_event(account.speakers, events.Friend(friend=value, ended=direct.ended or UNSET), but=but)

    def friend_renamed(
        self, account: LiveAccount, direct: records.DirectRecord, former: str, *, was_ended: bool
    ) -> None:
        """Notify an account's sessions that the other side of a private chat was erased and has another name.
        ``former`` is the label that they know.
        """
        value = friend_value(direct, self._directory)
        if not was_ended:
            ended = structs.replace(value, friend=former)
            self.send_event(account.speakers, events.Friend(friend=ended, ended=True))
        self.send_event(account.speakers, events.Friend(friend=value, ended=True, former=former))

    def read_moved(self, account: LiveAccount, seat: LiveSeat, *, but: Speaker | None = None) -> None:
        self.send_event(account.speakers, events.Read(conversation=seat.label, seq=seat.read), but=but)

    def messages_purged(self, conversation_id: int, first: int) -> None:
        """Schedule a ``purged`` event: the messages of a conversation before ``first`` were removed."""
        if conversation := self._directory.conversations.get(conversation_id):
            conversation.first = max(conversation.first, first)
            if not self._purged:
                self._loop.call_later(PURGED_SECONDS, self._send_purged)
            self._purged.add(conversation_id)

    def _send_purged(self) -> None:
        purged, self._purged = self._purged, set()
        for id in purged:
            lines: dict[events.Purged, bytes] = {}
            for account, seat in self._directory.seats_in(id):
                event = _purged_event(seat)
                lines[event] = lines.get(event) or encode_frame(event)
                send_lines(account.speakers, lines[event])

    def user_typing(self, account: LiveAccount, seat: LiveSeat) -> None:
        """Notify the other users in a room, or the friend, that an account is typing there."""
        event = events.Typing(
            conversation=seat.label if seat.is_room else labels.direct_label(account.username),
            username=account.username,
            nickname=seat.nickname if seat.entered else account.username,
        )
        self.send_event(_sessions_of_others(account, _sessions_inside(seat.conversation)), event)
        self.share_typing(account, seat)

    def typing_elsewhere(
        self, conversation: LiveConversation, username: str, nickname: str, but: Collection[int]
    ) -> None:
        """Notify the users in a conversation that an account is typing on another server process. Accounts
        in ``but`` are left out.
        """
        name = conversation.name
        label = labels.room_label(name) if name else labels.direct_label(username)
        event = events.Typing(conversation=label, username=username, nickname=nickname)
        self.send_event(_without_blocked(but, _sessions_inside(conversation)), event)

    def presence_changed(self, account: LiveAccount, *, online: bool) -> None:
        """Notify friends and members of common rooms that an account is online or offline."""
        conversation_ids = [id for id, seat in account.seats.items() if not seat.ended]
        self.send_event(
            _sessions_of_others(account, self._sessions_following(conversation_ids)),
            _presence_event(account, online),
        )

    def presence_elsewhere(
        self,
        username: str,
        conversation_ids: Iterable[int],
        blocked: Collection[int],
        *,
        online: bool,
        away: str = "",
    ) -> None:
        """Do the same for an account whose presence on another server process changed."""
        audience = _without_blocked(blocked, self._sessions_following(conversation_ids))
        self.send_event(audience, events.Presence(username=username, online=online, away=away or UNSET))

    def _sessions_following(self, conversation_ids: Iterable[int]) -> set[Speaker]:
        """Return the sessions that follow any of these conversations."""
        live = (self._directory.conversations.get(id) for id in conversation_ids)
        return {
            listener
            for conversation in live
            if conversation is not None
            for listener in conversation.listeners
        }

    def away_changed(self, account: LiveAccount, *, but: Speaker) -> None:
        """Notify the same audience, and the account's other sessions, that it is away or back.

        Of several changes within ``AWAY_SECONDS`` only the first is sent at once, and then the last.
        """
        if account.away_timer is None:
            self._send_away(account, but)

    def _send_away(self, account: LiveAccount, but: Speaker | None) -> None:
        account.away_sent = account.away
        account.away_timer = self._loop.call_later(AWAY_SECONDS, self._send_last_away, account)
        self.presence_changed(account, online=True)
        self.send_event(account.speakers, _presence_event(account, True), but=but)
        self.share_away(account)

    def away_changed_elsewhere(self, account: LiveAccount) -> None:
        """Notify them of a change that another server process has announced."""
        self.presence_changed(account, online=True)
        self.send_event(account.speakers, _presence_event(account, True))

    def _send_last_away(self, account: LiveAccount) -> None:
        account.away_timer = None
        is_live = self._directory.find_account(account.id) is account
        if is_live and account.away != account.away_sent:
            self._send_away(account, None)

    def hidden_changed(self, account: LiveAccount, other: LiveAccount, *, hidden: bool) -> None:
        """Notify ``other`` that ``account``, in a common room, appears offline to it or is visible again."""
        common = account.seats.keys() & other.seats.keys()
        if any(account.seats[id].is_room for id in common):
            self.send_event(other.speakers, _presence_event(account, not hidden))

    def send_event(self, speakers: Iterable[Speaker], event: Frame, *, but: Speaker | None = None) -> None:
        line = encode_frame(event)
        send_lines((speaker for speaker in speakers if speaker is not but), line)


def _presence_event(account: LiveAccount, online: bool) -> events.Presence:
    away = account.away if online else ""
    return events.Presence(username=account.username, online=online, away=away or UNSET)


def _purged_event(seat: LiveSeat) -> events.Purged:
    first = seat.conversation.first
    unread = seat.unread if seat.read < first - 1 else UNSET
    return events.Purged(conversation=seat.label, first=first, unread=unread)


def _sessions_of_others(account: LiveAccount, speakers: set[Speaker]) -> Iterator[Speaker]:
    """Filter out the account's own sessions and those of accounts that it has blocked."""
    return _without_blocked(account.blocked, speakers - account.speakers)


def _without_blocked(blocked: Collection[int], speakers: Iterable[Speaker]) -> Iterator[Speaker]:
    for speaker in speakers:
        if speaker.account is not None and speaker.account.id not in blocked:
            yield speaker


def _has_own_view(account: LiveAccount, room: records.RoomRecord | ClosedRoom) -> bool:
    """Whether an account's view of a room differs from the public one."""
    id = room.conversation_id
    return id in account.seats or id in account.invited or account.id == room.owner_id


def _sessions_inside(conversation: LiveConversation) -> set[Speaker]:
    """Return the sessions of accounts that have entered the room, or of both sides of a private chat."""
    id, is_room = conversation.id, bool(conversation.name)
    return {
        listener
        for listener in conversation.listeners
        if listener.account is not None and (not is_room or listener.account.seats[id].entered)
    }


def _room_value_for(account: LiveAccount, id: int, public_value: values.Room) -> values.Room:
    """Return a room as a member, the owner or an invited user sees it; ``seen`` is the public view. It is
    built from live state without a query, because a large room has thousands of receivers.
    """
    invited = id in account.invited or UNSET
    seat = account.seats.get(id)
    if seat is None:
        return structs.replace(public_value, invited=invited)
    return structs.replace(
        public_value,
        invited=invited,
        member=True,
        entered=seat.entered,
        nickname=seat.nickname or UNSET,
        head=seat.conversation.head,
        first=first_value(seat.conversation.first),
        read=seat.read,
        unread=seat.unread,
    )


def _public_room_value(room: records.RoomRecord) -> values.Room:
    return room_value(replace(room, seat=None, invited=False))


def _room_line(room: values.Room) -> bytes:
    return encode_frame(events.Room(room=room))


def _removed_event(room: str, reason: str, by: str | None) -> events.Removed:
    return events.Removed(room=labels.room_label(room), reason=reason, username=UNSET if by is None else by)
