"""Registration and password changes. Logins are in ``sessions``."""

import time
from functools import partial

from chatroom.db.account_erasure import erased_names
from chatroom.db.account_erasure.erasure_queue import AccountErasure
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import accounts, tokens
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import AccountRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import names, requests, responses
from chatroom.protocol.errors import (
    RegistrationClosed,
    SessionEnded,
    Unavailable,
    UsernameTaken,
)
from chatroom.protocol.frame import UNSET
from chatroom.server.auth import invitations
from chatroom.server.auth.invitations import InvitationChecker
from chatroom.server.auth.password_check import PasswordChecker
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.auth.validation import check_password, check_username
from chatroom.server.config.settings import ServerConfig
from chatroom.server.domain.account_erasure import ErasureRunner, begin_erasure
from chatroom.server.domain.accounts import (
    PASSWORD_RETRY_SECONDS,
    replace_password_hash,
    verify_account,
)
from chatroom.server.domain.names import is_name_taken
from chatroom.server.domain.request_checks import check_rate, speaker_account
from chatroom.server.net.limits import MINUTE, AddressBuckets
from chatroom.server.results import CommitWork, Reply
from chatroom.server.state.directory import Speaker
from chatroom.server.state.disk_space import DiskSpace
from chatroom.server.state.presence import PresenceTracker


class AccountHandlers:
    def __init__(
        self,
        config: ServerConfig,
        reader: DatabaseReader,
        passwords: PasswordHasher,
        password_checker: PasswordChecker,
        presence: PresenceTracker,
        invitation_checker: InvitationChecker,
        disk: DiskSpace,
        eraser: ErasureRunner,
    ) -> None:
        self._disk = disk
        self._eraser = eraser
        self._open = config.accounts.registration == "open"
        self._limits = config.limits
        self.apply_limits()
        self._password = config.password
        self._reader = reader
        self._passwords = passwords
        self._password_checker = password_checker
        self._presence = presence
        self._invitation_checker = invitation_checker

    def apply_limits(self) -> None:
        """Begin to count registrations anew, with the current limits."""
        limits = self._limits
        self._registrations = AddressBuckets(
            limits.registrations_per_minute / MINUTE if limits.rate else 0, limits.registrations_burst
        )

    async def register(self, speaker: Speaker, request: requests.Register) -> Reply:
        self._disk.check_space()
        code_digest = await self._check_invitation(speaker, request)
        username = request.username
        key, skeleton = names.name_key(username), names.name_skeleton(username)
        if await self._reader.run(is_name_taken, username, accounts.find_account, accounts.find_look_alike):
            raise UsernameTaken
        check_username(username, self._limits)
        check_password(request.password, self._password)
        check_rate(self._registrations.at(speaker.address, time.monotonic()))
        password_hash = await self._passwords.hash_password(request.password, speaker, registers=True)
        work = partial(
            _add_account,
            username=username,
            key=key,
            skeleton=skeleton,
            password_hash=password_hash,
            code_digest=code_digest,
        )
        return CommitWork(work, lambda _: responses.Ok(id=request.id))

    async def _check_invitation(self, speaker: Speaker, request: requests.Register) -> bytes | None:
        """Return the digest of the invitation code, if registration needs one.

        Runs before any answer that reveals whether a name is taken.
        """
        if self._open:
            return None
        if request.invitation is UNSET:
            raise RegistrationClosed
        return await self._invitation_checker.check_code(request.invitation, speaker.address)

    async def change_password(self, speaker: Speaker, request: requests.ChangePassword) -> Reply:
        """Change the password. Ends the account's other sessions and deletes their tokens."""
        account = speaker_account(speaker)
        check_password(request.new_password, self._password)
        stored = await self._reader.run(accounts.find_account_by_id, account.id)
        attempts_key = b"session of %d" % account.id
        verified = await verify_account(
            self._password_checker, stored, request.password, attempts_key, speaker, logged_in=True
        )
        password_hash = await self._passwords.hash_password(request.new_password, speaker)

        def then(changed: tuple[int, int]) -> responses.Response:
            speaker.since, speaker.session_epoch = changed
            self._presence.dismiss_sessions(account, account.speakers - {speaker}, SessionEnded())
            return responses.Ok(id=request.id)

        return CommitWork(
            partial(_change_password, verified=verified, password_hash=password_hash, token=speaker.token),
            then,
        )

    async def delete_account(self, speaker: Speaker, request: requests.DeleteAccount) -> Reply:
        """Begin to erase the account. Ends all of its sessions, this one without closing the connection."""
        account = speaker_account(speaker)
        stored = await self._reader.run(accounts.find_account_by_id, account.id)
        attempts_key = b"session of %d" % account.id
        verified = await verify_account(
            self._password_checker, stored, request.password, attempts_key, speaker, logged_in=True
        )

        def then(erasure: AccountErasure) -> responses.Response:
            self._eraser.erasure_begun(erasure, speaker)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_delete_account, verified=verified), then)


# In the transaction


def _add_account(
    transaction: WriteTransaction,
    *,
    username: str,
    key: bytes,
    skeleton: bytes,
    password_hash: str,
    code_digest: bytes | None,
) -> None:
    if erased_names.is_reserved(transaction.connection, key, skeleton):
        raise UsernameTaken
    try:
        account_id = accounts.add_account(
            transaction.connection,
            username=username,
            key=key,
            skeleton=skeleton,
            password_hash=password_hash,
            now=transaction.now,
        )
    except AlreadyExists:
        raise UsernameTaken from None
    if code_digest is not None:
        invitations.use_invitation(transaction, code_digest, account_id)


def _change_password(
    transaction: WriteTransaction, *, verified: AccountRecord, password_hash: str, token: bytes
) -> tuple[int, int]:
    """Return the time of the change and the new session epoch. Raises ``Unavailable`` if the password was
    changed meanwhile."""
    epoch = transaction.end_sessions(verified.id)
    replace_password_hash(transaction, account=verified, password_hash=password_hash)
    tokens.delete_account_tokens(transaction.connection, verified.id, except_digest=token)
    return transaction.now, epoch


def _delete_account(transaction: WriteTransaction, *, verified: AccountRecord) -> AccountErasure:
    """Begin to erase an account. Raises ``Unavailable`` if the password was changed meanwhile."""
    accounts.lock_accounts(transaction.connection, [verified.id])
    current = accounts.find_account_by_id(transaction.connection, verified.id)
    if current is None or current.password_hash != verified.password_hash:
        raise Unavailable(retry_after=PASSWORD_RETRY_SECONDS)
    return begin_erasure(transaction, verified.id)
