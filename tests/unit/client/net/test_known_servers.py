"""Whether a connection is encrypted, and which certificates are trusted."""

import asyncio
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatroom.client.app import App
from chatroom.client.model.state import ConnectionState
from chatroom.client.net.address import AddressError, ServerAddress, parse_address
from chatroom.client.net.known_servers import KnownServers, Transport, UntrustedServer, is_fingerprint
from chatroom.client.storage.config import ClientConfig
from chatroom.client.text import i18n
from tests.unit.client.conftest import FAST_RECONNECT
from tests.unit.client.fake_front_end import FakeFrontEnd
from tests.unit.client.fake_server import FakeServer, Peer

HERE, AWAY = ServerAddress("127.0.0.1"), ServerAddress("lab.example")
FIRST, SECOND = b"certificate one", b"certificate two"


def digest(certificate: bytes) -> str:
    return sha256(certificate).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "known_servers"


def test_only_loopback_may_be_plain(path: Path) -> None:
    assert KnownServers(path).allowed_transports(HERE) == [Transport.PLAIN, Transport.TLS]
    assert KnownServers(path).allowed_transports(AWAY) == [Transport.TLS]
    assert KnownServers(path, insecure=True).allowed_transports(AWAY) == [Transport.PLAIN]


def test_certificate_other_than_the_first_is_refused(path: Path) -> None:
    KnownServers(path).accept_certificate(AWAY, FIRST)
    KnownServers(path).accept_certificate(AWAY, FIRST)
    with pytest.raises(UntrustedServer, match="certificate_changed") as barred:
        KnownServers(path).accept_certificate(AWAY, SECOND)
    assert barred.value.details["known"] == digest(FIRST)
    assert barred.value.details["seen"] == digest(SECOND)
    KnownServers(path).accept_certificate(ServerAddress("other.example"), SECOND)
    assert path.stat().st_mode & 0o777 == 0o600


def test_server_seen_with_tls_is_refused_without_tls(path: Path) -> None:
    KnownServers(path).accept_certificate(HERE, FIRST)
    assert KnownServers(path).allowed_transports(HERE) == [Transport.TLS]
    with pytest.raises(UntrustedServer, match="plain_after_tls"):
        KnownServers(path, insecure=True).allowed_transports(HERE)


def test_fingerprint_of_invitation_is_trusted_for_unknown_server(path: Path) -> None:
    trust = KnownServers(path)
    trust.trust_fingerprint(HERE, digest(FIRST))
    assert trust.allowed_transports(HERE) == [Transport.TLS]
    with pytest.raises(UntrustedServer, match="certificate_changed"):
        trust.accept_certificate(HERE, SECOND)
    trust.accept_certificate(HERE, FIRST)
    assert KnownServers(path).known_fingerprint(HERE) == digest(FIRST)


def test_invitation_does_not_replace_known_certificate(path: Path) -> None:
    KnownServers(path).accept_certificate(AWAY, FIRST)
    with pytest.raises(UntrustedServer, match="certificate_changed") as barred:
        KnownServers(path).trust_fingerprint(AWAY, digest(SECOND))
    assert barred.value.details["known"] == digest(FIRST)
    KnownServers(path).trust_fingerprint(AWAY, digest(FIRST))


def test_fingerprint_selects_the_certificate_and_is_kept(path: Path) -> None:
    KnownServers(path).accept_certificate(AWAY, FIRST)
    written = "SHA256:" + digest(SECOND).upper()
    with pytest.raises(UntrustedServer):
        KnownServers(path, fingerprint=written).accept_certificate(AWAY, FIRST)
    KnownServers(path, fingerprint=written).accept_certificate(AWAY, SECOND)
    KnownServers(path).accept_certificate(AWAY, SECOND)
    assert KnownServers(path, fingerprint=written).allowed_transports(HERE) == [Transport.TLS]


@pytest.mark.parametrize("text", ["ab" * 32, "sha256:" + "AB" * 32, ":".join(["ab"] * 32)])
def test_fingerprint_is_accepted_in_every_notation(text: str) -> None:
    assert is_fingerprint(text)


@pytest.mark.parametrize("text", ["", "ab" * 31, "xy" * 32])
def test_invalid_fingerprint_is_recognised(text: str) -> None:
    assert not is_fingerprint(text)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"# kept\n\nlab.example:7878 sha256:00\n", 3),
        (b"nonsense\n", 1),
        (b"lab.example:7878 sha256:" + b"ab" * 32 + b" key:12\n", 1),
        (b"\xff\xfe\n", 0),
    ],
)
def test_damaged_file_refuses_every_connection(path: Path, content: bytes, line: int) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for attempt in (
        KnownServers(path).allowed_transports,
        lambda to: KnownServers(path).accept_certificate(to, FIRST),
    ):
        with pytest.raises(UntrustedServer, match="known_servers_damaged") as barred:
            attempt(AWAY)
        assert barred.value.details == {"file": str(path), "line": line}
    assert path.read_bytes() == content


SPELLINGS = [
    ("127.0.0.1", ["localhost", "LOCALHOST", "localhost.", "127.1", "0x7f000001", "2130706433", "[::1]",
                   "[0:0::1]", "[::ffff:127.0.0.1]", "１２７.0.0.1", "a.localhost"]),
    ("lab.example", ["LAB.Example", "lab.example.", "lab.EXAMPLE:7878"]),
    ("münchen.example", ["xn--mnchen-3ya.example", "MÜNCHEN.example."]),
    ("[2001:db8::1]", ["[2001:DB8:0:0::1]", "2001:0db8::0001"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("known", "typed"), [(known, typed) for known, spellings in SPELLINGS for typed in spellings]
)
def test_spellings_of_a_host_are_one_server(path: Path, known: str, typed: str) -> None:
    KnownServers(path).accept_certificate(parse_address(known), FIRST)
    assert KnownServers(path).allowed_transports(parse_address(typed)) == [Transport.TLS]
    with pytest.raises(UntrustedServer, match="certificate_changed"):
        KnownServers(path).accept_certificate(parse_address(typed), SECOND)
    with pytest.raises(UntrustedServer, match="plain_after_tls"):
        KnownServers(path, insecure=True).allowed_transports(parse_address(typed))


@pytest.mark.parametrize("typed", ["127.0.0.2", "localhost:7879", "lab.example"])
def test_other_host_or_port_is_another_server(path: Path, typed: str) -> None:
    KnownServers(path).accept_certificate(parse_address("127.0.0.1"), FIRST)
    KnownServers(path).accept_certificate(parse_address(typed), SECOND)
    KnownServers(path).accept_certificate(parse_address("localhost"), FIRST)


@pytest.mark.parametrize(
    "typed",
    ["Ann@a..b", "a@b@c", f"{'x' * 64}.example", "ho\x1bst", ".", "a.b!c", "[::1%", "ü" * 64],
)
def test_invalid_host_is_refused(typed: str) -> None:
    with pytest.raises(AddressError):
        parse_address(typed)


Key = ec.EllipticCurvePrivateKey


@dataclass
class Authority:
    """Signs certificates for 127.0.0.1."""

    folder: Path

    def __post_init__(self) -> None:
        self.key = new_key()
        self.certificate = made(self.key, "authority", self.key, "authority", authority=True)
        self.path = self.folder / "authority.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, key: Key, *, host: str = "127.0.0.1", days: int = 1) -> x509.Certificate:
        return made(key, "chatroom", self.key, "authority", host=host, days=days)


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def made(
    key: Key, name: str, signer: Key, by: str, *, authority: bool = False, host: str = "", days: int = 1
) -> x509.Certificate:
    """A certificate for a key, valid from two days ago until in so many days."""
    subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, by))
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=2)).not_valid_after(now + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if host:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def self_signed(key: Key) -> x509.Certificate:
    return made(key, "chatroom", key, "chatroom")


class FakeTlsServer(FakeServer):
    """Speaks TLS from the first byte. ``present`` gives it another certificate."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._pem = folder / "server.pem"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.key = new_key()
        self.present(self_signed(self.key), self.key)

    def present(self, certificate: x509.Certificate, key: Key) -> None:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._pem.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
        self._tls.load_cert_chain(self._pem)

    async def greet_all(self) -> None:
        while True:
            await self.accept_and_welcome()

    async def __aenter__(self) -> "FakeTlsServer":
        self._server = await asyncio.start_server(self._accept_peer, "127.0.0.1", 0, ssl=self._tls)
        return self


def app_of(path: Path) -> App:
    timeouts = replace(FAST_RECONNECT, greeting=0.05)
    config = ClientConfig(path.parent / "client.json")
    return App(config, KnownServers(path), path.parent, FakeFrontEnd(), timeouts=timeouts)


async def greeted(server: FakeServer, app: App) -> Peer:
    connecting = asyncio.create_task(app.requests.connect(server.address))
    peer = await server.accept_and_welcome()
    await connecting
    return peer


async def test_loopback_server_with_tls_is_recognised(tmp_path: Path, path: Path) -> None:
    async with FakeTlsServer(tmp_path) as server:
        app = app_of(path)
        await greeted(server, app)
        assert app.state.encrypted
        assert KnownServers(path).known_fingerprint(
            ServerAddress("127.0.0.1", int(server.address.split(":")[1]))
        )


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this machine trusts."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    return authority


def file_text(path: Path) -> str:
    return path.read_text()


def keep(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


async def meet(server: FakeTlsServer, path: Path) -> None:
    """Connect as a client that is just started. Raises ``UntrustedServer``."""
    app = app_of(path)
    connecting = asyncio.create_task(app.requests.connect(server.address))
    accepting = asyncio.create_task(server.greet_all())
    try:
        await connecting
    finally:
        accepting.cancel()
        await app.close()


async def test_valid_chain_is_accepted_after_renewal(
    tmp_path: Path, path: Path, authority: Authority
) -> None:
    async with FakeTlsServer(tmp_path) as server:
        for _ in range(2):
            key = new_key()
            server.present(authority.sign(key), key)
            await meet(server, path)
        assert file_text(path).endswith(" chain\n")


@pytest.mark.parametrize("flaw", ["self-signed", "expired", "other host"])
async def test_invalid_certificate_after_valid_chain_is_refused(
    tmp_path: Path, path: Path, authority: Authority, flaw: str
) -> None:
    async with FakeTlsServer(tmp_path) as server:
        server.present(authority.sign(server.key), server.key)
        await meet(server, path)
        flawed = {
            "self-signed": self_signed(server.key),
            "expired": authority.sign(server.key, days=-1),
            "other host": authority.sign(server.key, host="192.0.2.1"),
        }
        server.present(flawed[flaw], server.key)
        with pytest.raises(UntrustedServer, match="certificate_invalid") as barred:
            await meet(server, path)
        assert str(path) in i18n.refusal(barred.value.code, barred.value.details)


async def test_self_signed_certificate_is_accepted_after_renewal_with_same_key_only(
    tmp_path: Path, path: Path
) -> None:
    async with FakeTlsServer(tmp_path) as server:
        for _ in range(2):
            server.present(self_signed(server.key), server.key)
            await meet(server, path)
        other = new_key()
        server.present(self_signed(other), other)
        with pytest.raises(UntrustedServer, match="certificate_changed") as barred:
            await meet(server, path)
        assert "--fingerprint" in i18n.refusal(barred.value.code, barred.value.details)


async def test_entry_of_older_client_is_extended_with_the_key(tmp_path: Path, path: Path) -> None:
    async with FakeTlsServer(tmp_path) as server:
        certificate = self_signed(server.key)
        server.present(certificate, server.key)
        fingerprint = digest(certificate.public_bytes(serialization.Encoding.DER))
        keep(path, f"{server.address} sha256:{fingerprint}\n")
        await meet(server, path)
        assert f"{server.address} sha256:{fingerprint} key:" in file_text(path)
        server.present(self_signed(server.key), server.key)
        await meet(server, path)


async def test_entry_of_older_client_is_replaced_by_a_valid_chain(
    tmp_path: Path, path: Path, authority: Authority
) -> None:
    async with FakeTlsServer(tmp_path) as server:
        keep(path, f"{server.address} sha256:{'ab' * 32}\n")
        with pytest.raises(UntrustedServer, match="certificate_changed"):
            await meet(server, path)
        server.present(authority.sign(server.key), server.key)
        await meet(server, path)
        assert file_text(path).endswith(" chain\n")


async def test_changed_certificate_is_refused_before_anything_is_sent(tmp_path: Path, path: Path) -> None:
    async with FakeTlsServer(tmp_path) as server:
        KnownServers(path).accept_certificate(
            ServerAddress("127.0.0.1", int(server.address.split(":")[1])), FIRST
        )
        app = app_of(path)
        with pytest.raises(UntrustedServer, match="certificate_changed"):
            await app.requests.connect(server.address)
        assert app.state.link is ConnectionState.REFUSED


async def test_plain_server_in_place_of_tls_server_is_refused(fake: FakeServer, path: Path) -> None:
    async with fake:
        KnownServers(path).accept_certificate(
            ServerAddress("127.0.0.1", int(fake.address.split(":")[1])), FIRST
        )
        connecting = asyncio.create_task(app_of(path).requests.connect(fake.address))
        (await fake.accept()).send_welcome()
        with pytest.raises(Exception, match="no_chat_server"):
            await connecting
