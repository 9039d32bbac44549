"""What was found out about the doings of other server processes becomes live here, and is told to whoever it
concerns. The counterpart is ``findings``.
"""

from collections.abc import Collection, Iterable

from chatroom.db.records import DirectRecord, RoomRecord, SeatKey
from chatroom.server.cluster.snapshot import ChangedAccount, ClusterSnapshot
from chatroom.server.state.directory import LiveAccount, LiveDirectory
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker


class ChangeApplier:
    def __init__(self, directory: LiveDirectory, notifier: EventNotifier, presence: PresenceTracker) -> None:
        self._directory = directory
        self._notifier = notifier
        self._presence = presence

    def apply_snapshot(self, found: ClusterSnapshot, unsettled: Collection[SeatKey], *, lost: bool) -> None:
        """Make it live, in the moment in which it is committed.

        Who has an ``unsettled`` seat is told of it in any case. Where a process may have been ``lost``, those
        who were with it have gone without leaving.
        """
        for account_id, followed in found.seats:
            if account := self._directory.find_account(account_id):
                self._update_seat(account, followed, told=(account_id, followed.conversation_id) in unsettled)
        for room in found.rooms:
            self._notifier.room_seen(room)
        for person in found.people:
            self._update_attendance(person, lost=lost)
            if account := self._directory.find_account(person.id):
                self._update_invited(account, person.invited, found.rooms)
                self._update_blocked(account, person.blocked)
        self._presence.end_sessions(found.ended)

    def _update_seat(self, account: LiveAccount, followed: RoomRecord | DirectRecord, *, told: bool) -> None:
        """An account's seat as it is now; its sessions are told what is new about it."""
        before = account.seats.get(followed.conversation_id)
        read = 0 if before is None else before.read
        if isinstance(followed, RoomRecord):
            self._directory.seat_in_room(account, followed)
            account.invited.discard(followed.conversation_id)
            if before is None or told:
                self._notifier.own_room_changed(account, followed)
        else:
            self._directory.seat_in_direct(account, followed)
            if before is None or told:
                self._notifier.friend_changed(account, followed)
        if before is not None and before.read > read:
            self._notifier.read_moved(account, before)

    def _update_attendance(self, person: ChangedAccount, *, lost: bool) -> None:
        """An account is, or is no longer, on another process. One that went without leaving, because its
        process did, has its grace time here."""
        was_online = self._directory.is_online(person.id)
        if person.elsewhere:
            self._directory.elsewhere.add(person.id)
        elif person.id in self._directory.elsewhere:
            self._directory.elsewhere.discard(person.id)
            if lost:
                self._presence.adopt_account(person.id, person.username)
        online = self._directory.is_online(person.id)
        if online is not was_online:
            self._notifier.presence_elsewhere(person.username, person.follows, person.blocked, online=online)

    def _update_invited(self, account: LiveAccount, invited: set[int], changed: Iterable[RoomRecord]) -> None:
        """The rooms that an account is invited to, of which it is told those that are new."""
        new, account.invited = invited - account.invited, invited
        for room in changed:
            if room.conversation_id in new:
                self._notifier.room_invited(account, room, room.owner)

    def _update_blocked(self, account: LiveAccount, blocked: set[int]) -> None:
        """The accounts for which this one is offline."""
        differs, account.blocked = account.blocked ^ blocked, blocked
        for other_id in differs:
            if other := self._directory.find_account(other_id):
                self._notifier.hidden_changed(account, other, hidden=other_id in blocked)
