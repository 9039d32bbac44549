"""Whom we talk to: when a connection is encrypted, and which certificate we take for the server's.

The rules:

* To this machine itself, a connection may be plain: we listen for a greeting first, and try TLS if none
  comes.
* To anywhere else it is TLS from the first byte, unless ``--insecure`` was typed.
* A certificate is trusted on first use and kept under ``host:port``. Another one later is a hard stop, and so
  is a server that was seen over TLS and would now be talked to in plain: either may be somebody in between.
* ``--fingerprint`` says which certificate it must be, and then it is kept.
* So does an invitation, for a server that is not known yet: whoever sends one cannot change what is known.

The counterpart is ``server.tls``, which makes the certificate and prints its fingerprint at start.
"""

import hashlib
import ssl
from enum import Enum, auto
from pathlib import Path

from client import files
from client.address import Address
from client.connection import Refused
from client.files import Damaged, FileNotices


class Way(Enum):
    """How to talk to a server."""

    PLAIN = auto()
    TLS = auto()


class Barred(Refused):
    """We must not talk to this server; trying again will not help."""


class Trust:
    """What this user knows of certificates. ``path`` is the file it is kept in, one server a line."""

    def __init__(
        self,
        path: Path,
        *,
        insecure: bool = False,
        fingerprint: str = "",
        notices: FileNotices | None = None,
    ) -> None:
        self._path = path
        self._notices = notices or FileNotices()
        self._insecure = insecure
        self._pinned = normal(fingerprint)
        self._vouched: dict[str, str] = {}

    def vouch(self, server: str, fingerprint: str) -> None:
        """Take an invitation's word for a server's certificate. Raises ``Barred`` if another one is known."""
        known = self._pinned or self.known(server)
        if known and known != fingerprint:
            raise self._changed(server, known, fingerprint)
        self._vouched[server] = fingerprint

    def ways(self, address: Address) -> list[Way]:
        """How this server may be tried, in this order. Raises ``Barred``."""
        known = self._expected(address.server)
        if self._insecure:
            if known:
                raise Barred("plain_after_tls", {"server": address.server, "file": str(self._path)})
            return [Way.PLAIN]
        if known or not address.loopback:
            return [Way.TLS]
        return [Way.PLAIN, Way.TLS]

    def accept(self, address: Address, certificate: bytes) -> None:
        """Take this certificate for the server's, and keep it if it is the first. Raises ``Barred``."""
        seen = hashlib.sha256(certificate).hexdigest()
        known = self._expected(address.server)
        if known and known != seen:
            raise self._changed(address.server, known, seen)
        if self.known(address.server) != seen:
            self._keep(address.server, seen)

    def known(self, server: str) -> str:
        """The fingerprint kept for a server, or the empty string."""
        return self._read().get(server, "")

    def _expected(self, server: str) -> str:
        return self._pinned or self.known(server) or self._vouched.get(server, "")

    def _changed(self, server: str, known: str, seen: str) -> Barred:
        facts = {"server": server, "known": known, "seen": seen, "file": str(self._path)}
        return Barred("certificate_changed", facts)

    def _read(self) -> dict[str, str]:
        return files.read(self._path, _parse, self._notices, errors="replace") or {}

    def _keep(self, server: str, fingerprint: str) -> None:
        """On a disk that takes nothing it holds for this process."""
        self._vouched[server] = fingerprint
        try:
            with files.locked(self._path):
                known = files.read_locked(self._path, _parse, self._notices, errors="replace") or {}
                files.replace(self._path, _text(known | {server: fingerprint}))
        except OSError as error:
            self._notices.tell("file_unsaved", self._path, reason=files.reason(error))


def _parse(text: str) -> dict[str, str]:
    """Raises ``Damaged`` if there are lines that are neither a server nor a comment."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    known = {line[0]: normal(line[1]) for line in lines if len(line) == 2}
    if any(len(line) != 2 for line in lines):
        raise Damaged("lines that name no server and its fingerprint", _text(known))
    return known


def _text(known: dict[str, str]) -> str:
    return "".join(f"{server} sha256:{digest}\n" for server, digest in sorted(known.items()))


def normal(fingerprint: str) -> str:
    """``SHA256:AB:CD…`` -> ``abcd…``, as the server prints it without its prefix."""
    return fingerprint.strip().lower().removeprefix("sha256:").replace(":", "")


def is_fingerprint(text: str) -> bool:
    """Whether this is a SHA-256 in hex, however it is written."""
    digits = normal(text)
    return len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits)


def context() -> ssl.SSLContext:
    """TLS 1.2 or later.

    Which certificate is right is for ``Trust`` to say, not for the list of public authorities.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls
