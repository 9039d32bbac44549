"""What was found out about the doings of other server processes becomes live here, and is told to whoever it
concerns. The counterpart is ``findings``.
"""

from collections.abc import Collection, Iterable

from db.records import Direct, Room, SeatKey
from server.announcer import Announcer
from server.findings import Findings, Person
from server.live import Account, Directory
from server.presence import Presence


class Takeover:
    def __init__(self, directory: Directory, announcer: Announcer, presence: Presence) -> None:
        self._directory = directory
        self._announcer = announcer
        self._presence = presence

    def take_over(self, found: Findings, unsettled: Collection[SeatKey], *, lost: bool) -> None:
        """Make it live, in the moment in which it is committed.

        Who has an ``unsettled`` seat is told of it in any case. Where a process may have been ``lost``, those
        who were with it have gone without leaving.
        """
        for account_id, followed in found.seats:
            if account := self._directory.accounts.get(account_id):
                self._seat(account, followed, told=(account_id, followed.conversation_id) in unsettled)
        for room in found.rooms:
            self._announcer.room_seen(room)
        for person in found.people:
            self._place(person, lost=lost)
            if account := self._directory.accounts.get(person.id):
                self._invite(account, person.invited, found.rooms)
                self._hide(account, person.blocked)
        self._presence.end_sessions(found.ended)

    def _seat(self, account: Account, followed: Room | Direct, *, told: bool) -> None:
        """An account's seat as it is now; its sessions are told what is new about it."""
        before = account.seats.get(followed.conversation_id)
        read = 0 if before is None else before.read
        if isinstance(followed, Room):
            self._directory.seat_in_room(account, followed)
            account.invited.discard(followed.conversation_id)
            if before is None or told:
                self._announcer.own_room_changed(account, followed)
        else:
            self._directory.seat_in_direct(account, followed)
            if before is None or told:
                self._announcer.friend_changed(account, followed)
        if before is not None and before.read > read:
            self._announcer.read(account, before)

    def _place(self, person: Person, *, lost: bool) -> None:
        """An account is, or is no longer, on another process. One that went without leaving, because its
        process did, has its grace time here."""
        was_online = self._directory.is_online(person.id)
        if person.elsewhere:
            self._directory.elsewhere.add(person.id)
        elif person.id in self._directory.elsewhere:
            self._directory.elsewhere.discard(person.id)
            if lost:
                self._presence.adopt(person.id, person.username)
        online = self._directory.is_online(person.id)
        if online is not was_online:
            self._announcer.presence_elsewhere(person.username, person.follows, person.blocked, online=online)

    def _invite(self, account: Account, invited: set[int], changed: Iterable[Room]) -> None:
        """The rooms that an account is invited to, of which it is told those that are new."""
        new, account.invited = invited - account.invited, invited
        for room in changed:
            if room.conversation_id in new:
                self._announcer.invited(account, room, room.owner)

    def _hide(self, account: Account, blocked: set[int]) -> None:
        """The accounts for which this one is offline."""
        differs, account.blocked = account.blocked ^ blocked, blocked
        for other_id in differs:
            if other := self._directory.accounts.get(other_id):
                self._announcer.hide(account, other, hidden=other_id in blocked)
