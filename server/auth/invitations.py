"""Create, check and use invite codes. ``db.queries.invite_codes`` stores their digests.

A code allows its bearer to register on an invite-only server, and invites to the room it was created for. It
has a maximum number of uses, one per account, and expires after some days. Unknown, used up and expired codes
get the same refusal.

A code is checked twice: before any work is done for an unknown client, when ``InvitationChecker`` counts a
wrong code like a wrong password; and in the transaction that uses it.
"""

import hashlib
import time

from chatroom.db.queries import bans_and_invites, invite_codes
from chatroom.db.reader import DatabaseReader
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol.errors import BadInvitation
from chatroom.protocol.invitation import fresh_code
from chatroom.protocol.values import DAY, now_milliseconds
from chatroom.server.auth.validation import check_attempts
from chatroom.server.net.limits import PasswordAttempts

USES = 1
DAYS = 7
"""Default number of uses and days of an invite code."""

ATTEMPTS_KEY = b"an invitation"
"""The key under which wrong codes are counted, because they belong to no account."""


class InvitationChecker:
    """Checks codes and limits the rate of wrong ones."""

    def __init__(self, store: DatabaseReader, attempts: PasswordAttempts) -> None:
        self._store = store
        self._attempts = attempts

    async def check_code(self, code: str, address: str, account_id: int | None = None) -> bytes:
        """Return the digest of a valid code. Raises ``BadInvitation``, ``TooManyAttempts``.

        A valid code is always accepted: it cannot be guessed, and wrong codes from the same address must not
        lock its bearer out.
        """
        digest, now = code_digest(code), now_milliseconds()
        if await self._store.run(invite_codes.find_code, digest, account_id, now) is None:
            check_attempts(self._attempts, ATTEMPTS_KEY, address)
            self._attempts.attempt_failed(ATTEMPTS_KEY, address, time.monotonic())
            raise BadInvitation
        return digest


def code_digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def issue_code(
    transaction: WriteTransaction,
    *,
    conversation_id: int | None = None,
    maker_id: int | None = None,
    uses: int = USES,
    days: int = DAYS,
) -> str:
    """Create a code and return it. Only its digest is stored."""
    code = fresh_code()
    invite_codes.add_code(
        transaction.connection,
        digest=code_digest(code),
        conversation_id=conversation_id,
        maker_id=maker_id,
        uses=uses,
        now=transaction.now,
        expires_at=transaction.now + days * DAY,
    )
    return code


def use_invitation(transaction: WriteTransaction, digest: bytes, account_id: int) -> None:
    """Count a use of a code by an account. Raises ``BadInvitation``."""
    if not invite_codes.use_code(transaction.connection, digest, account_id, transaction.now):
        raise BadInvitation


def invite_to_room(
    transaction: WriteTransaction, digest: bytes, account_id: int, conversation_id: int
) -> bool:
    """Invite an account to a locked room by a code; return ``False`` if the code is not for this room."""
    invite = invite_codes.find_code(transaction.connection, digest, account_id, transaction.now)
    if invite is None or invite.conversation_id != conversation_id:
        return False
    use_invitation(transaction, digest, account_id)
    invite_codes.spend_on_seat(transaction.connection, digest, account_id, transaction.now)
    return bans_and_invites.add_invite(transaction.connection, conversation_id, account_id, transaction.now)
