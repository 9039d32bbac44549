"""Requests of a room's owner and moderators: topic, invitations, kick, ban; of the owner alone: moderators,
transfer, close.

A removed member receives no message that is committed later: on the loop, its seat is dropped in the same
step that handles the commit. A notice in the room's history records each action; its text is the new topic
or the name of the account concerned.
"""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from chatroom.db.queries import bans_and_invites, memberships, rooms
from chatroom.db.queries.changefeed import ClosedRoom
from chatroom.db.records import AccountRecord, RoomRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import labels, requests, responses
from chatroom.protocol.errors import Banned, NoSuchMember, NotYourself, RoomNotEmpty, TextTooLong
from chatroom.protocol.frame import Id
from chatroom.protocol.values import DAY, format_time
from chatroom.protocol.wire import encode_frame
from chatroom.server.auth import invitations, permissions
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.pages import answer_size, fill_page, page_start
from chatroom.server.domain.request_checks import speaker_account
from chatroom.server.domain.rooms import (
    announce_room_closed,
    end_moderation,
    lock_moderated_room,
    lock_own_room,
    lock_room,
    remove_room,
    remove_seat,
)
from chatroom.server.results import CommitWork, ReadPage, Reply
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.system_messages import add_notice


@dataclass(frozen=True, slots=True)
class ModerationResult:
    """The room as the acting account sees it now, the other account, and whether the action had effect."""

    room: RoomRecord
    other: AccountRecord
    effective: bool = True


class ModerationHandlers:
    def __init__(self, limits: LimitSettings, directory: LiveDirectory, notifier: EventNotifier) -> None:
        self._limits = limits
        self._directory = directory
        self._notifier = notifier

    def set_topic(self, speaker: Speaker, request: requests.SetTopic) -> Reply:
        account = speaker_account(speaker)
        if len(request.topic) > self._limits.topic:
            raise TextTooLong(limit=self._limits.topic)

        def then(room: RoomRecord) -> responses.Response:
            self._notifier.room_changed(room)
            return responses.Ok(id=request.id)

        topic = "" if request.topic.isspace() else request.topic
        return CommitWork(partial(_set_topic, account=account, room=request.room, topic=topic), then)

    def invite(self, speaker: Speaker, request: requests.Invite) -> Reply:
        account = speaker_account(speaker)

        def then(result: ModerationResult) -> responses.Response:
            other = self._directory.find_account(result.other.id)
            if other is not None and result.effective:
                other.invited.add(result.room.conversation_id)
                self._notifier.room_invited(other, result.room, account.username)
            return responses.Ok(id=request.id)

        return CommitWork(
            partial(_add_invite, account=account, room=request.room, username=request.username), then
        )

    def make_invitation(self, speaker: Speaker, request: requests.MakeInvitation) -> Reply:
        def then(invitation: tuple[str, int]) -> responses.Response:
            code, until = invitation
            return responses.Invitation(id=request.id, code=code, until=format_time(until))

        return CommitWork(
            partial(_make_invitation, account=speaker_account(speaker), room=request.room), then
        )

    def kick(self, speaker: Speaker, request: requests.Kick) -> Reply:
        account = speaker_account(speaker)
        work = partial(_kick_member, account=account, room=request.room, username=request.username)
        return CommitWork(work, partial(self._remove_member, request.id, "kick", account))

    def ban(self, speaker: Speaker, request: requests.Ban) -> Reply:
        account = speaker_account(speaker)
        work = partial(_ban_account, account=account, room=request.room, username=request.username)
        return CommitWork(work, partial(self._remove_member, request.id, "ban", account))

    def unban(self, speaker: Speaker, request: requests.Unban) -> Reply:
        work = partial(
            _unban_account, account=speaker_account(speaker), room=request.room, username=request.username
        )
        return CommitWork(work, lambda _: responses.Ok(id=request.id))

    def list_banned(self, speaker: Speaker, request: requests.ListBanned) -> Reply:
        account_id, start = speaker_account(speaker).id, page_start(request)

        def work(connection: Connection) -> bytes:
            own = permissions.find_room(connection, account_id, request.room)
            permissions.check_moderator(account_id, own)
            read = partial(bans_and_invites.banned_usernames, connection, own.conversation_id)
            usernames = start.read_entries(read, str)
            page, end = fill_page(usernames, str, start.limit, answer_size(self._limits))
            return encode_frame(
                responses.Banned(id=request.id, usernames=page, more=end.more, cursor=end.cursor)
            )

        return ReadPage(work)

    def add_moderator(self, speaker: Speaker, request: requests.AddModerator) -> Reply:
        account = speaker_account(speaker)
        work = partial(_add_moderator, account=account, room=request.room, username=request.username)
        return CommitWork(work, lambda _: responses.Ok(id=request.id))

    def remove_moderator(self, speaker: Speaker, request: requests.RemoveModerator) -> Reply:
        account = speaker_account(speaker)
        work = partial(_remove_moderator, account=account, room=request.room, username=request.username)
        return CommitWork(work, lambda _: responses.Ok(id=request.id))

    def transfer_room(self, speaker: Speaker, request: requests.TransferRoom) -> Reply:
        account = speaker_account(speaker)

        def then(room: RoomRecord) -> responses.Response:
            self._notifier.room_changed(room)
            return responses.Ok(id=request.id)

        work = partial(
            _transfer_room,
            account=account,
            room=request.room,
            username=request.username,
            room_limit=self._limits.rooms,
        )
        return CommitWork(work, then)

    def close_room(self, speaker: Speaker, request: requests.CloseRoom) -> Reply:
        account = speaker_account(speaker)

        def then(closed: ClosedRoom) -> responses.Response:
            announce_room_closed(self._directory, self._notifier, closed)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_close_room, account=account, room=request.room), then)

    def _remove_member(
        self, id: Id, reason: str, by: LiveAccount, result: ModerationResult
    ) -> responses.Response:
        """After a kick or a ban: drop the account's seat and invitation."""
        room, other = result.room, self._directory.find_account(result.other.id)
        if other is not None:
            other.invited.discard(room.conversation_id)
            if room.conversation_id in other.seats:
                self._directory.drop_seat(other, room.conversation_id)
                self._notifier.room_removed(other, room.name, reason, by.username)
        self._directory.set_roster(room.conversation_id, room.roster)
        self._notifier.room_changed(room)
        return responses.Ok(id=id)


# In the transaction


def _set_topic(transaction: WriteTransaction, *, account: LiveAccount, room: str, topic: str) -> RoomRecord:
    own = lock_moderated_room(transaction, account.id, room)
    if topic != own.topic:
        rooms.set_topic(transaction.connection, own.conversation_id, topic)
        add_notice(transaction, own, account, "topic", topic)
    return rooms.read_room(transaction.connection, account.id, own.conversation_id)


def _add_invite(
    transaction: WriteTransaction, *, account: LiveAccount, room: str, username: str
) -> ModerationResult:
    """Invite an account, unless it is a member. Raises ``Banned`` and ``Declined``."""
    connection = transaction.connection
    own = lock_moderated_room(transaction, account.id, room)
    other = _find_other(connection, account, username)
    permissions.check_may_approach(connection, account.id, other)
    if bans_and_invites.is_banned(connection, own.conversation_id, other.id):
        raise Banned(room=labels.room_label(own.name), username=other.username)
    is_member = memberships.find_seat(connection, own.conversation_id, other.id) is not None
    is_new = not is_member and bans_and_invites.add_invite(
        connection, own.conversation_id, other.id, transaction.now
    )
    transaction.changes.accounts.add(other.id)
    return ModerationResult(own, other, effective=is_new)


def _make_invitation(transaction: WriteTransaction, *, account: LiveAccount, room: str) -> tuple[str, int]:
    """Return an invitation code, and when it expires."""
    own = lock_moderated_room(transaction, account.id, room)
    code = invitations.issue_code(transaction, conversation_id=own.conversation_id, maker_id=account.id)
    return code, transaction.now + invitations.DAYS * DAY


def _kick_member(
    transaction: WriteTransaction, *, account: LiveAccount, room: str, username: str
) -> ModerationResult:
    connection = transaction.connection
    own = lock_moderated_room(transaction, account.id, room)
    other = _find_other(connection, account, username)
    seat = memberships.find_seat(connection, own.conversation_id, other.id)
    permissions.check_may_moderate(account.id, own, other.id, seat)
    if seat is None:
        raise NoSuchMember(room=labels.room_label(own.name), username=other.username)
    add_notice(transaction, own, account, "kick", other.username)
    remove_seat(transaction, seat)
    return ModerationResult(rooms.read_room(connection, account.id, own.conversation_id), other)


def _ban_account(
    transaction: WriteTransaction, *, account: LiveAccount, room: str, username: str
) -> ModerationResult:
    connection = transaction.connection
    own = lock_moderated_room(transaction, account.id, room)
    other = _find_other(connection, account, username)
    seat = memberships.find_seat(connection, own.conversation_id, other.id)
    permissions.check_may_moderate(account.id, own, other.id, seat)
    if bans_and_invites.add_ban(connection, own.conversation_id, other.id, transaction.now):
        add_notice(transaction, own, account, "ban", other.username)
        bans_and_invites.remove_invite(connection, own.conversation_id, other.id)
        transaction.changes.accounts.add(other.id)
        if seat is not None:
            remove_seat(transaction, seat)
    return ModerationResult(rooms.read_room(connection, account.id, own.conversation_id), other)


def _unban_account(transaction: WriteTransaction, *, account: LiveAccount, room: str, username: str) -> None:
    own = lock_moderated_room(transaction, account.id, room)
    other = permissions.find_user(transaction.connection, username)
    bans_and_invites.remove_ban(transaction.connection, own.conversation_id, other.id)


def _add_moderator(transaction: WriteTransaction, *, account: LiveAccount, room: str, username: str) -> None:
    """Make a member a moderator, unless the member is one. Raises ``NoSuchMember``."""
    connection = transaction.connection
    own = lock_own_room(transaction, account.id, room)
    other = _find_other(connection, account, username)
    seat = memberships.find_seat(connection, own.conversation_id, other.id)
    if seat is None:
        raise NoSuchMember(room=labels.room_label(own.name), username=other.username)
    if not seat.moderator:
        memberships.set_moderator(connection, own.conversation_id, other.id, True)
        add_notice(transaction, own, account, "appoint", other.username)


def _remove_moderator(
    transaction: WriteTransaction, *, account: LiveAccount, room: str, username: str
) -> None:
    """End the rights of a moderator, if the account is one. A moderator may end the own ones."""
    connection = transaction.connection
    target = lock_room(transaction, account.id, room)
    other = permissions.find_user(connection, username)
    seat = memberships.find_seat(connection, target.conversation_id, other.id)
    if other.id != account.id or seat is None or not seat.moderator:
        permissions.check_owner(account.id, target)
    if seat is not None and seat.moderator:
        end_moderation(transaction, seat)
        add_notice(transaction, target, account, "dismiss", other.username)


def _transfer_room(
    transaction: WriteTransaction, *, account: LiveAccount, room: str, username: str, room_limit: int
) -> RoomRecord:
    connection = transaction.connection
    own = lock_own_room(transaction, account.id, room)
    other = _find_other(connection, account, username)
    if memberships.find_seat(connection, own.conversation_id, other.id) is None:
        raise NoSuchMember(room=labels.room_label(own.name), username=other.username)
    permissions.check_may_own_more(connection, other, room_limit)
    rooms.set_owner(connection, own.conversation_id, other.id)
    add_notice(transaction, own, account, "transfer", other.username)
    return rooms.read_room(connection, account.id, own.conversation_id)


def _close_room(transaction: WriteTransaction, *, account: LiveAccount, room: str) -> ClosedRoom:
    own = lock_own_room(transaction, account.id, room)
    others = own.members - (own.seat is not None)
    if others:
        raise RoomNotEmpty(room=labels.room_label(own.name), members=others)
    return remove_room(transaction, own, account.username)


def _find_other(connection: Connection, account: LiveAccount, username: str) -> AccountRecord:
    """Return an account other than ``account``. Raises ``UnknownUser``, ``NotYourself``."""
    other = permissions.find_user(connection, username)
    if other.id == account.id:
        raise NotYourself
    return other
