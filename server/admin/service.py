"""Carries out what an administrator orders, in the server itself, while it runs. The words are in ``orders``.

What an order changes goes through the writer like everything else, and what follows from it for those who are
here follows in the moment of the commit.
"""

import logging
from collections.abc import Awaitable
from functools import partial

from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import accounts, invite_codes, rooms, tokens
from chatroom.db.queries.changefeed import ClosedRoom
from chatroom.db.queries.invite_codes import InviteCode
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import AccountRecord, RoomRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol import labels, names
from chatroom.protocol.errors import AccountDisabled, ChatError, SessionEnded, UnknownRoom
from chatroom.server.admin import ipc, tables
from chatroom.server.admin.ipc import Answer, AnyOrder, CommandDone, CommandFailed
from chatroom.server.auth import invitations, permissions
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.auth.validation import check_password
from chatroom.server.config.settings import PasswordSettings
from chatroom.server.domain.rooms import announce_room_closed, remove_room
from chatroom.server.state.directory import LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker

log = logging.getLogger(__name__)


class CommandRefused(Exception):
    """An order that cannot be carried out. Says why in one sentence."""


class AdminService:
    def __init__(
        self,
        limits: PasswordSettings,
        reader: DatabaseReader,
        writer: DatabaseWriter,
        passwords: PasswordHasher,
        directory: LiveDirectory,
        presence: PresenceTracker,
        notifier: EventNotifier,
    ) -> None:
        self._limits = limits
        self._reader = reader
        self._writer = writer
        self._passwords = passwords
        self._directory = directory
        self._presence = presence
        self._notifier = notifier

    async def execute(self, order: AnyOrder) -> Answer:
        """Whatever goes wrong is an answer too."""
        try:
            lines = await self._start_command(order)
        except (ChatError, CommandRefused) as error:
            return CommandFailed(str(error))
        except DatabaseUnavailable:
            return CommandFailed("the database is away; whether it was done nobody knows")
        except Exception:
            log.exception("an order failed")
            return CommandFailed("something went wrong on the server; its log knows more")
        return CommandDone(lines)

    def _start_command(self, order: AnyOrder) -> Awaitable[list[str]]:
        match order:
            case ipc.ListAccounts():
                return self._list_accounts()
            case ipc.ListSessions():
                return self._list_sessions()
            case ipc.DisableAccount(username=username):
                return self._writer.run_job_then(
                    partial(_disable_account, username=username), self._after_disable
                )
            case ipc.EnableAccount(username=username):
                return self._writer.run_job_then(partial(_enable_account, username=username), _enabled_lines)
            case ipc.ResetPassword(username=username, password=password):
                return self._reset_password(username, password)
            case ipc.EndSession(whose=whose):
                return self._end_session(whose)
            case ipc.ListServerRooms():
                return self._list_rooms()
            case ipc.DeleteRoom(room=room):
                return self._writer.run_job_then(partial(_delete_room, room=room), self._after_room_deleted)
            case ipc.CreateInvitation(room=room, uses=uses, days=days):
                return self._writer.run_job_then(
                    partial(_create_code, room=room, uses=uses, days=days), lambda code: [code]
                )
            case ipc.ListInvitations():
                return self._list_invitations()
            case ipc.RevokeInvitation(invitation=invitation):
                return self._writer.run_job_then(partial(_revoke_code, invitation=invitation), _revoked_lines)

    # Lists

    async def _list_accounts(self) -> list[str]:
        return tables.account_table(await self._reader.run(accounts.list_accounts), self._directory)

    async def _list_sessions(self) -> list[str]:
        return tables.session_table(self._directory)

    async def _list_rooms(self) -> list[str]:
        return tables.room_table(await self._reader.run(rooms.list_all_rooms))

    async def _list_invitations(self) -> list[str]:
        users = await self._reader.run(invite_codes.users_by_code)
        return tables.invitation_table(await self._reader.run(invite_codes.list_codes), users)

    # Changes

    async def _reset_password(self, username: str, password: str) -> list[str]:
        check_password(password, self._limits)
        password_hash = await self._passwords.hash_password(password)
        work = partial(_reset_password, username=username, password_hash=password_hash)
        return await self._writer.run_job_then(work, self._after_password_reset)

    async def _end_session(self, whose: str) -> list[str]:
        if not whose.isdecimal():
            return await self._writer.run_job_then(
                partial(_end_sessions, username=whose.removeprefix("@")), self._after_sessions_ended
            )
        speaker = next((one for one in self._directory.all_speakers() if one.number == int(whose)), None)
        if speaker is None:
            raise CommandRefused(f"there is no session {whose}; a user of that name is @{whose}")
        return await self._writer.run_job_then(
            lambda transaction: tokens.delete_family(transaction.connection, speaker.family),
            lambda _: self._end_speaker(speaker),
        )

    def _after_disable(self, kept: AccountRecord) -> list[str]:
        ended = self._dismiss_sessions(kept, AccountDisabled())
        return [f"{kept.username} is disabled; {ended}"]

    def _after_password_reset(self, kept: AccountRecord) -> list[str]:
        ended = self._dismiss_sessions(kept, SessionEnded())
        return [f"{kept.username} has a new password; {ended}"]

    def _after_sessions_ended(self, kept: AccountRecord) -> list[str]:
        ended = self._dismiss_sessions(kept, SessionEnded())
        return [f"{kept.username} has to log in again; {ended}"]

    def _end_speaker(self, speaker: Speaker) -> list[str]:
        if speaker.account is not None:
            self._presence.dismiss_sessions(speaker.account, {speaker}, SessionEnded())
        return [f"session {speaker.number} has ended"]

    def _dismiss_sessions(self, kept: AccountRecord, reason: ChatError) -> str:
        account = self._directory.find_account(kept.id)
        count = len(account.speakers) if account else 0
        if account is not None:
            self._presence.dismiss_sessions(account, account.speakers, reason)
        return f"sessions ended here: {count}"

    def _after_room_deleted(self, room: ClosedRoom) -> list[str]:
        announce_room_closed(self._directory, self._notifier, room)
        return [f"{labels.room_label(room.name)} is no more; what was said there is forgotten bit by bit"]


# In the transaction


def _disable_account(transaction: WriteTransaction, *, username: str) -> AccountRecord:
    kept = _end_sessions(transaction, username=username)
    accounts.set_disabled(transaction.connection, kept.id, transaction.now)
    return kept


def _enable_account(transaction: WriteTransaction, *, username: str) -> AccountRecord:
    kept = permissions.find_user(transaction.connection, username)
    accounts.set_disabled(transaction.connection, kept.id, None)
    return kept


def _reset_password(transaction: WriteTransaction, *, username: str, password_hash: str) -> AccountRecord:
    kept = _end_sessions(transaction, username=username)
    accounts.set_password(transaction.connection, kept.id, password_hash)
    return kept


def _end_sessions(transaction: WriteTransaction, *, username: str) -> AccountRecord:
    """Whoever is logged in as this user is not any more, and no token brings them back."""
    kept = permissions.find_user(transaction.connection, username)
    transaction.end_sessions(kept.id)
    tokens.delete_account_tokens(transaction.connection, kept.id)
    return kept


def _delete_room(transaction: WriteTransaction, *, room: str) -> ClosedRoom:
    transaction.lock_changing([_find_room(transaction, room).conversation_id])
    return remove_room(transaction, _find_room(transaction, room), None)


def _find_room(transaction: WriteTransaction, room: str) -> RoomRecord:
    found = rooms.find_room(transaction.connection, names.name_key(labels.room_name(room)))
    if found is None:
        raise UnknownRoom(room=labels.room_label(room))
    return found


def _create_code(transaction: WriteTransaction, *, room: str, uses: int, days: int) -> str:
    where = _find_room(transaction, room).conversation_id if room else None
    return invitations.issue_code(transaction, conversation_id=where, uses=uses, days=days)


def _revoke_code(transaction: WriteTransaction, *, invitation: str) -> InviteCode:
    meant = [
        one
        for one in invite_codes.list_codes(transaction.connection)
        if tables.short_digest(one) == invitation
    ]
    if not meant:
        raise CommandRefused(f"there is no invitation {invitation}; chat-server admin invitations lists them")
    invite_codes.delete_code(transaction.connection, meant[0].digest)
    return meant[0]


# Wording


def _enabled_lines(kept: AccountRecord) -> list[str]:
    return [f"{kept.username} may log in again"]


def _revoked_lines(one: InviteCode) -> list[str]:
    return [f"invitation {tables.short_digest(one)} lets nobody in any more"]
