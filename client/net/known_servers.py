"""Decides when a connection is encrypted and which certificates of a server are trusted.

The rules:

* A connection to this machine may be plain: the client first waits for a welcome, and tries TLS if none
  arrives.
* Any other connection uses TLS from the first byte, unless ``--insecure`` is given.
* A certificate for this host with a valid chain to an authority of the system is accepted, and so is its
  successor (``SSL_CERT_FILE`` names other authorities). The public key of any other certificate is trusted on
  first use. Both are stored under the canonical ``host:port``, however the host was typed.
* Afterwards, another key, a chain that is no longer valid, or a plain connection to a server that has used
  TLS is refused: each may be an attack from the middle.
* ``--fingerprint`` names the certificate or key that is accepted; its key is stored.
* An invitation does the same for an unknown server. It cannot change a known server.
* A Unix socket is protected by the permissions of its file: nothing is stored about it.
* If the file of known servers cannot be read, every connection is refused: the file may have an entry for the
  server.

``server.net.tls`` makes the certificate and prints its fingerprint.
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
    """Whether a connection is encrypted."""

    PLAIN = auto()
    TLS = auto()


class UntrustedServer(Refused):
    """The client must not connect to this server; retrying is useless."""


CHAIN = "chain"
"""Stored instead of a key: the chain was valid, so any certificate with a valid chain is accepted."""


@dataclass(frozen=True)
class KnownServer:
    """One line of the file.

    ``certificate`` is the fingerprint of the last certificate. ``key`` is the fingerprint of its public key,
    ``CHAIN``, or empty in a line of an older client.
    """

    certificate: str
    key: str = ""


class KnownServers:
    """The user's known servers. ``path`` is the file, with one server per line."""

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
        self._invited: dict[str, str] = {}  # canonical address -> fingerprint of an invitation
        self._unsaved: dict[str, KnownServer] = {}  # of this process, if the file could not be written

    def trust_fingerprint(self, address: ServerAddress, fingerprint: str) -> None:
        """Trust the certificate of an invitation. Raises ``UntrustedServer`` if another one is known."""
        known = self._find(address)
        if self._pinned and self._pinned != fingerprint:
            raise self._certificate_changed(address, self._pinned, fingerprint)
        if known and not known.key and known.certificate != fingerprint:
            raise self._certificate_changed(address, known.certificate, fingerprint)
        self._invited[address.canonical] = fingerprint  # a renewed certificate may have the known key

    def allowed_transports(self, address: ServerAddress) -> list[Transport]:
        """Return the transports to try, in this order. Raises ``UntrustedServer``."""
        if address.path and not self._insecure:
            return [Transport.PLAIN, Transport.TLS]
        known = self._find(address) or self._pinned or self._invited.get(address.canonical)
        if self._insecure:
            if known:
                raise UntrustedServer("plain_after_tls", {"server": address.server, "file": str(self._path)})
            return [Transport.PLAIN]
        if known or not address.loopback:
            return [Transport.TLS]
        return [Transport.PLAIN, Transport.TLS]

    def tls_contexts(self, address: ServerAddress) -> list[ssl.SSLContext]:
        """Return the TLS contexts to try, in this order. Raises ``UntrustedServer``."""
        if address.path:
            return [tls_context()]
        known = self._find(address)
        if self._pinned or not known or not known.key:
            return [tls_context(verify=True), tls_context()]
        return [tls_context(verify=known.key == CHAIN)]

    def invalid_certificate(
        self, address: ServerAddress, error: ssl.SSLCertVerificationError
    ) -> UntrustedServer:
        """Return the error for a chain that must be valid and is not."""
        facts = {"server": address.server, "reason": error.verify_message, "file": str(self._path)}
        return UntrustedServer("certificate_invalid", facts)

    def accept_certificate(self, address: ServerAddress, certificate: bytes, *, chain: bool = False) -> None:
        """Accept and store the certificate of a server. Raises ``UntrustedServer``.

        ``chain``: its chain is valid for this host.
        """
        fingerprint = hashlib.sha256(certificate).hexdigest()
        key = public_key.fingerprint(certificate)
        known, invited = self._find(address), self._invited.get(address.canonical, "")
        if self._pinned:
            self._check(address, self._pinned, fingerprint, key)
        elif known and known.key and known.key != CHAIN:
            self._check(address, known.key, key)
        elif known and not chain:
            self._check(address, known.certificate, fingerprint)
        if invited and not chain:
            self._check(address, invited, fingerprint, key)
        entry = KnownServer(fingerprint, CHAIN if chain else key)
        if known != entry and not address.path:
            self._save_entry(address, entry)

    def known_fingerprint(self, address: ServerAddress) -> str:
        """Return the fingerprint of the server's last certificate, or an empty string."""
        known = self._find(address)
        return known.certificate if known else ""

    def _find(self, address: ServerAddress) -> KnownServer | None:
        return self._unsaved.get(address.canonical) or self._read_file().get(address.canonical)

    def _check(self, address: ServerAddress, known: str, *presented: str) -> None:
        if known not in presented:
            raise self._certificate_changed(address, known, presented[0])

    def _certificate_changed(self, address: ServerAddress, known: str, presented: str) -> UntrustedServer:
        facts = {"server": address.server, "known": known, "seen": presented, "file": str(self._path)}
        return UntrustedServer("certificate_changed", facts)

    def _read_file(self) -> dict[str, KnownServer]:
        """Read the file. Raises ``UntrustedServer`` if it is damaged, as an entry may be missing."""
        try:
            return files.read_strictly(self._path, _parse) or {}
        except DamagedKnownServer as error:
            raise self._damaged(error.number) from None
        except (OSError, ValueError):
            raise self._damaged(0) from None

    def _damaged(self, line: int) -> UntrustedServer:
        return UntrustedServer("known_servers_damaged", {"file": str(self._path), "line": line})

    def _save_entry(self, address: ServerAddress, entry: KnownServer) -> None:
        """Store an entry. If the file cannot be written, it holds for this process."""
        self._unsaved[address.canonical] = entry
        try:
            with files.locked(self._path):
                entries = self._read_file() | {address.canonical: entry}
                lines = (_format_line(server, known) for server, known in sorted(entries.items()))
                files.replace_text(self._path, "".join(lines))
        except OSError as error:
            self._notices.tell("file_unsaved", self._path, reason=files.reason(error))


class DamagedKnownServer(ValueError):
    """A line that is neither a known server nor a comment."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _parse(text: str) -> dict[str, KnownServer]:
    """Parse the file. Raises ``DamagedKnownServer``."""
    known = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                server, entry = _parse_line(line)
            except ValueError:
                raise DamagedKnownServer(number) from None
            known[server] = entry
    return known


def _parse_line(line: str) -> tuple[str, KnownServer]:
    """Parse ``host:port sha256:…``, which may end with ``key:…`` or ``chain``. Raises ``ValueError``."""
    server, certificate, *rest = line.split()
    key = rest[0].removeprefix("key:") if rest else ""
    if len(rest) > 1 or not is_fingerprint(certificate) or not (key in ("", CHAIN) or is_fingerprint(key)):
        raise ValueError(line)
    return parse_address(server).canonical, KnownServer(
        normalise_fingerprint(certificate), normalise_fingerprint(key)
    )


def _format_line(server: str, known: KnownServer) -> str:
    key = "" if not known.key else f" {CHAIN}" if known.key == CHAIN else f" key:{known.key}"
    return f"{server} sha256:{known.certificate}{key}\n"


def normalise_fingerprint(fingerprint: str) -> str:
    """Convert ``SHA256:AB:CD…`` to ``abcd…``."""
    return fingerprint.strip().lower().removeprefix("sha256:").replace(":", "")


def is_fingerprint(text: str) -> bool:
    """Whether this is a SHA-256 in hex, in any notation."""
    digits = normalise_fingerprint(text)
    return len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits)


def tls_context(*, verify: bool = False) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or later.

    With ``verify``, the chain must be valid for the host. Without, ``KnownServers`` checks the certificate.
    """
    tls = ssl.create_default_context() if verify else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return tls
