"""Computes the fingerprint of the public key in a certificate.

It stays the same when a certificate is renewed with the same key. The module parses six elements of DER
(X.690) itself, because importing ``cryptography`` would take longer than the start of the client.
"""

import hashlib

_SEQUENCE = 0x30
_VERSION = 0xA0
_BEFORE_KEY = 5
"""Elements between the version and the key: serial, algorithm, issuer, validity, subject (RFC 5280, 4.1)."""


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo in hex; empty if this is not an X.509 certificate."""
    try:
        return hashlib.sha256(_key_info(certificate)).hexdigest()
    except (IndexError, ValueError):
        return ""


def _key_info(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo. Raises ``IndexError`` or ``ValueError``."""
    _, at, _ = _element(certificate, 0, _SEQUENCE)
    _, at, _ = _element(certificate, at, _SEQUENCE)
    if certificate[at] == _VERSION:
        at = _element(certificate, at)[2]
    for _ in range(_BEFORE_KEY):
        at = _element(certificate, at)[2]
    _, _, end = _element(certificate, at, _SEQUENCE)
    return certificate[at:end]


def _element(data: bytes, at: int, tag: int | None = None) -> tuple[int, int, int]:
    """Return the tag of the element at this offset, and the offsets of its content's start and end."""
    if tag is not None and data[at] != tag:
        raise ValueError(data[at])
    length, start = data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(data[start : start + size]), start + size
    if start + length > len(data):
        raise ValueError(length)
    return data[at], start, start + length
