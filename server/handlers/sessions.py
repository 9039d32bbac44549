"""Login, resume and logout. Registration is in ``accounts``.

A token is the right to resume: 256 bits that the client stores; the database stores only their digest. The
tokens that follow from one login are a family, and are deleted together.
"""

import asyncio
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter

from chatroom.db import background
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import accounts, tokens
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import AccountRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol import names, requests, responses
from chatroom.protocol.errors import AccountDisabled, BadToken, ChatError, Unavailable, UnknownUser
from chatroom.protocol.frame import Id
from chatroom.protocol.values import DAY
from chatroom.server.auth.password_check import PasswordChecker
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.auth.validation import check_password, check_username
from chatroom.server.config.settings import ServerConfig
from chatroom.server.domain.accounts import PASSWORD_RETRY_SECONDS, replace_password_hash, verify_account
from chatroom.server.domain.pages import answer_size, fill_page
from chatroom.server.domain.request_checks import speaker_account
from chatroom.server.results import CommitWork, Reply
from chatroom.server.state.directory import Speaker
from chatroom.server.state.presence import AccountDeparture, AccountSnapshot, PresenceTracker
from chatroom.server.state.serialize import room_value

MAX_LISTED = 1000
"""Rooms, and friends, in ``session``; ``list_rooms`` and ``list_friends`` have the rest."""


@dataclass(frozen=True, slots=True)
class FreshToken:
    text: str = field(repr=False)
    digest: bytes

    @classmethod
    def generate(cls) -> "FreshToken":
        text = secrets.token_urlsafe(32)
        return cls(text, _token_digest(text))


@dataclass(frozen=True, slots=True)
class SessionStart:
    """The account, token and snapshot with which a session begins."""

    account: AccountRecord
    family: bytes
    token: FreshToken
    started_at: int
    snapshot: AccountSnapshot


class SessionHandlers:
    def __init__(
        self,
        config: ServerConfig,
        reader: DatabaseReader,
        writer: DatabaseWriter,
        passwords: PasswordHasher,
        password_checker: PasswordChecker,
        presence: PresenceTracker,
    ) -> None:
        self._limits = config.limits
        self._password = config.password
        self._token_life = config.token.days * DAY
        self._reader = reader
        self._writer = writer
        self._passwords = passwords
        self._password_checker = password_checker
        self._presence = presence
        self._renewals: set[asyncio.Task[None]] = set()

    async def login(self, speaker: Speaker, request: requests.Login) -> Reply:
        check_password(request.password, self._password)
        key = names.name_key(request.username)
        stored = await self._reader.run(accounts.find_account, key)
        if stored is not None and stored.erased:
            stored = None
        if stored is None:
            check_username(request.username, self._limits)
        verified = await verify_account(self._password_checker, stored, request.password, key, speaker)
        token, family = FreshToken.generate(), secrets.token_bytes(32)

        def then(start: SessionStart) -> responses.Response:
            self._renew_hash(start.account, request.password)
            return self._begin_session(speaker, request.id, start)

        return CommitWork(partial(self._log_in_account, verified=verified, token=token, family=family), then)

    def resume(self, speaker: Speaker, request: requests.Resume) -> Reply:
        work = partial(self._exchange_token, digest=_token_digest(request.token), token=FreshToken.generate())
        return CommitWork(work, partial(self._begin_session, speaker, request.id))

    async def logout(self, speaker: Speaker, request: requests.Logout) -> Reply:
        """End the session. The last one leaves everything, in several jobs if that is much."""
        account = speaker_account(speaker)
        await self._presence.leave_most(speaker, account)
        is_last = account.speakers == {speaker}

        def work(transaction: WriteTransaction) -> AccountDeparture | None:
            tokens.delete_family(transaction.connection, speaker.family)
            return self._presence.record_departure(transaction, account.id) if is_last else None

        def then(departure: AccountDeparture | None) -> responses.Response:
            self._presence.session_logged_out(speaker, account, departure)
            return responses.Ok(id=request.id)

        return CommitWork(work, then)

    # On the loop

    def _begin_session(self, speaker: Speaker, id: Id, start: SessionStart) -> responses.Response:
        speaker.family, speaker.token = start.family, start.token.digest
        speaker.since, speaker.session_epoch = start.started_at, start.account.session_epoch
        self._presence.session_started(speaker, start.account, start.snapshot)
        size = answer_size(self._limits) // 2
        rooms, rooms_end = fill_page(
            map(room_value, start.snapshot.rooms), attrgetter("room"), MAX_LISTED, size
        )
        friends, friends_end = fill_page(
            self._presence.friend_values(start.snapshot), attrgetter("friend"), MAX_LISTED, size
        )
        return responses.Session(
            id=id,
            username=start.account.username,
            token=start.token.text,
            rooms=rooms,
            friends=friends,
            rooms_cursor=rooms_end.cursor,
            friends_cursor=friends_end.cursor,
        )

    def _renew_hash(self, stored: AccountRecord, password: str) -> None:
        """Hash a password again, in the background, if the configured cost has changed."""
        if self._passwords.needs_rehash(stored.password_hash):
            renewal = background.start_task(
                asyncio.get_running_loop(), self._store_new_hash(stored, password)
            )
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)

    async def _store_new_hash(self, stored: AccountRecord, password: str) -> None:
        with suppress(ChatError, DatabaseUnavailable):  # the next login tries again
            password_hash = await self._passwords.hash_password(password, registers=True)
            await self._writer.run_job(
                partial(replace_password_hash, account=stored, password_hash=password_hash)
            )

    # In the transaction

    def _log_in_account(
        self, transaction: WriteTransaction, *, verified: AccountRecord, token: FreshToken, family: bytes
    ) -> SessionStart:
        accounts.lock_account_shared(transaction.connection, verified.id)
        account = accounts.find_account_by_id(transaction.connection, verified.id)
        if account is None:
            raise UnknownUser
        if account.password_hash != verified.password_hash:
            raise Unavailable(retry_after=PASSWORD_RETRY_SECONDS)
        if account.disabled:
            raise AccountDisabled
        return self._start_session(transaction, account, token, family, parent=None)

    def _exchange_token(
        self, transaction: WriteTransaction, *, digest: bytes, token: FreshToken
    ) -> SessionStart:
        """Exchange a token. The old one stays valid until the new one is used: this answer may be lost."""
        connection = transaction.connection
        old = tokens.find_token(connection, digest, transaction.now)
        if old is not None:
            accounts.lock_account_shared(connection, old.account_id)
            old = tokens.find_token(connection, digest, transaction.now)  # deleted before the lock
        account = accounts.find_account_by_id(connection, old.account_id) if old is not None else None
        if old is None or account is None or account.disabled:
            raise BadToken
        if old.parent is not None:
            tokens.delete_token(connection, old.parent)
        return self._start_session(transaction, account, token, old.family, parent=digest)

    def _start_session(
        self,
        transaction: WriteTransaction,
        account: AccountRecord,
        token: FreshToken,
        family: bytes,
        parent: bytes | None,
    ) -> SessionStart:
        tokens.add_token(
            transaction.connection,
            digest=token.digest,
            account_id=account.id,
            family=family,
            parent=parent,
            expires_at=transaction.now + self._token_life,
        )
        snapshot = self._presence.record_attendance(transaction, account.id)
        return SessionStart(account, family, token, transaction.now, snapshot)


def _token_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
