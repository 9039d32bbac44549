"""Check a password, and limit the number of attempts (``limits.PasswordAttempts``)."""

import time

from chatroom.server.auth.passwords import Asker, PasswordHasher
from chatroom.server.auth.validation import check_attempts
from chatroom.server.net.limits import PasswordAttempts


class PasswordChecker:
    def __init__(self, passwords: PasswordHasher, attempts: PasswordAttempts) -> None:
        self._passwords = passwords
        self._attempts = attempts

    async def is_right(
        self, password: str, hashed: str | None, key: bytes, asker: Asker, *, logged_in: bool = False
    ) -> bool:
        """Whether a password matches a stored hash. A wrong one counts for the key (such as an account's) and
        the address. Without a hash (``None``) every password is wrong, and the check takes the same time.

        For a session that is ``logged_in``, the key names its account, and the address does not count: others
        at the same address cannot lock it out, nor it them.

        Raises ``TooManyAttempts``, also for the right password, and also if another attempt used up the limit
        meanwhile, so that parallel guesses learn no more than sequential ones.
        """
        address = "" if logged_in else asker.address
        check_attempts(self._attempts, key, address)
        right = await self._passwords.verify_password(password, hashed, asker)
        check_attempts(self._attempts, key, address)
        if right:
            self._attempts.attempt_succeeded(key, address)
        else:
            self._attempts.attempt_failed(key, address, time.monotonic())
        return right
