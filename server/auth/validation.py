"""Check names, passwords, capacities and login attempts against the limits. Each function raises a refusal
with the limits in its details.

``protocol.names`` defines valid names; ``permissions`` checks what an account may do.
"""

import time

from chatroom.protocol import names
from chatroom.protocol.errors import (
    BadCapacity,
    BadNickname,
    BadPassword,
    BadRoom,
    BadUsername,
    TooManyAttempts,
)
from chatroom.server.auth.passwords import opaque_string
from chatroom.server.config.settings import LimitSettings, PasswordSettings, effective_limit
from chatroom.server.net.limits import PasswordAttempts


def check_username(username: str, limits: LimitSettings) -> None:
    least, most = limits.username_min, limits.username_max
    if not names.is_name(username, least, most):
        raise BadUsername(least=least, most=most)


def check_room(name: str, limits: LimitSettings) -> None:
    """Check a room's name, without the ``#``."""
    if not names.is_name(name, limits.room_min, limits.room_max):
        raise BadRoom(least=limits.room_min, most=limits.room_max)


def check_capacity(capacity: int, limits: LimitSettings) -> None:
    most = effective_limit(limits.capacity)
    if not 1 <= capacity <= most:
        raise BadCapacity(least=1, most=most)


def check_nickname(nickname: str, limits: LimitSettings) -> None:
    if not names.is_nickname(nickname, limits.nickname_min, limits.nickname_max):
        raise BadNickname(least=limits.nickname_min, most=limits.nickname_max)


def check_password(password: str, limits: PasswordSettings) -> None:
    password = opaque_string(password)
    if len(password) < limits.min or len(password.encode()) > limits.max or "\0" in password:
        raise BadPassword(least=limits.min, most=limits.max)


def check_attempts(attempts: PasswordAttempts, key: bytes, address: str) -> None:
    """Check that this address may try a password or an invite code for a key."""
    if wait := attempts.wait_time(key, address, time.monotonic()):
        raise TooManyAttempts(retry_after=round(wait, 3))
