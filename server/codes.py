"""Codes in invitations: how they are made, looked at, and used. What they open is kept in ``db.passes``.

A code lets its bearer in as somebody who runs the server, or owns the room, would: it makes an account where
that takes an invitation, and invites into the room it was made for. So many people may use it, each once, and
for so many days. A code that never was, is used up, or is too old is one and the same to whoever shows it.

What is shown is looked at twice: before any work is done for a stranger, which ``Gate`` counts as an attempt
at a password; and in the transaction, where it is used.
"""

import hashlib
import time

from db import guests, passes
from db.store import Store
from db.transaction import Transaction
from protocol.errors import BadInvitation
from protocol.invitation import fresh_code
from protocol.values import DAY
from server.checks import check_attempts
from server.limits import Attempts

USES = 1
DAYS = 7
"""What an invitation is good for if nobody says anything else."""

PLACE = b"an invitation"
"""What guessed codes are counted under: they are nobody's."""


class Gate:
    """Where a code is shown."""

    def __init__(self, store: Store, attempts: Attempts) -> None:
        self._store = store
        self._attempts = attempts

    async def check(self, code: str, address: str, account_id: int | None = None) -> bytes:
        """The digest of a good code. Raises ``BadInvitation``, ``TooManyAttempts``."""
        check_attempts(self._attempts, PLACE, address)
        shown, now = digest(code), time.time_ns() // 1_000_000
        if await self._store.run(passes.find, shown, account_id, now) is None:
            self._attempts.failed(PLACE, address, time.monotonic())
            raise BadInvitation
        return shown


def digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def issue(
    transaction: Transaction,
    *,
    conversation_id: int | None = None,
    maker_id: int | None = None,
    uses: int = USES,
    days: int = DAYS,
) -> str:
    """A new code. It is told here, and never again."""
    code = fresh_code()
    passes.add(
        transaction.connection,
        digest=digest(code),
        conversation_id=conversation_id,
        maker_id=maker_id,
        uses=uses,
        now=transaction.now,
        expires_at=transaction.now + days * DAY,
    )
    return code


def use(transaction: Transaction, shown: bytes, account_id: int) -> None:
    """Let an account in. Raises ``BadInvitation``."""
    if not passes.use(transaction.connection, shown, account_id, transaction.now):
        raise BadInvitation


def invite(transaction: Transaction, shown: bytes, account_id: int, conversation_id: int) -> bool:
    """Invite whoever shows this into a room that is locked; ``False`` if it is for another one, or none."""
    found = passes.find(transaction.connection, shown, account_id, transaction.now)
    if found is None or found.conversation_id != conversation_id:
        return False
    use(transaction, shown, account_id)
    passes.spend_on_seat(transaction.connection, shown, account_id, transaction.now)
    return guests.invite(transaction.connection, conversation_id, account_id, transaction.now)
