"""Whom we talk to: when a connection is encrypted, and which certificate we take for the server's.

The rules:

* To this machine itself, a connection may be plain: we listen for a greeting first, and try TLS if none
  comes.
* To anywhere else it is TLS from the first byte, unless ``--insecure`` was typed.
* A certificate whose chain the system's authorities vouch for, and which is for this host, is accepted, and
  so is its successor (``SSL_CERT_FILE`` names other authorities). Of any other certificate, the public key is
  trusted on first use. Both are kept under the canonical ``host:port``, however the host was typed.
* Afterwards another key, or no valid chain where there was one, is a hard stop, and so is a server that was
  seen over TLS and would now be talked to in plain: any of them may be somebody in between.
* ``--fingerprint`` says which certificate (or key) it must be, and then its key is kept.
* So does an invitation, for a server that is not known yet: whoever sends one cannot change what is known.
* A file of known servers that cannot be read is a hard stop too: it may have held an entry for this server.

The counterpart is ``server.net.tls``, which makes the certificate and prints its fingerprint at start.
"""

import hashlib
import ssl
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from chatroom.client.net import public_key
from chatroom.client.net.address import ServerAddress, parse_address
from chatroom.client.net.connection import Refused
from chatroom.client.storage import files
from chatroom.client.storage.files import FileNotices


class Transport(Enum):
    """How to talk to a server."""

    PLAIN = auto()
    TLS = auto()


class UntrustedServer(Refused):
    """We must not talk to this server; trying again will not help."""


CHAIN = "chain"
"""In the place of a key: the chain was valid, so any certificate with a valid chain will do."""


@dataclass(frozen=True)
class KnownServer:
    """One line of the file. ``certificate`` is the fingerprint of the last one seen. ``key`` is that of its
    public key, ``CHAIN``, or empty in a line of an older client, which knew certificates alone.
    """

    certificate: str
    key: str = ""


class KnownServers:
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
        self._pinned = normalise_fingerprint(fingerprint)
        self._vouched: dict[str, str] = {}  # by invitations
        self._unsaved: dict[str, KnownServer] = {}  # seen by this process, perhaps not in the file

    def trust_fingerprint(self, address: ServerAddress, fingerprint: str) -> None:
        """Take an invitation's word for a server's certificate. Raises ``UntrustedServer`` if another one is
        known."""
        known = self._find(address)
        if self._pinned and self._pinned != fingerprint:
            raise self._certificate_changed(address, self._pinned, fingerprint)
        if known and not known.key and known.certificate != fingerprint:
            raise self._certificate_changed(address, known.certificate, fingerprint)
        self._vouched[address.canonical] = fingerprint  # a newer certificate may have the known key

    def allowed_transports(self, address: ServerAddress) -> list[Transport]:
        """How this server may be tried, in this order. Raises ``UntrustedServer``."""
        known = self._find(address) or self._pinned or self._vouched.get(address.canonical)
        if self._insecure:
            if known:
                raise UntrustedServer("plain_after_tls", {"server": address.server, "file": str(self._path)})
            return [Transport.PLAIN]
        if known or not address.loopback:
            return [Transport.TLS]
        return [Transport.PLAIN, Transport.TLS]

    def contexts(self, address: ServerAddress) -> list[ssl.SSLContext]:
        """How to shake hands, in this order; the last one decides. Raises ``UntrustedServer``."""
        known = self._find(address)
        if self._pinned or not known or not known.key:
            return [tls_context(verify=True), tls_context()]
        return [tls_context(verify=known.key == CHAIN)]

    def invalid(self, address: ServerAddress, error: ssl.SSLCertVerificationError) -> UntrustedServer:
        """A chain that must be valid is not."""
        facts = {"server": address.server, "reason": error.verify_message, "file": str(self._path)}
        return UntrustedServer("certificate_invalid", facts)

    def accept_certificate(self, address: ServerAddress, certificate: bytes, *, chain: bool = False) -> None:
        """Take this certificate for the server's, and keep what is to be known of it. Raises
        ``UntrustedServer``.

        ``chain``: its chain is valid for this host.
        """
        seen = hashlib.sha256(certificate).hexdigest()
        key = public_key.fingerprint(certificate)
        known, vouched = self._find(address), self._vouched.get(address.canonical, "")
        if self._pinned:
            self._check(address, self._pinned, seen, key)
        elif known and known.key and known.key != CHAIN:
            self._check(address, known.key, key)
        elif known and not chain:
            self._check(address, known.certificate, seen)
        if vouched and not chain:
            self._check(address, vouched, seen, key)
        now = KnownServer(seen, CHAIN if chain else key)
        if known != now:
            self._save_fingerprint(address, now)

    def known_fingerprint(self, address: ServerAddress) -> str:
        """The fingerprint of the certificate last seen of a server, or the empty string."""
        known = self._find(address)
        return known.certificate if known else ""

    def _find(self, address: ServerAddress) -> KnownServer | None:
        return self._unsaved.get(address.canonical) or self._read_file().get(address.canonical)

    def _check(self, address: ServerAddress, known: str, *seen: str) -> None:
        if known not in seen:
            raise self._certificate_changed(address, known, seen[0])

    def _certificate_changed(self, address: ServerAddress, known: str, seen: str) -> UntrustedServer:
        facts = {"server": address.server, "known": known, "seen": seen, "file": str(self._path)}
        return UntrustedServer("certificate_changed", facts)

    def _read_file(self) -> dict[str, KnownServer]:
        """Raises ``UntrustedServer`` for a file that is not whole: it may have held an entry for this
        server."""
        try:
            return files.read_strictly(self._path, _parse) or {}
        except DamagedLine as error:
            raise self._damaged(error.number) from None
        except (OSError, ValueError):
            raise self._damaged(0) from None

    def _damaged(self, line: int) -> UntrustedServer:
        return UntrustedServer("known_servers_damaged", {"file": str(self._path), "line": line})

    def _save_fingerprint(self, address: ServerAddress, entry: KnownServer) -> None:
        """On a disk that takes nothing it holds for this process."""
        self._unsaved[address.canonical] = entry
        try:
            with files.locked(self._path):
                known = self._read_file() | {address.canonical: entry}
                lines = (_line(server, one) for server, one in sorted(known.items()))
                files.replace_text(self._path, "".join(lines))
        except OSError as error:
            self._notices.tell("file_unsaved", self._path, reason=files.reason(error))


class DamagedLine(ValueError):
    """A line that is neither a server nor a comment."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _parse(text: str) -> dict[str, KnownServer]:
    """Raises ``DamagedLine``."""
    known = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                server, entry = _parse_line(line)
            except ValueError:
                raise DamagedLine(number) from None
            known[server] = entry
    return known


def _parse_line(line: str) -> tuple[str, KnownServer]:
    """``host:port sha256:…`` as older clients wrote it, or with ``key:…`` or ``chain`` behind it. Raises
    ``ValueError``.
    """
    server, certificate, *rest = line.split()
    key = rest[0].removeprefix("key:") if rest else ""
    if len(rest) > 1 or not is_fingerprint(certificate) or not (key in ("", CHAIN) or is_fingerprint(key)):
        raise ValueError(line)
    return parse_address(server).canonical, KnownServer(
        normalise_fingerprint(certificate), normalise_fingerprint(key)
    )


def _line(server: str, known: KnownServer) -> str:
    key = "" if not known.key else f" {CHAIN}" if known.key == CHAIN else f" key:{known.key}"
    return f"{server} sha256:{known.certificate}{key}\n"


def normalise_fingerprint(fingerprint: str) -> str:
    """``SHA256:AB:CD…`` -> ``abcd…``, as the server prints it without its prefix."""
    return fingerprint.strip().lower().removeprefix("sha256:").replace(":", "")


def is_fingerprint(text: str) -> bool:
    """Whether this is a SHA-256 in hex, however it is written."""
    digits = normalise_fingerprint(text)
    return len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits)


def tls_context(*, verify: bool = False) -> ssl.SSLContext:
    """TLS 1.2 or later. With ``verify`` the chain must be valid for the host by the system's authorities;
    without, ``KnownServers`` says which certificate is right.
    """
    tls = ssl.create_default_context() if verify else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls
