"""Rooms, entered: who gets in, by what, and what they find there. Whatever else is done with them is in
``rooms``.

A password or a code is looked at before the transaction: it may be a guess, and bcrypt takes its time. What
was found out is weighed within, under the room's lock (``rights.may_sit``).
"""

from dataclasses import dataclass
from functools import partial

from chatroom.db.queries import accounts, bans_and_invites, memberships, messages, revisions
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import RoomRecord, SeatRecord, StoredMessage
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import labels, names, requests, responses
from chatroom.protocol.errors import RoomFull
from chatroom.protocol.frame import UNSET
from chatroom.server.auth import invitations, permissions
from chatroom.server.auth.invitations import InvitationChecker
from chatroom.server.auth.password_check import PasswordChecker
from chatroom.server.auth.permissions import Proof
from chatroom.server.auth.validation import check_nickname
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.request_checks import page_size, speaker_account
from chatroom.server.domain.rooms import lock_room, read_room
from chatroom.server.results import CommitWork, Handled, Reply
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import page_values, room_value
from chatroom.server.state.system_messages import enter_conversation


@dataclass(frozen=True, slots=True)
class RoomEntry:
    """What entering gave: the room with my seat, the names of its members, and the newest page."""

    room: RoomRecord
    members: list[str]
    page: list[StoredMessage]
    first: bool  # a seat was taken


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
        shown = None if code is UNSET else await self._check_code(speaker, room, code)
        return self._enter_room(speaker, request, proof, shown)

    async def _check_code(self, speaker: Speaker, room: str, code: str) -> bytes | None:
        """The digest of an invitation, where it makes a difference."""
        account_id = speaker_account(speaker).id
        there = await self._reader.run(permissions.find_enterable_room, account_id, room)
        if not permissions.needs_invitation(account_id, there):
            return None
        return await self._invitation_checker.check_code(code, speaker.address, account_id)

    async def _verify_room_password(self, speaker: Speaker, room: str, password: str) -> str | None:
        """The hash of a room's password, if this is the password.

        A wrong one counts for the account at this room. One that is not needed is not looked at.
        """
        account_id = speaker_account(speaker).id
        there = await self._reader.run(permissions.find_enterable_room, account_id, room)
        if not permissions.needs_password(account_id, there):
            return None
        kept = there.password_hash
        place = b"#%d %s" % (account_id, names.name_key(labels.room_name(room)))
        return kept if await self._password_checker.is_right(password, kept, place, speaker) else None

    def _enter_room(
        self, speaker: Speaker, request: requests.EnterRoom, proof: Proof, shown: bytes | None
    ) -> Reply:
        account = speaker_account(speaker)

        def then(entry: RoomEntry) -> responses.Response:
            self._directory.seat_in_room(account, entry.room)
            account.invited.discard(entry.room.conversation_id)
            if entry.first:
                self._notifier.room_changed(entry.room)
            else:
                self._notifier.own_room_changed(account, entry.room, but=speaker)
            return responses.Entered(
                id=request.id,
                room=room_value(entry.room),
                members=entry.members,
                messages=page_values(entry.page, labels.room_label(entry.room.name), account.id),
            )

        work = partial(
            _enter_locked,
            account=account,
            room=request.room,
            nickname=request.nickname,
            page=page_size(UNSET, self._limits.page),
            proof=proof,
            shown=shown,
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
    shown: bytes | None,
) -> RoomEntry:
    connection = transaction.connection
    there = lock_room(transaction, account.id, room, permissions.find_enterable_room)
    id, seat = there.conversation_id, there.seat
    if first := seat is None:
        if shown is not None and invitations.invite_to_room(transaction, shown, account.id, id):
            there = read_room(connection, account.id, id)
        permissions.check_may_take_seat(connection, account, there, proof)
        seat = _take_seat(transaction, account.id, there)
    enter_conversation(transaction, seat, account, nickname)
    newest, _ = messages.message_page(connection, id, limit=page)
    members = memberships.member_usernames(connection, id)
    return RoomEntry(
        read_room(connection, account.id, id),
        members,
        revisions.latest_states(connection, newest),
        first,
    )


def _take_seat(transaction: WriteTransaction, account_id: int, room: RoomRecord) -> SeatRecord:
    """Take a seat of a room that is locked, so that nobody counts the same free seat twice."""
    connection, id = transaction.connection, room.conversation_id
    accounts.lock_account_shared(
        connection, account_id
    )  # whoever ends its sessions meanwhile has to know of the seat
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
