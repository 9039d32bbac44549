"""What names a message for its author: what may be a cid, and one for a message that has none yet."""

import os

from chatroom.protocol.values import now_milliseconds

LONGEST = 64


def is_cid(text: str) -> bool:
    """Whether this is printable ASCII without a space, and neither empty nor too long."""
    return 0 < len(text) <= LONGEST and text.isascii() and text.isprintable() and " " not in text


def new_cid() -> str:
    """A UUIDv7 (RFC 9562, section 5.7). These are ordered by time, so that the database's unique index grows
    at its end; that doubles the rate of inserts."""
    value = now_milliseconds() << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # the version
    value = value & ~(0x3 << 62) | 0x2 << 62  # the variant
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
