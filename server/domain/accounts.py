"""Passwords of accounts: verified, and replaced by a new hash."""

from chatroom.db.queries import accounts
from chatroom.db.records import AccountRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol.errors import Unavailable, UnknownUser, WrongPassword
from chatroom.server.auth.password_check import PasswordChecker
from chatroom.server.auth.passwords import Asker

PASSWORD_RETRY_SECONDS = 1.0
"""``retry_after`` when another change of the same password was committed first."""


async def verify_account(
    passwords: PasswordChecker,
    account: AccountRecord | None,
    password: str,
    key: bytes,
    asker: Asker,
    *,
    logged_in: bool = False,
) -> AccountRecord:
    """Return the account if the password is right. Raises ``WrongPassword``, ``UnknownUser``, or
    ``TooManyAttempts``.

    An unknown name costs a hash as well, so the response time reveals nothing.
    """
    hashed = None if account is None else account.password_hash
    is_right = await passwords.is_right(password, hashed, key, asker, logged_in=logged_in)
    if account is None:
        raise UnknownUser
    if not is_right:
        raise WrongPassword
    return account


def replace_password_hash(
    transaction: WriteTransaction, *, account: AccountRecord, password_hash: str
) -> None:
    """Store a new password hash. Raises ``Unavailable`` if the stored hash is not the account's any more."""
    if not accounts.set_password(
        transaction.connection, account.id, password_hash, expected_hash=account.password_hash
    ):
        raise Unavailable(retry_after=PASSWORD_RETRY_SECONDS)
