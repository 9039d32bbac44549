"""Certificates: self-signed, configured, reloaded and unusable ones."""

import hashlib
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from chatroom.server.config.settings import ServerConfig
from chatroom.server.config.settings import TlsSettings as Settings
from chatroom.server.net.tls import OWN_CERTIFICATE, CertificateError, TlsCertificate, prepare_tls
from tests.conftest import Serve
from tests.support.processes import PATIENCE, ROOT, Wire

Bring = Callable[[Path], tuple[Path, Path]]


def own(data: Path, host: str = "0.0.0.0") -> TlsCertificate:
    tls = prepare_tls(ServerConfig(host=host, data=data))
    assert tls is not None
    return tls


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def shown(server: ssl.SSLContext) -> bytes:
    """Return the certificate (DER) that a client receives, over a connection without a socket."""
    upstream, downstream = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting().wrap_bio(downstream, upstream)
    for end in [client, server.wrap_bio(upstream, downstream, server_side=True)] * 3:
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def brought(folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    """A certificate and key in files of their own, as an administrator would bring them."""
    own(folder)
    pem = (folder / OWN_CERTIFICATE).read_bytes()
    start = pem.index(b"-----BEGIN PRIVATE KEY")
    (folder / "cert.pem").write_bytes(pem[:start])
    (folder / "key.pem").write_bytes(pem[start:] if password is None else _locked(password))
    return folder / "cert.pem", folder / "key.pem"


def _locked(password: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))


# Self-signed certificates


def test_loopback_server_has_no_tls(tmp_path: Path) -> None:
    assert prepare_tls(ServerConfig(data=tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_fingerprint_equals_that_of_the_served_certificate(tmp_path: Path) -> None:
    tls = own(tmp_path / "data")
    assert tls.fingerprint == hashlib.sha256(shown(tls.context)).hexdigest()


def test_certificate_is_created_once_and_private(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    assert own(data).fingerprint == own(data).fingerprint
    assert {file.name for file in data.iterdir()} == {OWN_CERTIFICATE, f"{OWN_CERTIFICATE}.lock"}
    assert stat.S_IMODE((data / OWN_CERTIFICATE).stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "chat.example.org"])
def test_certificate_is_valid_for_years_and_for_slow_clocks(tmp_path: Path, host: str) -> None:
    certificate = x509.load_der_x509_certificate(shown(own(tmp_path, host).context))
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now - timedelta(days=1)
    assert certificate.not_valid_after_utc > now + timedelta(days=10 * 365)


def test_tls_before_1_2_is_refused(tmp_path: Path) -> None:
    assert own(tmp_path).context.minimum_version is ssl.TLSVersion.TLSv1_2


PREPARE = """
import sys
from pathlib import Path
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.tls import prepare_tls
print("ready", flush=True)
sys.stdin.readline()
print(prepare_tls(ServerConfig(host="0.0.0.0", data=Path(sys.argv[1]))).fingerprint)
"""


def test_processes_starting_together_create_one_certificate(tmp_path: Path) -> None:
    """A server's first start and ``chat-server invite``, for example."""
    command = [sys.executable, "-c", PREPARE, str(tmp_path / "data")]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    fingerprints = {process.communicate(timeout=PATIENCE)[0] for process in processes}
    assert len(fingerprints) == 1
    assert own(tmp_path / "data").fingerprint in fingerprints.pop()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def garbage(file: Path) -> None:
    file.write_bytes(b"\xff\x00 garbage" * 50)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def link_to_nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("nowhere"))


@pytest.mark.parametrize("damage", [cut, garbage, empty, folder, link_to_nowhere])
def test_damaged_certificate_is_reported_and_not_replaced(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Clients would refuse a new one."""
    own(tmp_path)
    damage(tmp_path / OWN_CERTIFICATE)
    with pytest.raises(
        CertificateError, match=rf"{OWN_CERTIFICATE}.*; restore it from a backup, or remove it"
    ):
        own(tmp_path)
    assert (tmp_path / OWN_CERTIFICATE).is_symlink() or (tmp_path / OWN_CERTIFICATE).exists()


def test_readable_certificate_becomes_private(tmp_path: Path) -> None:
    own(tmp_path)
    (tmp_path / OWN_CERTIFICATE).chmod(0o644)
    own(tmp_path)
    assert stat.S_IMODE((tmp_path / OWN_CERTIFICATE).stat().st_mode) == 0o600


def test_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CertificateError, match="cannot store a certificate in"):
        own(tmp_path / "file")


# Configured certificates


def test_configured_certificate_is_used(tmp_path: Path) -> None:
    cert, key = brought(tmp_path)
    tls = prepare_tls(ServerConfig(tls=Settings(cert=str(cert), key=str(key))))
    assert tls is not None
    assert tls.fingerprint == hashlib.sha256(shown(tls.context)).hexdigest()


def test_missing_certificate_files_are_refused(tmp_path: Path) -> None:
    cert, key = brought(tmp_path)
    with pytest.raises(CertificateError, match=r"cannot read .*nowhere.pem: No such file or directory"):
        TlsCertificate(tmp_path / "nowhere.pem", key)
    with pytest.raises(CertificateError, match=r"cannot read .*nowhere.pem: No such file or directory"):
        TlsCertificate(cert, tmp_path / "nowhere.pem")


def test_files_with_other_content_are_refused(tmp_path: Path) -> None:
    cert, key = brought(tmp_path)
    with pytest.raises(CertificateError, match=r"key.pem holds no PEM certificate"):
        TlsCertificate(key, key)
    with pytest.raises(CertificateError, match=r"cert.pem holds no private key"):
        TlsCertificate(cert, cert)


def test_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    (cert, _), (_, key) = brought(tmp_path / "one"), brought(tmp_path / "other")
    with pytest.raises(CertificateError, match=r"the key in .* does not match the certificate in"):
        TlsCertificate(cert, key)


def test_key_with_a_password_is_refused_without_a_prompt(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="without a password"):
        TlsCertificate(*brought(tmp_path, password=b"geheim"))


# Reloaded certificates


def test_reloaded_certificate_is_used_for_new_connections(tmp_path: Path) -> None:
    cert, key = brought(tmp_path / "old")
    tls = TlsCertificate(cert, key)
    before = tls.fingerprint
    for old, new in zip((cert, key), brought(tmp_path / "new"), strict=True):
        new.replace(old)
    tls.reload_files()
    assert tls.fingerprint != before
    assert tls.fingerprint == hashlib.sha256(shown(tls.context)).hexdigest()


def rsa(folder: Path) -> tuple[Path, Path]:
    """A certificate with another kind of key than ours."""
    folder.mkdir()
    files = folder / "cert.pem", folder / "key.pem"
    _write_certificate(generate_private_key(65537, 2048), *files)
    return files


def _write_certificate(
    key: ec.EllipticCurvePrivateKey | RSAPrivateKey,
    certificate: Path,
    key_file: Path,
    begin: int = -1,
    end: int = 1,
) -> None:
    """Write a self-signed certificate, valid from day ``begin`` to day ``end`` from now, and its key."""
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatroom")]), datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begin))
        .not_valid_after(now + timedelta(days=end))
        .sign(key, SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(("before", "after"), [(brought, rsa), (rsa, brought)])
def test_sighup_loads_a_certificate_with_another_key_type(
    tmp_path: Path, serve: Serve, before: Bring, after: Bring
) -> None:
    cert, key = before(tmp_path / "old")
    server = serve("--tls-cert", str(cert), "--tls-key", str(key))
    for old, new in zip((cert, key), after(tmp_path / "new"), strict=True):
        new.replace(old)
    expected = x509.load_pem_x509_certificate(cert.read_bytes()).public_bytes(Encoding.DER)
    server.process.send_signal(signal.SIGHUP)
    while hashlib.sha256(expected).hexdigest() not in server.log:
        assert server.process.poll() is None
        time.sleep(0.02)
    with Wire(server.host, server.port, trusting()) as alice:
        assert isinstance(alice.socket, ssl.SSLSocket)
        assert alice.socket.getpeercert(binary_form=True) == expected


def test_unusable_new_certificate_keeps_the_old_one(tmp_path: Path) -> None:
    cert, key = brought(tmp_path / "old")
    tls = TlsCertificate(cert, key)
    before = tls.fingerprint
    brought(tmp_path / "new")[0].replace(cert)  # its key is not replaced yet
    with pytest.raises(CertificateError):
        tls.reload_files()
    assert tls.fingerprint == before == hashlib.sha256(shown(tls.context)).hexdigest()


def test_weak_rsa_certificate_is_named_as_such(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    _write_certificate(generate_private_key(65537, 1024), certificate, key)
    with pytest.raises(CertificateError, match=r"too weak \(its key is too short\).*RSA key of 2048 bits"):
        TlsCertificate(certificate, key)


@pytest.mark.parametrize(("begin", "end", "problem"), [
    (-400, -35, "expired on "),
    (3, 30, "is not valid before "),
    (-30, 3, "expires on "),
    (-30, 60, ""),
])  # fmt: skip
def test_dates_of_certificate_are_checked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, begin: int, end: int, problem: str
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    _write_certificate(ec.generate_private_key(ec.SECP256R1()), certificate, key, begin, end)
    tls = TlsCertificate(certificate, key)
    tls.reload_files()
    assert caplog.text.count(f"the certificate in {certificate} {problem}") == (2 if problem else 0)


def test_key_that_others_can_read_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate, key = brought(tmp_path)
    for mode, count in ((0o640, 0), (0o644, 1)):
        key.chmod(mode)
        prepare_tls(ServerConfig(tls=Settings(cert=str(certificate), key=str(key))))
        assert caplog.text.count(f"other users may read or change {key}") == count
