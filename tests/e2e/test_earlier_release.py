"""The files of release 0.1.0 keep working: the server's data folder and the client's home.

``tests/support/earlier/0.1.0.tar.xz`` was written by a server and a client of that release: room ``#lab``
with Ada and Bob, a private chat, a self-signed certificate, a draft, and one message that was typed while the
server was down. All passwords are 111111.
"""

import ssl
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Open
from tests.support.processes import QUICK, ROOT, Server, Wire

ARCHIVE = ROOT / "tests" / "support" / "earlier" / "0.1.0.tar.xz"
OLD_PORT = "42315"
"""The port that the server of the archive listened on."""

STORED = [("Bob", "before the update"), ("Ada", "stored before the update")]


@pytest.fixture
def earlier(tmp_path: Path) -> Iterator[Server]:
    """A server on the earlier data folder. Ada's home is where the fixture ``terminal`` expects it."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    server = Server(tmp_path / "data", "--tls", settings=QUICK).start()
    _replace_port(tmp_path / "home", str(server.port))
    (tmp_path / "home").rename(tmp_path / "home-Ada")
    yield server
    server.close()


def _replace_port(home: Path, port: str) -> None:
    """The server of a test listens on a free port, and the client's files name the old one."""
    for path in (home / ".config" / "chatroom").iterdir():
        path.write_text(path.read_text().replace(OLD_PORT, port))
    for path in sorted(home.rglob(f"*{OLD_PORT}*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.replace(OLD_PORT, port)))


def connect(server: Server) -> Wire:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return Wire(server.host, server.port, context)


def lab_messages(wire: Wire) -> list[tuple[str, str]]:
    messages = wire.request("history", conversation="#lab")["messages"]
    return [(message["username"], message["text"]) for message in messages if message["kind"] == "text"]


def test_data_folder_of_earlier_release_keeps_accounts_and_messages(earlier: Server) -> None:
    with connect(earlier) as ada:
        session = ada.login("Ada").session
        assert [friend["friend"] for friend in session["friends"]] == ["@Bob"]
        assert lab_messages(ada) == STORED
        (private,) = ada.request("search", query="private")["messages"]
        assert private["text"] == "hello in private"
        ada.request("enter_room", room="#lab", nickname="ADA")
        ada.request("send", to="#lab", text="after the update")
        assert lab_messages(ada) == [*STORED, ("Ada", "after the update")]


def test_home_of_earlier_release_keeps_settings_draft_and_outbox(earlier: Server, terminal: Open) -> None:
    """The client trusts the certificate that it knows, sends the waiting message once and shows the draft."""
    screen = terminal(user="Ada", columns=110, lines=30)
    screen.wait_for("F2", f"127.0.0.1:{earlier.port}", "Ada").enter("111111")
    screen.wait_for(f"Ada@127.0.0.1:{earlier.port} TLS").press("Esc").wait_gone("Esc ─╯")
    screen.enter("/switch lab").wait_for("stored before the update", "written while offline")
    with connect(earlier) as bob:
        bob.login("Bob")
        while ("Ada", "written while offline") not in lab_messages(bob):
            bob.message(text="written while offline")
        assert lab_messages(bob) == [*STORED, ("Ada", "written while offline")]
    screen.enter("/switch Bob").wait_for("hello in private", "half a sentence")
    screen.press("Ctrl-U").enter("/bind").wait_for("Ctrl-T")
