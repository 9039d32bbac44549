"""A chain of certificates made with openssl is renewed under a connected ``chat-client``."""

import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.processes import PATIENCE, Server, Wire

KEY_USAGE = "keyUsage=critical,keyCertSign,cRLSign"


class OpensslAuthority:
    """A root, and an intermediate authority that signs the server's certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._sign("root", None, "basicConstraints=critical,CA:TRUE", KEY_USAGE)
        self._sign("middle", "root", "basicConstraints=critical,CA:TRUE,pathlen:0", KEY_USAGE)

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def renew(self, certificate: Path, key: Path) -> None:
        """Write a new key, and its certificate with the chain, as certbot does."""
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        self._sign("leaf", "middle", names, "basicConstraints=critical,CA:FALSE")
        chain = (self.folder / "leaf.pem").read_bytes() + (self.folder / "middle.pem").read_bytes()
        for path, content in ((certificate, chain), (key, (self.folder / "leaf.key").read_bytes())):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            new.replace(path)

    def _sign(self, name: str, by: str | None, *extensions: str) -> None:
        signer = ["-CA", f"{by}.pem", "-CAkey", f"{by}.key"] if by else []
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-subj", f"/CN={name}", *(word for each in extensions for word in ("-addext", each)), *signer,
             "-keyout", f"{name}.key", "-out", f"{name}.pem"],
            cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip


@pytest.fixture
def authority(tmp_path: Path) -> OpensslAuthority:
    return OpensslAuthority(tmp_path / "authority")


class PlainClient:
    """``chat-client --plain`` in a process of its own."""

    def __init__(self, server: Server, home: Path, root: Path) -> None:
        environment = {
            **os.environ,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "CHAT_PASSWORD": "111111",
            "SSL_CERT_FILE": str(root),
        }
        where = f"Alice@localhost:{server.port}/lab"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chatroom.client", "--plain", "--register", where],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def write(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def shown_serial(server: Server, root: Path) -> str:
    """Return the serial number of the certificate that openssl accepts."""
    address = f"127.0.0.1:{server.port}"
    handshake = subprocess.run(
        ["openssl", "s_client", "-connect", address, "-CAfile", str(root), "-verify_hostname", "localhost",
         "-verify_return_error"],
        input=b"", capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    assert handshake.returncode == 0, handshake.stderr.decode()
    serial = subprocess.run(
        ["openssl", "x509", "-noout", "-serial"], input=handshake.stdout, capture_output=True, check=True
    )
    return serial.stdout.decode()


def test_chain_is_renewed_under_a_connected_client(
    serve: Serve, tmp_path: Path, authority: OpensslAuthority
) -> None:
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    authority.renew(certificate, key)
    server = serve("--tls-cert", str(certificate), "--tls-key", str(key))
    first = shown_serial(server, authority.root)
    context = ssl.create_default_context(cafile=str(authority.root))
    owner = server.keep(Wire("localhost", server.port, context)).register("Owner")
    owner.request("create_room", room="#lab", capacity=2)
    owner.request("enter_room", room="#lab", nickname="Owner")
    client = PlainClient(server, tmp_path / "home", authority.root)
    try:
        client.write("before the renewal")
        owner.message(text="before the renewal")
        authority.renew(certificate, key)
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while shown_serial(server, authority.root) == first:
            assert time.monotonic() < deadline, server.log
        client.write("on the old connection")
        owner.message(text="on the old connection")
        server.restart()
        owner = server.keep(Wire("localhost", server.port, context)).login("Owner")
        owner.request("enter_room", room="#lab", nickname="Owner")
        client.write("on a new connection")
        owner.message(text="on a new connection")
        assert client.process.poll() is None
    finally:
        client.close()


def test_damaged_renewal_keeps_the_old_chain(
    serve: Serve, tmp_path: Path, authority: OpensslAuthority
) -> None:
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    authority.renew(certificate, key)
    server = serve("--tls-cert", str(certificate), "--tls-key", str(key))
    first = shown_serial(server, authority.root)
    certificate.write_text("half a certifi")
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while "the certificate stays as it was" not in server.log:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert shown_serial(server, authority.root) == first
