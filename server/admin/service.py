"""Executes admin commands (``ipc``) in the running server.

Changes go through the writer, like those of handlers; live sessions are updated in commit order.
"""

import logging
from collections.abc import Awaitable
from functools import partial

from sqlalchemy import Connection

from chatroom.db.account_erasure import erasure_queue
from chatroom.db.account_erasure.erasure_queue import AccountErasure
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import accounts, instances, invite_codes, rooms, tokens
from chatroom.db.queries.changefeed import AdminAnnouncement, ClosedRoom
from chatroom.db.queries.invite_codes import InviteCode
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import AccountRecord, RoomRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol import labels, names
from chatroom.protocol.cids import new_cid
from chatroom.protocol.errors import AccountDisabled, ChatError, SessionEnded, UnknownRoom
from chatroom.protocol.values import now_milliseconds
from chatroom.server.admin import ipc, tables
from chatroom.server.admin.ipc import Answer, AnyCommand, CommandDone, CommandFailed
from chatroom.server.auth import invitations, permissions
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.auth.validation import check_password
from chatroom.server.config.settings import PasswordSettings
from chatroom.server.domain.account_erasure import ErasureRunner, begin_erasure
from chatroom.server.domain.rooms import announce_room_closed, remove_room
from chatroom.server.state.announcements import send_announcement
from chatroom.server.state.directory import LiveDirectory, Speaker
from chatroom.server.state.limit_report import LimitReport
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker
from chatroom.server.state.system_messages import add_notice

log = logging.getLogger(__name__)


MAX_ANNOUNCEMENT = 500
"""Characters."""


class CommandRefused(Exception):
    """A command that cannot be executed: why, in one sentence."""


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
        eraser: ErasureRunner,
        limit_report: LimitReport | None = None,
    ) -> None:
        self._limits = limits
        self._limit_report = limit_report
        self._reader = reader
        self._writer = writer
        self._passwords = passwords
        self._directory = directory
        self._presence = presence
        self._notifier = notifier
        self._eraser = eraser

    async def execute(self, command: AnyCommand) -> Answer:
        """Execute a command. Every failure becomes a ``CommandFailed``."""
        try:
            lines = await self._start_command(command)
        except (ChatError, CommandRefused) as error:
            return CommandFailed(str(error))
        except DatabaseUnavailable:
            return CommandFailed("the database is unavailable; the command may or may not have been executed")
        except Exception:
            log.exception("an admin command failed")
            return CommandFailed("internal error; see the log of the server")
        return CommandDone(lines)

    def _start_command(self, command: AnyCommand) -> Awaitable[list[str]]:
        match command:
            case ipc.ListAccounts():
                return self._list_accounts()
            case ipc.ListSessions():
                return self._list_sessions()
            case ipc.ListServers():
                return self._list_servers()
            case ipc.ListLimits():
                return self._list_limits()
            case ipc.DisableAccount(username=username):
                return self._writer.run_job_then(
                    partial(_disable_account, username=username), self._after_disable
                )
            case ipc.EnableAccount(username=username):
                return self._writer.run_job_then(partial(_enable_account, username=username), _enabled_lines)
            case ipc.ResetPassword(username=username, password=password):
                return self._reset_password(username, password)
            case ipc.EraseAccount(username=username):
                return self._erase_account(username)
            case ipc.ListErasures():
                return self._list_erasures()
            case ipc.EndSession(target=target):
                return self._end_session(target)
            case ipc.ListServerRooms():
                return self._list_rooms()
            case ipc.DeleteRoom(room=room):
                return self._writer.run_job_then(partial(_delete_room, room=room), self._after_room_deleted)
            case ipc.DeleteRoomsOf(username=username):
                return self._delete_rooms_of(username)
            case ipc.TransferRoom(room=room, username=username):
                work = partial(_transfer_room, room=room, username=username)
                return self._writer.run_job_then(work, self._after_transfer)
            case ipc.FindRoom(room=room):
                return self._find_room(room)
            case ipc.CreateInvitation(room=room, uses=uses, days=days):
                return self._writer.run_job_then(
                    partial(_create_code, room=room, uses=uses, days=days), lambda code: [code]
                )
            case ipc.ListInvitations():
                return self._list_invitations()
            case ipc.RevokeInvitation(invitation=invitation):
                return self._writer.run_job_then(partial(_revoke_code, invitation=invitation), _revoked_lines)
            case ipc.Announce(text=text):
                return self._announce(text)

    # Lists

    async def _list_accounts(self) -> list[str]:
        return tables.account_table(await self._reader.run(accounts.list_accounts), self._directory)

    async def _list_sessions(self) -> list[str]:
        return tables.session_table(self._directory)

    async def _list_limits(self) -> list[str]:
        if self._limit_report is None:
            raise CommandRefused("no server is running here")
        return tables.limit_table(self._limit_report)

    async def _list_servers(self) -> list[str]:
        return await self._reader.run(_read_servers)

    async def _list_rooms(self) -> list[str]:
        return tables.room_table(await self._reader.run(rooms.list_all_rooms))

    async def _list_invitations(self) -> list[str]:
        users = await self._reader.run(invite_codes.users_by_code)
        return tables.invitation_table(await self._reader.run(invite_codes.list_codes), users)

    async def _list_erasures(self) -> list[str]:
        pending = await self._reader.run(erasure_queue.list_erasures)
        return tables.erasure_table(pending, await self._reader.run(rooms.last_conversation_id))

    async def _find_room(self, room: str) -> list[str]:
        record = await self._reader.run(rooms.find_room, names.name_key(labels.room_name(room)))
        if record is None:
            raise UnknownRoom(room=labels.room_label(room))
        return [labels.room_label(record.name)]

    # Changes

    async def _announce(self, text: str) -> list[str]:
        """Send a text to all connected users, also those of the other server processes."""
        if self._limit_report is None:
            raise CommandRefused("no server is running here")
        if not text.strip():
            raise CommandRefused("the announcement is empty")
        if len(text) > MAX_ANNOUNCEMENT:
            raise CommandRefused(f"an announcement has at most {MAX_ANNOUNCEMENT} characters")
        announcement = AdminAnnouncement(new_cid(), text.strip(), now_milliseconds())
        work = partial(_publish_announcement, announcement=announcement)
        return await self._writer.run_job_then(work, lambda _: self._after_announcement(announcement))

    def _after_announcement(self, announcement: AdminAnnouncement) -> list[str]:
        sessions = send_announcement(self._directory, announcement)
        return [f"announced to {sessions} sessions of this process, and to all other server processes"]

    async def _delete_rooms_of(self, username: str) -> list[str]:
        """Delete an account's rooms one by one, so that others wait for no more than one."""
        owned = await self._reader.run(_owned_rooms, username)
        lines: list[str] = []
        for room in owned:
            work = partial(_delete_owned_room, room=room)
            lines += await self._writer.run_job_then(work, self._after_owned_room_deleted)
        return [*lines, f"rooms deleted: {len(lines)}"]

    async def _reset_password(self, username: str, password: str) -> list[str]:
        check_password(password, self._limits)
        password_hash = await self._passwords.hash_password(password)
        work = partial(_reset_password, username=username, password_hash=password_hash)
        return await self._writer.run_job_then(work, self._after_password_reset)

    async def _erase_account(self, username: str) -> list[str]:
        """Begin to erase an account. Without a running server, erase all of it."""
        erasure = await self._writer.run_job_then(
            partial(_begin_erasure, username=username), self._after_erasure_begun
        )
        if self._limit_report is None:
            await self._eraser.erase_pending()
            return [f"{erasure.username} is erased; its name is {erasure.neutral_name} now"]
        return [
            f"{erasure.username} cannot log in any more; its name is {erasure.neutral_name} now",
            "its rooms, seats and messages are erased in the background: see chat-server admin erasures",
        ]

    def _after_erasure_begun(self, erasure: AccountErasure) -> AccountErasure:
        self._eraser.erasure_begun(erasure)
        return erasure

    async def _end_session(self, target: str) -> list[str]:
        if not target.isdecimal():
            return await self._writer.run_job_then(
                partial(_end_sessions, username=target.removeprefix("@")), self._after_sessions_ended
            )
        number = int(target)
        speaker = next(
            (candidate for candidate in self._directory.all_speakers() if candidate.number == number), None
        )
        if speaker is None:
            raise CommandRefused(f"there is no session {target}; for a user of that name give @{target}")
        return await self._writer.run_job_then(
            lambda transaction: tokens.delete_family(transaction.connection, speaker.family),
            lambda _: self._end_speaker(speaker),
        )

    def _after_disable(self, account: AccountRecord) -> list[str]:
        ended = self._dismiss_sessions(account, AccountDisabled())
        return [f"{account.username} is disabled; {ended}"]

    def _after_password_reset(self, account: AccountRecord) -> list[str]:
        ended = self._dismiss_sessions(account, SessionEnded())
        return [f"{account.username} has a new password; {ended}"]

    def _after_sessions_ended(self, account: AccountRecord) -> list[str]:
        ended = self._dismiss_sessions(account, SessionEnded())
        return [f"{account.username} has to log in again; {ended}"]

    def _end_speaker(self, speaker: Speaker) -> list[str]:
        if speaker.account is not None:
            self._presence.dismiss_sessions(speaker.account, {speaker}, SessionEnded())
        return [f"session {speaker.number} has ended"]

    def _dismiss_sessions(self, account: AccountRecord, reason: ChatError) -> str:
        live = self._directory.find_account(account.id)
        count = len(live.speakers) if live else 0
        if live is not None:
            self._presence.dismiss_sessions(live, live.speakers, reason)
        return f"sessions ended: {count}"

    def _after_owned_room_deleted(self, room: ClosedRoom | None) -> list[str]:
        return [] if room is None else self._after_room_deleted(room)

    def _after_transfer(self, room: RoomRecord) -> list[str]:
        self._directory.set_roster(room.conversation_id, room.roster)
        self._notifier.room_changed(room)
        return [f"{labels.room_label(room.name)} belongs to {room.owner} now"]

    def _after_room_deleted(self, room: ClosedRoom) -> list[str]:
        announce_room_closed(self._directory, self._notifier, room)
        return [f"{labels.room_label(room.name)} was deleted; its messages are removed in the background"]


# In the transaction


def _publish_announcement(transaction: WriteTransaction, *, announcement: AdminAnnouncement) -> None:
    transaction.changes.announcements.append(announcement)


def _disable_account(transaction: WriteTransaction, *, username: str) -> AccountRecord:
    account = _end_sessions(transaction, username=username)
    accounts.set_disabled(transaction.connection, account.id, transaction.now)
    return account


def _enable_account(transaction: WriteTransaction, *, username: str) -> AccountRecord:
    account = permissions.find_user(transaction.connection, username)
    accounts.set_disabled(transaction.connection, account.id, None)
    return account


def _reset_password(transaction: WriteTransaction, *, username: str, password_hash: str) -> AccountRecord:
    account = _end_sessions(transaction, username=username)
    accounts.set_password(transaction.connection, account.id, password_hash)
    return account


def _end_sessions(transaction: WriteTransaction, *, username: str) -> AccountRecord:
    """End all sessions of a user, and delete the tokens."""
    account = permissions.find_user(transaction.connection, username)
    transaction.end_sessions(account.id)
    tokens.delete_account_tokens(transaction.connection, account.id)
    return account


def _begin_erasure(transaction: WriteTransaction, *, username: str) -> AccountErasure:
    return begin_erasure(transaction, permissions.find_user(transaction.connection, username).id)


def _delete_room(transaction: WriteTransaction, *, room: str) -> ClosedRoom:
    transaction.lock_changing([_find_room(transaction, room).conversation_id])
    return remove_room(transaction, _find_room(transaction, room), None)


def _read_servers(connection: Connection) -> list[str]:
    return tables.server_table(instances.list_instances(connection), instances.database_time(connection))


def _owned_rooms(connection: Connection, username: str) -> list[RoomRecord]:
    owner = permissions.find_user(connection, username)
    return [room for room in rooms.list_all_rooms(connection) if room.owner_id == owner.id]


def _delete_owned_room(transaction: WriteTransaction, *, room: RoomRecord) -> ClosedRoom | None:
    """Delete a room unless it has been deleted or transferred since."""
    transaction.lock_changing([room.conversation_id])
    current = rooms.find_room(transaction.connection, names.name_key(room.name))
    if current is None or current.conversation_id != room.conversation_id:
        return None
    return remove_room(transaction, current, None) if current.owner_id == room.owner_id else None


def _transfer_room(transaction: WriteTransaction, *, room: str, username: str) -> RoomRecord:
    """Make an account the owner of a room. The notice in the room is the old owner's."""
    connection = transaction.connection
    transaction.lock_changing([_find_room(transaction, room).conversation_id])
    target, heir = _find_room(transaction, room), permissions.find_user(connection, username)
    if heir.disabled:
        raise CommandRefused(f"{heir.username} is disabled")
    if heir.id == target.owner_id:
        raise CommandRefused(f"{heir.username} owns {labels.room_label(target.name)} already")
    rooms.set_owner(connection, target.conversation_id, heir.id)
    owner = accounts.find_account_by_id(connection, target.owner_id)
    assert owner is not None
    add_notice(transaction, target, owner, "transfer", heir.username)
    return _find_room(transaction, room)


def _find_room(transaction: WriteTransaction, room: str) -> RoomRecord:
    record = rooms.find_room(transaction.connection, names.name_key(labels.room_name(room)))
    if record is None:
        raise UnknownRoom(room=labels.room_label(room))
    return record


def _create_code(transaction: WriteTransaction, *, room: str, uses: int, days: int) -> str:
    conversation_id = _find_room(transaction, room).conversation_id if room else None
    return invitations.issue_code(transaction, conversation_id=conversation_id, uses=uses, days=days)


def _revoke_code(transaction: WriteTransaction, *, invitation: str) -> InviteCode:
    matches = [
        code
        for code in invite_codes.list_codes(transaction.connection)
        if tables.short_digest(code) == invitation
    ]
    if not matches:
        raise CommandRefused(f"there is no invitation {invitation}; chat-server admin invitations lists them")
    invite_codes.delete_code(transaction.connection, matches[0].digest)
    return matches[0]


# Wording


def _enabled_lines(account: AccountRecord) -> list[str]:
    return [f"{account.username} may log in again"]


def _revoked_lines(code: InviteCode) -> list[str]:
    return [f"invitation {tables.short_digest(code)} was revoked"]
