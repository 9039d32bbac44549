"""Accounts: made, and given a new password. Who logs in to one is in ``sessions``."""

import time
from functools import partial

from sqlalchemy import Connection

from db import accounts, tokens
from db.errors import Taken
from db.records import Account as Kept
from db.store import Store
from db.transaction import Transaction
from protocol import names, requests, responses
from protocol.errors import (
    RateLimited,
    RegistrationClosed,
    SessionEnded,
    Unavailable,
    UnknownUser,
    UsernameTaken,
    WrongPassword,
)
from protocol.frame import UNSET
from server import codes
from server.checks import check_password, check_username
from server.codes import Gate
from server.config import Config
from server.guesses import Guesses
from server.handlers.common import account_of
from server.limits import MINUTE, AddressBuckets
from server.live import Speaker
from server.passwords import Asker, Passwords
from server.presence import Presence
from server.replies import Commit, Reply

AT_ONCE = 1.0
"""Seconds after which to try again what another change of the password has overtaken."""


class Accounts:
    def __init__(
        self,
        config: Config,
        store: Store,
        passwords: Passwords,
        guesses: Guesses,
        presence: Presence,
        gate: Gate,
    ) -> None:
        self._open = config.accounts.registration == "open"
        self._limits = limits = config.limits
        self._registrations = AddressBuckets(
            limits.registrations_per_minute / MINUTE if limits.rate else 0, limits.registrations_burst
        )
        self._password = config.password
        self._store = store
        self._passwords = passwords
        self._guesses = guesses
        self._presence = presence
        self._gate = gate

    async def register(self, speaker: Speaker, request: requests.Register) -> Reply:
        shown = await self._admit(speaker, request)
        username = request.username
        key, skeleton = names.key(username), names.skeleton(username)
        if await self._store.run(_is_taken, key, skeleton):
            raise UsernameTaken
        check_username(username, self._limits)
        check_password(request.password, self._password)
        self._check_rate(speaker.address)
        password_hash = await self._passwords.hash(request.password, speaker, registers=True)
        work = partial(
            _add, username=username, key=key, skeleton=skeleton, password_hash=password_hash, shown=shown
        )
        return Commit(work, lambda _: responses.Ok(id=request.id))

    def _check_rate(self, address: str) -> None:
        """Count a registration for its address. Raises ``RateLimited``."""
        now = time.monotonic()
        if wait := self._registrations.at(address, now).take(now):
            raise RateLimited(retry_after=round(wait, 3))

    async def _admit(self, speaker: Speaker, request: requests.Register) -> bytes | None:
        """The digest of the invitation, where one is needed. Before anything is told about names."""
        if self._open:
            return None
        if request.invitation is UNSET:
            raise RegistrationClosed
        return await self._gate.check(request.invitation, speaker.address)

    async def change_password(self, speaker: Speaker, request: requests.ChangePassword) -> Reply:
        """Whoever knows the old password is the owner; everybody else, with a session or a token, is out."""
        account = account_of(speaker)
        check_password(request.new_password, self._password)
        kept = await self._store.run(accounts.get, account.id)
        known = await prove(self._guesses, kept, request.password, names.key(account.username), speaker)
        password_hash = await self._passwords.hash(request.new_password, speaker)

        def then(changed: tuple[int, int]) -> responses.Response:
            speaker.since, speaker.session_epoch = changed
            self._presence.dismiss(account, account.speakers - {speaker}, SessionEnded())
            return responses.Ok(id=request.id)

        return Commit(
            partial(_change_password, known=known, password_hash=password_hash, token=speaker.token), then
        )


async def prove(guesses: Guesses, kept: Kept | None, password: str, key: bytes, asker: Asker) -> Kept:
    """The account whose password this is. Raises ``WrongPassword``, ``UnknownUser``, or ``TooManyAttempts``.

    Whoever guesses learns nothing from the time it takes: an unknown name costs a hash as well.
    """
    right = await guesses.is_right(password, None if kept is None else kept.password_hash, key, asker)
    if kept is None:
        raise UnknownUser
    if not right:
        raise WrongPassword
    return kept


def _is_taken(connection: Connection, key: bytes, skeleton: bytes) -> bool:
    return (
        accounts.find(connection, key) is not None
        or accounts.find_look_alike(connection, skeleton) is not None
    )


# In the transaction


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


def _change_password(
    transaction: Transaction, *, known: Kept, password_hash: str, token: bytes
) -> tuple[int, int]:
    """When it was, and the epoch of sessions since. Raises ``Unavailable`` when the password is another one
    by now."""
    epoch = transaction.end_sessions(known.id)
    replace_hash(transaction, known=known, password_hash=password_hash)
    tokens.drop_account(transaction.connection, known.id, but=token)
    return transaction.now, epoch


def replace_hash(transaction: Transaction, *, known: Kept, password_hash: str) -> None:
    """Raises ``Unavailable`` when the account's hash is another one than was ``known``."""
    if not accounts.set_password(
        transaction.connection, known.id, password_hash, instead_of=known.password_hash
    ):
        raise Unavailable(retry_after=AT_ONCE)
