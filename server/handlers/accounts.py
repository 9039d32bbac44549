"""Accounts: made, logged in to, resumed, logged out of; and a new password."""

import asyncio
import hashlib
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from db import accounts, tokens
from db.errors import Outage, Taken
from db.records import Account as Kept
from db.store import Store
from db.transaction import Transaction
from db.writer import Writer
from protocol import names, requests, responses
from protocol.errors import (
    AccountDisabled,
    BadToken,
    ChatError,
    RegistrationClosed,
    SessionEnded,
    Unavailable,
    UnknownUser,
    UsernameTaken,
    WrongPassword,
)
from protocol.frame import UNSET, Id
from server import codes
from server.checks import check_attempts, check_password, check_username
from server.codes import Gate
from server.config import Config
from server.handlers.common import account_of
from server.limits import Attempts
from server.live import Speaker
from server.passwords import Passwords
from server.presence import Presence, Snapshot
from server.replies import Commit, Reply
from server.values import room_value

DAY = 24 * 60 * 60 * 1000

AT_ONCE = 1.0
"""Seconds after which to try again what another change of the password has overtaken."""


class Accounts:
    def __init__(
        self,
        config: Config,
        store: Store,
        writer: Writer,
        passwords: Passwords,
        attempts: Attempts,
        presence: Presence,
        gate: Gate,
    ) -> None:
        self._open = config.accounts.registration == "open"
        self._gate = gate
        self._limits = config.limits
        self._password = config.password
        self._token_life = config.token.days * DAY
        self._store = store
        self._writer = writer
        self._passwords = passwords
        self._attempts = attempts
        self._presence = presence
        self._renewals: set[asyncio.Task[None]] = set()

    async def register(self, speaker: Speaker, request: requests.Register) -> Reply:
        shown = await self._admit(speaker, request)
        username = request.username
        key, skeleton = names.key(username), names.skeleton(username)
        if await self._store.run(_is_taken, key, skeleton):
            raise UsernameTaken
        check_username(username, self._limits)
        check_password(request.password, self._password)
        password_hash = await self._passwords.hash(request.password)
        work = partial(
            _add, username=username, key=key, skeleton=skeleton, password_hash=password_hash, shown=shown
        )
        return Commit(work, lambda _: responses.Ok(id=request.id))

    async def _admit(self, speaker: Speaker, request: requests.Register) -> bytes | None:
        """The digest of the invitation, where one is needed. Before anything is told about names."""
        if self._open:
            return None
        if request.invitation is UNSET:
            raise RegistrationClosed
        return await self._gate.check(request.invitation, speaker.address)

    async def login(self, speaker: Speaker, request: requests.Login) -> Reply:
        """Whoever guesses learns nothing from the time it takes: an unknown name costs a hash as well."""
        check_password(request.password, self._password)
        key = names.key(request.username)
        kept = await self._store.run(accounts.find, key)
        if kept is None:
            check_username(request.username, self._limits)
        known = await self._check(kept, request.password, key, speaker.address)
        token, family = _Token.fresh(), secrets.token_bytes(32)

        def then(beginning: _Beginning) -> responses.Response:
            self._renew(beginning.account, request.password)
            return self._begin(speaker, request.id, token, beginning)

        return Commit(partial(self._log_in, known=known, token=token, family=family), then)

    async def change_password(self, speaker: Speaker, request: requests.ChangePassword) -> Reply:
        """Whoever knows the old password is the owner; everybody else, with a session or a token, is out."""
        account = account_of(speaker)
        check_password(request.new_password, self._password)
        kept = await self._store.run(accounts.get, account.id)
        known = await self._check(kept, request.password, names.key(account.username), speaker.address)
        password_hash = await self._passwords.hash(request.new_password)

        def then(now: int) -> responses.Response:
            speaker.since = now
            self._presence.dismiss(account, account.speakers - {speaker}, SessionEnded())
            return responses.Ok(id=request.id)

        return Commit(
            partial(_change_password, known=known, password_hash=password_hash, token=speaker.token), then
        )

    async def _check(self, kept: Kept | None, password: str, key: bytes, address: str) -> Kept:
        """The account whose password this is. Raises ``WrongPassword``, ``UnknownUser``, or
        ``TooManyAttempts``."""
        check_attempts(self._attempts, key, address)
        right = await self._passwords.verify(password, None if kept is None else kept.password_hash)
        check_attempts(self._attempts, key, address)
        if right and kept is not None:
            self._attempts.succeeded(key, address)
            return kept
        self._attempts.failed(key, address, time.monotonic())
        raise UnknownUser if kept is None else WrongPassword

    def _renew(self, kept: Kept, password: str) -> None:
        """Hash a password anew if the cost of hashing was another then; nobody waits for it."""
        if self._passwords.needs_rehash(kept.password_hash):
            renewal = asyncio.get_running_loop().create_task(self._rehash(kept, password))
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)

    async def _rehash(self, kept: Kept, password: str) -> None:
        with suppress(ChatError, Outage):  # there will be another login
            password_hash = await self._passwords.hash(password)
            await self._writer.run(partial(_replace_hash, known=kept, password_hash=password_hash))

    def resume(self, speaker: Speaker, request: requests.Resume) -> Reply:
        token = _Token.fresh()
        work = partial(self._go_on, digest=_digest(request.token), token=token)
        return Commit(work, partial(self._begin, speaker, request.id, token))

    def logout(self, speaker: Speaker, request: requests.Logout) -> Reply:
        account = account_of(speaker)
        last = account.speakers == {speaker}

        def work(transaction: Transaction) -> Snapshot | None:
            tokens.drop_family(transaction.connection, speaker.family)
            return self._presence.depart(transaction, account.id) if last else None

        def then(found: Snapshot | None) -> responses.Response:
            self._presence.log_out(speaker, account, found)
            return responses.Ok(id=request.id)

        return Commit(work, then)

    # In the transaction

    def _log_in(
        self, transaction: Transaction, *, known: Kept, token: "_Token", family: bytes
    ) -> "_Beginning":
        account = accounts.get(transaction.connection, known.id)
        if account is None:
            raise UnknownUser
        if account.password_hash != known.password_hash:
            raise Unavailable(retry_after=AT_ONCE)
        if account.disabled:
            raise AccountDisabled
        return self._session(transaction, account, token, family, parent=None)

    def _go_on(self, transaction: Transaction, *, digest: bytes, token: "_Token") -> "_Beginning":
        """Exchange a token. It stays good until the new one is used: this answer may get lost."""
        connection = transaction.connection
        old = tokens.find(connection, digest, transaction.now)
        account = accounts.get(connection, old.account_id) if old is not None else None
        if old is None or account is None or account.disabled:
            raise BadToken
        if old.parent is not None:
            tokens.drop(connection, old.parent)
        return self._session(transaction, account, token, old.family, parent=digest)

    def _session(
        self, transaction: Transaction, account: Kept, token: "_Token", family: bytes, parent: bytes | None
    ) -> "_Beginning":
        tokens.add(
            transaction.connection,
            digest=token.digest,
            account_id=account.id,
            family=family,
            parent=parent,
            expires_at=transaction.now + self._token_life,
        )
        return _Beginning(
            account, family, token.digest, transaction.now, self._presence.attend(transaction, account.id)
        )

    # On the loop

    def _begin(
        self, speaker: Speaker, id: Id, token: "_Token", beginning: "_Beginning"
    ) -> responses.Response:
        speaker.family, speaker.token = beginning.family, beginning.token
        speaker.since = beginning.at
        self._presence.arrive(speaker, beginning.account, beginning.found)
        return responses.Session(
            id=id,
            username=beginning.account.username,
            token=token.text,
            rooms=[room_value(room) for room in beginning.found.rooms],
            friends=self._presence.friend_values(beginning.found),
        )


@dataclass(frozen=True, slots=True)
class _Token:
    """The right to resume: 256 bits that the client keeps; the database knows only their digest."""

    text: str = field(repr=False)
    digest: bytes

    @classmethod
    def fresh(cls) -> "_Token":
        text = secrets.token_urlsafe(32)
        return cls(text, _digest(text))


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What a session begins with."""

    account: Kept
    family: bytes
    token: bytes
    at: int
    found: Snapshot


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _is_taken(connection: Connection, key: bytes, skeleton: bytes) -> bool:
    return (
        accounts.find(connection, key) is not None
        or accounts.find_look_alike(connection, skeleton) is not None
    )


def _add(
    transaction: Transaction,
    *,
    username: str,
    key: bytes,
    skeleton: bytes,
    password_hash: str,
    shown: bytes | None,
) -> None:
    try:
        account_id = accounts.add(
            transaction.connection,
            username=username,
            key=key,
            skeleton=skeleton,
            password_hash=password_hash,
            now=transaction.now,
        )
    except Taken:
        raise UsernameTaken from None
    if shown is not None:
        codes.use(transaction, shown, account_id)


def _change_password(transaction: Transaction, *, known: Kept, password_hash: str, token: bytes) -> int:
    """Since when sessions are good. Raises ``Unavailable`` when the password is another one by now."""
    _replace_hash(transaction, known=known, password_hash=password_hash)
    tokens.drop_account(transaction.connection, known.id, but=token)
    accounts.end_sessions(transaction.connection, known.id, transaction.now)
    transaction.news.accounts.add(known.id)
    return transaction.now


def _replace_hash(transaction: Transaction, *, known: Kept, password_hash: str) -> None:
    if not accounts.set_password(
        transaction.connection, known.id, password_hash, instead_of=known.password_hash
    ):
        raise Unavailable(retry_after=AT_ONCE)
