"""A password that somebody shows: whether it is right, and whether one more guess is allowed.

The counterparts are ``passwords``, which finds it out, and ``limits.PasswordAttempts``, which counts.
"""

import time

from chatroom.server.auth.passwords import Asker, PasswordHasher
from chatroom.server.auth.validation import check_attempts
from chatroom.server.net.limits import PasswordAttempts


class PasswordChecker:
    def __init__(self, passwords: PasswordHasher, attempts: PasswordAttempts) -> None:
        self._passwords = passwords
        self._attempts = attempts

    async def is_right(self, password: str, hashed: str | None, place: bytes, asker: Asker) -> bool:
        """Whether a password fits what is kept at a place: under the name of an account, for one. A wrong one
        counts for the place and the address. Where nothing is kept (``None``) any is wrong, and that takes as
        long to find out.

        Raises ``TooManyAttempts``, for the right one too, and also if the last attempt that was left went to
        another guess meanwhile: many at once learn no more than one by one.
        """
        address = asker.address
        check_attempts(self._attempts, place, address)
        right = await self._passwords.verify_password(password, hashed, asker)
        check_attempts(self._attempts, place, address)
        if right:
            self._attempts.attempt_succeeded(place, address)
        else:
            self._attempts.attempt_failed(place, address, time.monotonic())
        return right
