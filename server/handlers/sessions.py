"""Sessions: begun with a password or a token, and ended. The accounts themselves are in ``accounts``.

A token is the right to resume: 256 bits that the client keeps, while the database knows their digest alone.
Those that one login was exchanged for are a family, and go together.
"""

import asyncio
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from db import accounts, background, tokens
from db.errors import Outage
from db.records import Account as Kept
from db.store import Store
from db.transaction import Transaction
from db.writer import Writer
from protocol import names, requests, responses
from protocol.errors import AccountDisabled, BadToken, ChatError, Unavailable, UnknownUser
from protocol.frame import Id
from protocol.values import DAY
from server.checks import check_password, check_username
from server.config import Config
from server.guesses import Guesses
from server.handlers.accounts import AT_ONCE, prove, replace_hash
from server.handlers.common import account_of
from server.live import Speaker
from server.passwords import Passwords
from server.presence import Presence, Snapshot
from server.replies import Commit, Reply
from server.values import room_value


@dataclass(frozen=True, slots=True)
class Token:
    text: str = field(repr=False)
    digest: bytes

    @classmethod
    def fresh(cls) -> "Token":
        text = secrets.token_urlsafe(32)
        return cls(text, _digest(text))


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a session begins with."""

    account: Kept
    family: bytes
    token: Token
    at: int
    found: Snapshot


class Sessions:
    def __init__(
        self,
        config: Config,
        store: Store,
        writer: Writer,
        passwords: Passwords,
        guesses: Guesses,
        presence: Presence,
    ) -> None:
        self._limits = config.limits
        self._password = config.password
        self._token_life = config.token.days * DAY
        self._store = store
        self._writer = writer
        self._passwords = passwords
        self._guesses = guesses
        self._presence = presence
        self._renewals: set[asyncio.Task[None]] = set()

    async def login(self, speaker: Speaker, request: requests.Login) -> Reply:
        check_password(request.password, self._password)
        key = names.key(request.username)
        kept = await self._store.run(accounts.find, key)
        if kept is None:
            check_username(request.username, self._limits)
        known = await prove(self._guesses, kept, request.password, key, speaker)
        token, family = Token.fresh(), secrets.token_bytes(32)

        def then(beginning: Beginning) -> responses.Response:
            self._renew(beginning.account, request.password)
            return self._begin(speaker, request.id, beginning)

        return Commit(partial(self._log_in, known=known, token=token, family=family), then)

    def resume(self, speaker: Speaker, request: requests.Resume) -> Reply:
        work = partial(self._go_on, digest=_digest(request.token), token=Token.fresh())
        return Commit(work, partial(self._begin, speaker, request.id))

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

    # On the loop

    def _begin(self, speaker: Speaker, id: Id, beginning: Beginning) -> responses.Response:
        speaker.family, speaker.token = beginning.family, beginning.token.digest
        speaker.since, speaker.session_epoch = beginning.at, beginning.account.session_epoch
        self._presence.arrive(speaker, beginning.account, beginning.found)
        return responses.Session(
            id=id,
            username=beginning.account.username,
            token=beginning.token.text,
            rooms=[room_value(room) for room in beginning.found.rooms],
            friends=self._presence.friend_values(beginning.found),
        )

    def _renew(self, kept: Kept, password: str) -> None:
        """Hash a password anew if the cost of hashing was another then; nobody waits for it."""
        if self._passwords.needs_rehash(kept.password_hash):
            renewal = background.start(asyncio.get_running_loop(), self._rehash(kept, password))
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)

    async def _rehash(self, kept: Kept, password: str) -> None:
        with suppress(ChatError, Outage):  # there will be another login
            password_hash = await self._passwords.hash(password, registers=True)
            await self._writer.run(partial(replace_hash, known=kept, password_hash=password_hash))

    # In the transaction

    def _log_in(self, transaction: Transaction, *, known: Kept, token: Token, family: bytes) -> Beginning:
        accounts.lock_shared(transaction.connection, known.id)
        account = accounts.get(transaction.connection, known.id)
        if account is None:
            raise UnknownUser
        if account.password_hash != known.password_hash:
            raise Unavailable(retry_after=AT_ONCE)
        if account.disabled:
            raise AccountDisabled
        return self._session(transaction, account, token, family, parent=None)

    def _go_on(self, transaction: Transaction, *, digest: bytes, token: Token) -> Beginning:
        """Exchange a token. It stays good until the new one is used: this answer may get lost."""
        connection = transaction.connection
        old = tokens.find(connection, digest, transaction.now)
        if old is not None:
            accounts.lock_shared(connection, old.account_id)
            old = tokens.find(connection, digest, transaction.now)  # it may have gone before that
        account = accounts.get(connection, old.account_id) if old is not None else None
        if old is None or account is None or account.disabled:
            raise BadToken
        if old.parent is not None:
            tokens.drop(connection, old.parent)
        return self._session(transaction, account, token, old.family, parent=digest)

    def _session(
        self, transaction: Transaction, account: Kept, token: Token, family: bytes, parent: bytes | None
    ) -> Beginning:
        tokens.add(
            transaction.connection,
            digest=token.digest,
            account_id=account.id,
            family=family,
            parent=parent,
            expires_at=transaction.now + self._token_life,
        )
        found = self._presence.attend(transaction, account.id)
        return Beginning(account, family, token, transaction.now, found)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
