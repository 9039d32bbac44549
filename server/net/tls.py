"""The server's TLS certificate and its fingerprint. The client's ``known_servers`` checks it.

Connections beyond this machine are always encrypted: without a configured certificate the server creates a
self-signed one, once, and users compare its fingerprint. Its certificate and key are in one file, so a crash
cannot leave one without the other.
"""

import hashlib
import ipaddress
import logging
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chatroom.db import files
from chatroom.server.config.settings import ServerConfig

log = logging.getLogger(__name__)

OWN_CERTIFICATE = "certificate.pem"
"""The file of the self-signed certificate and its private key, in the data folder."""

LIFETIME = timedelta(days=20 * 365)
"""Lifetime of the self-signed certificate. It is long because a changed certificate stops every client."""

CLOCK_TOLERANCE = timedelta(days=2)
"""How much a client's clock may be slow."""


EXPIRY_NOTICE = timedelta(days=14)
"""How long before its end a certificate is reported."""

WEAK_REASONS = {
    "EE_KEY_TOO_SMALL": "its key is too short",
    "CA_KEY_TOO_SMALL": "the key of a certificate in its chain is too short",
    "CA_MD_TOO_WEAK": "its signature uses an old hash",
    "EE_MD_TOO_WEAK": "its signature uses an old hash",
}
"""OpenSSL's reasons for refusing a certificate as weak."""

ADVICE = "restore it from a backup, or remove it for a new one, which clients that know the old one refuse"


class CertificateError(Exception):
    """A certificate or key that cannot be used. The message is one sentence."""


class TlsCertificate:
    """The certificate in use. ``context`` is for the listener, ``fingerprint`` (hex) for users;
    ``expires_at`` is in seconds since 1970.

    The constructor and ``reload_files`` raise ``CertificateError``.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self.fingerprint, self.expires_at, self.context = self._load_files()

    def reload_files(self, files: tuple[Path, Path] | None = None) -> None:
        """Read the files again, or other ones, for new connections. If they are unusable, keep the old
        certificate."""
        before, self._files = self._files, files or self._files
        try:
            self._use_files()
        except CertificateError:
            self._files = before
            raise

    def _use_files(self) -> None:
        self.fingerprint, self.expires_at, self.context = self._load_files()

    def _load_files(self) -> tuple[str, float, ssl.SSLContext]:
        """Load the files into a new context, because a context keeps the old certificate next to a new type
        of key."""
        own, context = _read_certificate(self._files[0]), _new_context()
        _use_certificate(context, *self._files)
        if problem := validity_problem(own, datetime.now(UTC)):
            log.warning("the certificate in %s %s", self._files[0], problem)
        fingerprint = hashlib.sha256(own.public_bytes(Encoding.DER)).hexdigest()
        return fingerprint, own.not_valid_after_utc.timestamp(), context


def prepare_tls(config: ServerConfig) -> TlsCertificate | None:
    """Return the configured certificate; ``None`` for plain TCP. Creates one if there is none.

    Raises ``CertificateError``.
    """
    return load_certificate(config) if config.encrypted else None


def load_certificate(config: ServerConfig) -> TlsCertificate:
    """Return the configured certificate, or the server's own. Raises ``CertificateError``."""
    certificate, key = certificate_files(config)
    if config.tls.cert:
        files.warn_if_open(key, 0o007)
        return TlsCertificate(certificate, key)
    _make_once(certificate, config.host)
    try:
        return TlsCertificate(certificate, key)
    except CertificateError as error:
        raise CertificateError(f"{error}; {ADVICE}") from None


def certificate_files(config: ServerConfig) -> tuple[Path, Path]:
    """Return the files of certificate and key: the configured ones, or the one in the data folder. Raises
    ``CertificateError``.
    """
    if config.tls.cert:
        return _expanded(config.tls.cert), _expanded(config.tls.key)
    own = config.data / OWN_CERTIFICATE
    return own, own


def _make_once(own: Path, host: str) -> None:
    """Create the certificate once, also if two processes start at once. A broken link is not replaced."""
    try:
        if not os.path.lexists(own):
            with files.locked(own):
                if not os.path.lexists(own):
                    _make_certificate(own, host)
        if own.exists():
            files.make_private(own)
    except OSError as error:
        raise CertificateError(f"cannot store a certificate in {own}: {error.strerror or error}") from None


def _expanded(file: str) -> Path:
    try:
        return Path(file).expanduser()
    except RuntimeError:
        raise CertificateError(f"cannot read {file}: no such user") from None


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _use_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # Without this callback OpenSSL would ask for a password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateError(
                f"the key in {key} does not match the certificate in {certificate}"
            ) from None
        if error.reason in WEAK_REASONS:
            raise CertificateError(
                f"the certificate in {certificate} is too weak ({WEAK_REASONS[error.reason]}):"
                " make one with an EC key, or an RSA key of 2048 bits or more, and SHA-256"
            ) from None
        raise CertificateError(f"{key} holds no private key without a password") from None
    except OSError as error:
        raise CertificateError(f"cannot read {error.filename or key}: {error.strerror}") from None


def _read_certificate(certificate: Path) -> x509.Certificate:
    """Return a file's first certificate, the server's own."""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes())
    except OSError as error:
        raise CertificateError(f"cannot read {certificate}: {error.strerror}") from None
    except ValueError:
        raise CertificateError(f"{certificate} holds no PEM certificate") from None


def validity_problem(certificate: x509.Certificate, now: datetime) -> str:
    """Return what is wrong with the dates of a certificate; empty if nothing is."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return f"is not valid before {begin:%Y-%m-%d}: clients refuse it, unless they know its key"
    if now > end:
        return f"expired on {end:%Y-%m-%d}: clients refuse it, unless they know its key"
    return f"expires on {end:%Y-%m-%d}" if end - now < EXPIRY_NOTICE else ""


def _make_certificate(file: Path, host: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.write(file, _self_signed(key, host).public_bytes(Encoding.PEM) + secret)


def _self_signed(key: ec.EllipticCurvePrivateKey, host: str) -> x509.Certificate:
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatroom")])
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, SHA256())
    )


def _alternative_names(host: str) -> list[x509.GeneralName]:
    """Return the names of the certificate. Our client checks only the fingerprint."""
    try:
        return [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(host))]
    except ValueError:
        return [x509.DNSName("localhost")]
