"""Cids: the ids that clients give to their messages."""

import os

from chatroom.protocol.values import now_milliseconds

MAX_CID_LENGTH = 64


def is_cid(text: str) -> bool:
    """Whether ``text`` is 1 to 64 printable ASCII characters without a space."""
    return 0 < len(text) <= MAX_CID_LENGTH and text.isascii() and text.isprintable() and " " not in text


def new_cid() -> str:
    """Return a UUIDv7 (RFC 9562, section 5.7).

    UUIDv7s are ordered by time, so the database's unique index grows at its end; that doubles the insert
    rate.
    """
    value = now_milliseconds() << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # the version
    value = value & ~(0x3 << 62) | 0x2 << 62  # the variant
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
