"""HAProxy before two server processes, configured as ``docs/scaling.md`` says."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.database import DatabaseServer
from tests.support.nats import free_port
from tests.support.processes import PATIENCE, ROOT, Server, Wire

TRUSTED = ("proxy.trusted=127.0.0.1",)


def documented_configuration() -> str:
    block = re.search(r"```\n(defaults\n.*?)```", (ROOT / "docs" / "scaling.md").read_text(), re.DOTALL)
    assert block is not None
    return block[1]


@pytest.fixture
def servers(serve: Serve, mariadb: DatabaseServer) -> tuple[Server, Server]:
    """Two servers on one database that trust a proxy on this machine, encrypted."""
    mariadb.drop("chat_balanced")
    arguments = ("--database", mariadb.url("chat_balanced"), "--tls")
    return serve(*arguments, settings=TRUSTED), serve(*arguments, settings=TRUSTED)


@pytest.fixture
def balancer(servers: tuple[Server, Server], tmp_path: Path) -> Iterator[int]:
    """HAProxy's port."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin") or ""
    if not program:
        pytest.fail("haproxy is needed") if os.environ.get("CI") else pytest.skip("there is no haproxy here")
    port, configuration = free_port(), documented_configuration()
    addresses = {"bind :7878": f"bind 127.0.0.1:{port}"}
    addresses |= {
        f"10.0.0.1{number}:7878": f"127.0.0.1:{server.port}" for number, server in enumerate(servers, 1)
    }
    for documented, actual in addresses.items():
        assert documented in configuration
        configuration = configuration.replace(documented, actual)
    path = tmp_path / "haproxy.cfg"
    path.write_text(configuration)
    with (tmp_path / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", str(path)], stdout=log, stderr=log)
    yield port
    process.terminate()
    process.wait(PATIENCE)


def connect(port: int) -> Wire:
    """Connect through the balancer as soon as one of its servers answers."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return Wire("127.0.0.1", port, tls)
        except (OSError, EOFError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_users_behind_balancer_move_to_the_server_that_is_left(
    servers: tuple[Server, Server], balancer: int
) -> None:
    alice = connect(balancer).register("Alice")
    bob = connect(balancer).register("Bob")
    alice.request("create_room", room="#lab", capacity=5)
    for wire in (alice, bob):
        wire.request("enter_room", room="#lab", nickname=wire.username)
    bob.request("send", to="#lab", text="before")
    assert alice.message(text="before")["username"] == "Bob"
    for server in servers:  # one user each, with the address that HAProxy tells
        server.wait_for_log("login address=127.0.0.1")

    servers[0].pause()
    closed = alice if "account=Alice" in servers[0].log else bob
    closed.socket.settimeout(PATIENCE)
    with pytest.raises((EOFError, OSError)):
        closed.event("nothing of this type")
    returned = connect(balancer)
    returned.request("resume", token=closed.token)
    returned.request("send", to="#lab", text="after")
    history = returned.request("history", conversation="#lab")["messages"]
    assert [message["text"] for message in history if message["kind"] == "text"] == ["before", "after"]
    servers[0].resume()
    for wire in (alice, bob, returned):
        wire.close()
