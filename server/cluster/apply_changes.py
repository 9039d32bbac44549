"""Applies what other server processes have changed (``snapshot``) to the live state."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from chatroom.db.queries.changefeed import AdminAnnouncement
from chatroom.db.records import DirectRecord, RoomRecord, SeatKey
from chatroom.server.cluster.hint_frames import AwayAccount, TypingHint
from chatroom.server.cluster.snapshot import ChangedAccount, ClusterSnapshot
from chatroom.server.state.announcements import send_announcement
from chatroom.server.state.directory import LiveAccount, LiveDirectory
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker

REMEMBERED_ANNOUNCEMENTS = 100
"""Announcements that are not sent again if the changes with them are read again."""


class ChangeApplier:
    def __init__(self, directory: LiveDirectory, notifier: EventNotifier, presence: PresenceTracker) -> None:
        self._directory = directory
        self._notifier = notifier
        self._presence = presence
        self._announced: deque[str] = deque(maxlen=REMEMBERED_ANNOUNCEMENTS)

    def apply_snapshot(
        self,
        snapshot: ClusterSnapshot,
        unsettled: Collection[SeatKey],
        purged: Mapping[int, int],
        *,
        hidden: Collection[int] = (),
        lost: bool,
    ) -> None:
        """Apply a snapshot, in commit order, and the first seqs of conversations with ``purged`` messages.

        ``unsettled`` seats are always announced, and ``hidden`` rooms to those who saw them. With ``lost`` a
        process may have died, so that its accounts have disconnected without leaving.
        """
        for room in snapshot.rooms:
            self._directory.update_name(room)
        for account_id, followed in snapshot.seats:
            if account := self._directory.find_account(account_id):
                self._update_seat(
                    account, followed, announce=(account_id, followed.conversation_id) in unsettled
                )
        for room in snapshot.rooms:
            self._notifier.room_seen(room)
            if room.conversation_id in hidden and room.private:
                self._notifier.room_hidden(room)
        for changed in snapshot.accounts:
            self._update_attendance(changed, lost=lost)
            if account := self._directory.find_account(changed.id):
                self._update_invited(account, changed.invited, snapshot.rooms)
                self._update_blocked(account, changed.blocked)
        for id, first in purged.items():
            self._notifier.messages_purged(id, first)
        self._presence.end_sessions(snapshot.ended)

    def _update_seat(
        self, account: LiveAccount, followed: RoomRecord | DirectRecord, *, announce: bool
    ) -> None:
        """Update an account's seat, and notify its sessions of what changed."""
        before = account.seats.get(followed.conversation_id)
        read = 0 if before is None else before.read
        if isinstance(followed, RoomRecord):
            self._directory.seat_in_room(account, followed)
            account.invited.discard(followed.conversation_id)
            if before is None or announce:
                self._notifier.own_room_changed(account, followed)
        else:
            former = None if before is None else (before.label, before.ended)
            self._directory.seat_in_direct(account, followed)
            if former is not None and before is not None and former[0] != before.label:
                self._notifier.friend_renamed(account, followed, former[0], was_ended=former[1])
            elif before is None or announce:
                self._notifier.friend_changed(account, followed)
        if before is not None and before.read > read:
            self._notifier.read_moved(account, before)

    def _update_attendance(self, changed: ChangedAccount, *, lost: bool) -> None:
        """Update whether an account is connected to another process. If that process died, the account's
        grace time begins here."""
        was_online = self._directory.is_online(changed.id)
        if changed.elsewhere:
            self._directory.elsewhere.add(changed.id)
        elif changed.id in self._directory.elsewhere:
            self._directory.elsewhere.discard(changed.id)
            self._directory.away_elsewhere.pop(changed.id, None)
            if lost:
                self._presence.adopt_account(changed.id, changed.username)
        online = self._directory.is_online(changed.id)
        if online is not was_online:
            self._notifier.presence_elsewhere(
                changed.username,
                changed.follows,
                changed.blocked,
                online=online,
                away=self._directory.away_text(changed.id) if online else "",
            )

    def apply_announcements(self, announcements: Iterable[AdminAnnouncement]) -> None:
        """Send announcements that were made on another process."""
        for announcement in announcements:
            if announcement.id not in self._announced:
                self._announced.append(announcement.id)
                send_announcement(self._directory, announcement)

    def apply_typing(self, hint: TypingHint) -> None:
        """Show that an account is typing, if its conversation has the same members here as there."""
        conversation = self._directory.conversations.get(hint.conversation_id)
        if conversation is not None and conversation.roster == hint.roster:
            hidden = {hint.account_id, *hint.blocked}
            self._notifier.typing_elsewhere(conversation, hint.username, hint.nickname, hidden)

    def apply_away(self, hint: AwayAccount) -> None:
        """Update the away message of an account that is connected to another process."""
        if hint.text:
            self._directory.away_elsewhere[hint.id] = hint.text
        else:
            self._directory.away_elsewhere.pop(hint.id, None)
        if account := self._directory.find_account(hint.id):
            if account.away != hint.text:
                account.away = hint.text
                self._notifier.away_changed_elsewhere(account)
        elif hint.follows and hint.id in self._directory.elsewhere:
            self._notifier.presence_elsewhere(
                hint.username, hint.follows, hint.blocked, online=True, away=hint.text
            )

    def _update_invited(self, account: LiveAccount, invited: set[int], rooms: Iterable[RoomRecord]) -> None:
        """Update the rooms that an account is invited to, and notify it of new ones."""
        added, account.invited = invited - account.invited, invited
        for room in rooms:
            if room.conversation_id in added:
                self._notifier.room_invited(account, room, room.owner)

    def _update_blocked(self, account: LiveAccount, blocked: set[int]) -> None:
        """Update the accounts to which this one appears offline."""
        differs, account.blocked = account.blocked ^ blocked, blocked
        for other_id in differs:
            if other := self._directory.find_account(other_id):
                self._notifier.hidden_changed(account, other, hidden=other_id in blocked)
