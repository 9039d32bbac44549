"""When a connection is encrypted, and whose certificate is believed."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from client.address import Address
from client.app import App
from client.config import Config
from client.model.state import Link
from client.trust import Barred, Trust, Way, is_fingerprint
from tests.client.conftest import BRISK
from tests.client.fake_server import FakeServer, Peer

HERE, AWAY = Address("127.0.0.1"), Address("lab.example")
FIRST, SECOND = b"certificate one", b"certificate two"


def digest(certificate: bytes) -> str:
    return sha256(certificate).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "known_servers"


def test_this_machine_may_be_plain_and_any_other_is_not(path: Path) -> None:
    assert Trust(path).ways(HERE) == [Way.PLAIN, Way.TLS]
    assert Trust(path).ways(AWAY) == [Way.TLS]
    assert Trust(path, insecure=True).ways(AWAY) == [Way.PLAIN]


def test_the_first_certificate_is_kept_and_another_one_is_a_hard_stop(path: Path) -> None:
    Trust(path).accept(AWAY, FIRST)
    Trust(path).accept(AWAY, FIRST)
    with pytest.raises(Barred, match="certificate_changed") as barred:
        Trust(path).accept(AWAY, SECOND)
    assert barred.value.details["known"] == digest(FIRST)
    assert barred.value.details["seen"] == digest(SECOND)
    Trust(path).accept(Address("other.example"), SECOND)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_server_that_was_seen_encrypted_is_never_plain_again(path: Path) -> None:
    Trust(path).accept(HERE, FIRST)
    assert Trust(path).ways(HERE) == [Way.TLS]
    with pytest.raises(Barred, match="plain_after_tls"):
        Trust(path, insecure=True).ways(HERE)


def test_an_invitation_vouches_for_a_server_that_is_not_known(path: Path) -> None:
    trust = Trust(path)
    trust.vouch(HERE.server, digest(FIRST))
    assert trust.ways(HERE) == [Way.TLS]
    with pytest.raises(Barred, match="certificate_changed"):
        trust.accept(HERE, SECOND)
    trust.accept(HERE, FIRST)
    assert Trust(path).known(HERE.server) == digest(FIRST)


def test_no_invitation_changes_what_is_known(path: Path) -> None:
    Trust(path).accept(AWAY, FIRST)
    with pytest.raises(Barred, match="certificate_changed") as barred:
        Trust(path).vouch(AWAY.server, digest(SECOND))
    assert barred.value.details["known"] == digest(FIRST)
    Trust(path).vouch(AWAY.server, digest(FIRST))


def test_a_fingerprint_says_which_certificate_it_must_be_and_is_kept(path: Path) -> None:
    Trust(path).accept(AWAY, FIRST)
    written = "SHA256:" + digest(SECOND).upper()
    with pytest.raises(Barred):
        Trust(path, fingerprint=written).accept(AWAY, FIRST)
    Trust(path, fingerprint=written).accept(AWAY, SECOND)
    Trust(path).accept(AWAY, SECOND)
    assert Trust(path, fingerprint=written).ways(HERE) == [Way.TLS]


@pytest.mark.parametrize("text", ["ab" * 32, "sha256:" + "AB" * 32, ":".join(["ab"] * 32)])
def test_a_fingerprint_in_every_way_it_is_written(text: str) -> None:
    assert is_fingerprint(text)


@pytest.mark.parametrize("text", ["", "ab" * 31, "xy" * 32])
def test_what_is_no_fingerprint(text: str) -> None:
    assert not is_fingerprint(text)


def test_lines_that_are_not_ours_do_not_hurt(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"# a comment here\n\nnonsense\nlab.example:7878 sha256:00\n\xff\xfe\n")
    assert Trust(path).known("lab.example:7878") == "00"


class FakeTlsServer(FakeServer):
    """Speaks TLS from the first byte, under a certificate of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._tls = certificate(folder)

    async def __aenter__(self) -> "FakeTlsServer":
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._tls)
        return self


def certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatroom")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    signed = dated.serial_number(x509.random_serial_number()).sign(key, hashes.SHA256())
    folder.mkdir(exist_ok=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pem").write_bytes(pem + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


def app_of(path: Path) -> App:
    pace = replace(BRISK, greeting=0.05)
    return App(Config(path.parent / "client.json"), Trust(path), path.parent, pace=pace)


async def greeted(server: FakeServer, app: App) -> Peer:
    connecting = asyncio.create_task(app.connect(server.address))
    peer = await server.greet()
    await connecting
    return peer


async def test_on_this_machine_a_server_with_tls_is_recognised(tmp_path: Path, path: Path) -> None:
    async with FakeTlsServer(tmp_path / "server") as server:
        app = app_of(path)
        await greeted(server, app)
        assert app.state.encrypted
        assert Trust(path).known(server.address)


async def test_a_changed_certificate_stops_before_a_word_is_said(tmp_path: Path, path: Path) -> None:
    async with FakeTlsServer(tmp_path / "server") as server:
        Trust(path).accept(Address("127.0.0.1", int(server.address.split(":")[1])), FIRST)
        app = app_of(path)
        with pytest.raises(Barred, match="certificate_changed"):
            await app.connect(server.address)
        assert app.state.link is Link.REFUSED


async def test_a_plain_server_in_the_place_of_an_encrypted_one_is_not_believed(
    fake: FakeServer, path: Path
) -> None:
    async with fake:
        Trust(path).accept(Address("127.0.0.1", int(fake.address.split(":")[1])), FIRST)
        connecting = asyncio.create_task(app_of(path).connect(fake.address))
        (await fake.accept()).welcome()
        with pytest.raises(Exception, match="no_chat_server"):
            await connecting
