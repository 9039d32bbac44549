"""Invitations: a server's address, its certificate's fingerprint, and optionally a room and an invite code,
in one word to paste.

An invitation is ``chat1-`` and base32 letters, which survive shells, mail and changes of case. The content,
in this order: one byte of flags (1: fingerprint, 2: code); the port (2 bytes); the fingerprint (32 bytes,
SHA-256), if any; the code (16 bytes), if any; the length of the host (1 byte) and the host; the room; a
checksum (3 bytes of SHA-256 of all that). Without a code it holds no secret.

The server writes invitations, the client reads them.
"""

import re
import secrets
from base64 import b32decode, b32encode
from dataclasses import dataclass, field
from hashlib import sha256

PREFIX = "chat1-"

_SHAPE = re.compile(r"chat(\d+)-([a-z0-9]{13,})", re.IGNORECASE)
"""The shape of an invitation, valid or not. A host with such a name can be written with its port."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_CHECK = 3
_DIGEST = 32
_CODE = 16
_HAS_DIGEST, _HAS_CODE = 1, 2


class InvitationError(ValueError):
    """An invitation that cannot be read.

    ``reason`` is ``newer`` (a later version), ``letters`` (it has invalid letters, which are in ``facts``) or
    ``damaged`` (letters are missing or changed).
    """

    def __init__(self, reason: str, **facts: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Invitation:
    """``fingerprint`` is in hex, empty for a plain connection; ``room`` is without ``#``, or empty; ``code``
    is from ``fresh_code``, or empty.
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
    """Return 128 random bits as 26 letters."""
    return _encode_letters(secrets.token_bytes(_CODE))


def looks_like_invitation(text: str) -> bool:
    return _SHAPE.fullmatch(_without_breaks(text)) is not None


def read_invitation(text: str) -> Invitation:
    """Parse the text of an invitation. Raises ``InvitationError``."""
    shape = _SHAPE.fullmatch(_without_breaks(text))
    if shape is None:
        raise InvitationError("damaged")
    version, letters = shape[1], shape[2].lower()
    if version != "1":
        raise InvitationError("newer")
    if invalid := sorted(set(letters) - _LETTERS):
        raise InvitationError("letters", letters=" ".join(invalid))
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
    """Remove the line breaks that copying from a narrow window adds."""
    return "".join(text.split())
