"""Codes in invitations: how they are made, looked at, and used. What they open is kept in
``db.queries.invite_codes``.

A code lets its bearer in as somebody who runs the server, or owns the room, would: it makes an account where
that takes an invitation, and invites into the room it was made for. So many people may use it, each once, and
for so many days. A code that never was, is used up, or is too old is one and the same to whoever shows it.

What is shown is looked at twice: before any work is done for a stranger, which ``InvitationChecker`` counts
as an attempt
at a password; and in the transaction, where it is used.
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
"""What an invitation is good for if nobody says anything else."""

PLACE = b"an invitation"
"""What guessed codes are counted under: they are nobody's."""


class InvitationChecker:
    """Where a code is shown."""

    def __init__(self, store: DatabaseReader, attempts: PasswordAttempts) -> None:
        self._store = store
        self._attempts = attempts

    async def check_code(self, code: str, address: str, account_id: int | None = None) -> bytes:
        """The digest of a good code. Raises ``InvitationError``, ``TooManyAttempts``."""
        check_attempts(self._attempts, PLACE, address)
        shown, now = code_digest(code), now_milliseconds()
        if await self._store.run(invite_codes.find_code, shown, account_id, now) is None:
            self._attempts.attempt_failed(PLACE, address, time.monotonic())
            raise BadInvitation
        return shown


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
    """A new code. It is told here, and never again."""
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


def use_invitation(transaction: WriteTransaction, shown: bytes, account_id: int) -> None:
    """Let an account in. Raises ``InvitationError``."""
    if not invite_codes.use_code(transaction.connection, shown, account_id, transaction.now):
        raise BadInvitation


def invite_to_room(
    transaction: WriteTransaction, shown: bytes, account_id: int, conversation_id: int
) -> bool:
    """Invite whoever shows this into a room that is locked; ``False`` if it is for another one, or none."""
    found = invite_codes.find_code(transaction.connection, shown, account_id, transaction.now)
    if found is None or found.conversation_id != conversation_id:
        return False
    use_invitation(transaction, shown, account_id)
    invite_codes.spend_on_seat(transaction.connection, shown, account_id, transaction.now)
    return bans_and_invites.add_invite(transaction.connection, conversation_id, account_id, transaction.now)
