"""Entering a room. Other requests about rooms are in ``rooms``.

A password or a code is verified before the transaction, because bcrypt takes long and guesses are counted.
The transaction decides under the room's lock with the result (``permissions.check_may_take_seat``).
"""

from dataclasses import dataclass
from functools import partial

from chatroom.db.queries import accounts, bans_and_invites, memberships, messages, revisions, rooms
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import RoomRecord, SeatRecord, StoredMessage
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import labels, requests, responses
from chatroom.protocol.errors import RoomFull
from chatroom.protocol.frame import UNSET
from chatroom.server.auth import invitations, permissions
from chatroom.server.auth.invitations import InvitationChecker
from chatroom.server.auth.password_check import PasswordChecker
from chatroom.server.auth.permissions import Proof
from chatroom.server.auth.validation import check_nickname
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.pages import answer_size, fill_page, messages_within
from chatroom.server.domain.request_checks import page_size, speaker_account
from chatroom.server.domain.rooms import lock_room
from chatroom.server.results import CommitWork, Handled, Reply
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import page_values, room_value
from chatroom.server.state.system_messages import enter_conversation

MAX_ENTERED_MEMBERS = 1000
"""User names in ``entered``; ``list_members`` has the rest."""


@dataclass(frozen=True, slots=True)
class RoomEntry:
    """An entered room: with the account's seat, its members' usernames, and the newest page."""

    room: RoomRecord
    members: list[str]
    page: list[StoredMessage]
    is_new_member: bool


class RoomEntryHandlers:
    def __init__(
        self,
        limits: LimitSettings,
        reader: DatabaseReader,
        password_checker: PasswordChecker,
        directory: LiveDirectory,
        notifier: EventNotifier,
        invitation_checker: InvitationChecker,
    ) -> None:
        self._limits = limits
        self._reader = reader
        self._password_checker = password_checker
        self._directory = directory
        self._notifier = notifier
        self._invitation_checker = invitation_checker

    def enter_room(self, speaker: Speaker, request: requests.EnterRoom) -> Handled:
        check_nickname(request.nickname, self._limits)
        if request.password is UNSET and request.invitation is UNSET:
            return self._enter_room(speaker, request, UNSET, None)
        return self._enter_with_proof(speaker, request)

    async def _enter_with_proof(self, speaker: Speaker, request: requests.EnterRoom) -> Reply:
        """Enter with a password, a code, or both."""
        room, password, code = request.room, request.password, request.invitation
        proof = UNSET if password is UNSET else await self._verify_room_password(speaker, room, password)
        code_digest = None if code is UNSET else await self._check_code(speaker, room, code)
        return self._enter_room(speaker, request, proof, code_digest)

    async def _check_code(self, speaker: Speaker, room: str, code: str) -> bytes | None:
        """Return the digest of an invitation code, or ``None`` if the account does not need one."""
        account_id = speaker_account(speaker).id
        target = await self._reader.run(permissions.find_enterable_room, account_id, room)
        if not permissions.needs_invitation(account_id, target):
            return None
        return await self._invitation_checker.check_code(code, speaker.address, account_id)

    async def _verify_room_password(self, speaker: Speaker, room: str, password: str) -> str | None:
        """Return the hash of the room's password, or ``None`` if the password is wrong or not needed.

        A wrong password counts as an attempt of this account at this room.
        """
        account_id = speaker_account(speaker).id
        target = await self._reader.run(permissions.find_enterable_room, account_id, room)
        if not permissions.checks_password(account_id, target):
            return None
        hashed = target.password_hash
        guessed = b"#%d %d" % (account_id, target.conversation_id)
        is_right = await self._password_checker.is_right(password, hashed, guessed, speaker, logged_in=True)
        return hashed if is_right else None

    def _enter_room(
        self, speaker: Speaker, request: requests.EnterRoom, proof: Proof, code_digest: bytes | None
    ) -> Reply:
        account = speaker_account(speaker)

        def then(entry: RoomEntry) -> responses.Response:
            self._directory.seat_in_room(account, entry.room)
            account.invited.discard(entry.room.conversation_id)
            if entry.is_new_member:
                self._notifier.room_changed(entry.room)
            else:
                self._notifier.own_room_changed(account, entry.room, but=speaker)
            newest = page_values(entry.page, labels.room_label(entry.room.name), account.id)
            size = answer_size(self._limits)
            members, end = fill_page(entry.members, str, MAX_ENTERED_MEMBERS, size // 8)
            return responses.Entered(
                id=request.id,
                room=room_value(entry.room),
                members=members,
                members_cursor=end.cursor,
                messages=messages_within(newest, size - size // 8, keep_last=True),
            )

        work = partial(
            _enter_locked,
            account=account,
            room=request.room,
            nickname=request.nickname,
            page=page_size(UNSET, self._limits.page),
            proof=proof,
            code_digest=code_digest,
            member_only=request.member_only is True,
        )
        return CommitWork(work, then)


# In the transaction


def _enter_locked(
    transaction: WriteTransaction,
    *,
    account: LiveAccount,
    room: str,
    nickname: str,
    page: int,
    proof: Proof,
    code_digest: bytes | None,
    member_only: bool,
) -> RoomEntry:
    connection = transaction.connection
    target = lock_room(transaction, account.id, room, permissions.find_enterable_room)
    id, seat = target.conversation_id, target.seat
    if is_new_member := seat is None:
        if member_only:
            permissions.check_member(account.id, target)
        if code_digest is not None and invitations.invite_to_room(transaction, code_digest, account.id, id):
            target = rooms.read_room(connection, account.id, id)
        permissions.check_may_take_seat(connection, account, target, proof)
        seat = _take_seat(transaction, account.id, target)
    enter_conversation(transaction, seat, account, nickname)
    newest, _ = messages.message_page(connection, id, limit=page)
    members = memberships.member_usernames(connection, id, MAX_ENTERED_MEMBERS + 1)
    return RoomEntry(
        rooms.read_room(connection, account.id, id),
        members,
        revisions.latest_states(connection, newest),
        is_new_member,
    )


def _take_seat(transaction: WriteTransaction, account_id: int, room: RoomRecord) -> SeatRecord:
    """Take a free seat in a locked room. Raises ``RoomFull``."""
    connection, id = transaction.connection, room.conversation_id
    # A transaction that ends the account's sessions must see the seat.
    accounts.lock_account_shared(connection, account_id)
    if room.members >= room.capacity:
        raise RoomFull(room=labels.room_label(room.name), members=room.members, capacity=room.capacity)
    memberships.take_seat(
        connection,
        conversation_id=id,
        account_id=account_id,
        nickname=None,
        joined_seq=room.head,
        now=transaction.now,
    )
    if bans_and_invites.remove_invite(connection, id, account_id):
        transaction.changes.accounts.add(account_id)
    seat = memberships.find_seat(connection, id, account_id)
    assert seat is not None
    return seat
