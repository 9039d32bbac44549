"""An invitation: a server's address, its certificate's fingerprint, perhaps a room and a code that opens it,
in one word to paste.

``chat1-`` and base32 letters, to which no shell, no mail and no upper or lower case does anything. Inside, in
this order: one byte, 1 if there is a fingerprint, 2 if there is a code, 3 for both; the port (2 bytes); the
fingerprint (32 bytes, SHA-256), if any; the code (16 bytes), if any; the length of the host (1 byte) and the
host; the room; a check sum (3 bytes of SHA-256) of all that. Without a code it holds nothing secret.

The server writes them, the client reads them.
"""

import re
import secrets
from base64 import b32decode, b32encode
from dataclasses import dataclass, field
from hashlib import sha256

PREFIX = "chat1-"

_SHAPE = re.compile(r"chat(\d+)-([a-z0-9]{13,})", re.IGNORECASE)
"""What was meant to be one. A host of such a name could still be written with its port."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_CHECK = 3
_DIGEST = 32
_CODE = 16
_HAS_DIGEST, _HAS_CODE = 1, 2


class InvitationError(ValueError):
    """This cannot be read.

    ``reason`` is ``newer`` (of a later version), ``letters`` (some that stand in no invitation; ``facts`` has
    them) or ``damaged`` (a letter is missing, or another one).
    """

    def __init__(self, reason: str, **facts: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Invitation:
    """``fingerprint`` is in hex, empty for a plain connection; ``room`` is without ``#``, or empty; ``code``
    is one of ``fresh_code``, or empty.
    """

    host: str
    port: int
    fingerprint: str = ""
    room: str = ""
    code: str = field(default="", repr=False)

    def __str__(self) -> str:
        digest, code, host = bytes.fromhex(self.fingerprint), _decode_letters(self.code), self.host.encode()
        content = bytes([_HAS_DIGEST * bool(digest) + _HAS_CODE * bool(code)]) + self.port.to_bytes(2)
        content += digest + code + bytes([len(host)]) + host + self.room.encode()
        return PREFIX + _encode_letters(content + _checksum(content))


def fresh_code() -> str:
    """128 random bits in 26 letters: what nobody can guess."""
    return _encode_letters(secrets.token_bytes(_CODE))


def looks_like_invitation(text: str) -> bool:
    return _SHAPE.fullmatch(_without_breaks(text)) is not None


def read_invitation(text: str) -> Invitation:
    """The invitation that ``str`` wrote. Raises ``InvitationError``."""
    shape = _SHAPE.fullmatch(_without_breaks(text))
    if shape is None:
        raise InvitationError("damaged")
    version, letters = shape[1], shape[2].lower()
    if version != "1":
        raise InvitationError("newer")
    if strange := sorted(set(letters) - _LETTERS):
        raise InvitationError("letters", letters=" ".join(strange))
    try:
        return _parse_content(_decode_letters(letters))
    except (ValueError, IndexError):
        raise InvitationError("damaged") from None


def _parse_content(data: bytes) -> Invitation:
    """Raises ``ValueError`` or ``IndexError``."""
    content, check = data[:-_CHECK], data[-_CHECK:]
    if check != _checksum(content):
        raise ValueError(check)
    code = 3 + (_DIGEST if content[0] & _HAS_DIGEST else 0)
    at = code + (_CODE if content[0] & _HAS_CODE else 0)
    end = at + 1 + content[at]
    return Invitation(
        host=content[at + 1 : end].decode(),
        port=int.from_bytes(content[1:3]),
        fingerprint=content[3:code].hex(),
        room=content[end:].decode(),
        code=_encode_letters(content[code:at]),
    )


def _encode_letters(data: bytes) -> str:
    return b32encode(data).decode().lower().rstrip("=")


def _decode_letters(letters: str) -> bytes:
    return b32decode(letters.upper() + "=" * (-len(letters) % 8))


def _checksum(content: bytes) -> bytes:
    return sha256(content).digest()[:_CHECK]


def _without_breaks(text: str) -> str:
    """Without the breaks that a narrow window puts into what is copied from it."""
    return "".join(text.split())
