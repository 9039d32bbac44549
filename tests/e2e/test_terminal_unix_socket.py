"""A client whose server listens on a Unix socket."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Open, Serve
from tests.support.processes import Wire


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket is limited, and is shown on one row."""
    with tempfile.TemporaryDirectory(prefix="chat-") as folder:
        yield Path(folder)


def test_client_talks_over_a_unix_socket(serve: Serve, terminal: Open, socket_folder: Path) -> None:
    path = socket_folder / "chat.sock"
    server = serve("--listen", f"127.0.0.1:0, unix:{path}")
    bob = server.keep(Wire("", 0, path=path)).register("Bob")
    bob.request("create_room", room="lab", capacity=5)
    bob.request("enter_room", room="lab", nickname="Bob")

    alice = terminal(f"unix:{path}#lab", "--lang", "en", user="Alice")
    alice.wait_for("Log in").press("F2").wait_for("Confirm password")
    alice.type("Alice").press("Tab").type("111111").press("Tab").enter("111111")
    alice.wait_for("You joined #lab as Alice.").enter("over a file")
    bob.message(text="over a file")
    bob.request("send", to="#lab", text="and back")
    alice.wait_for("and back").enter("/invite").wait_for("This connection is a Unix socket.")

    server.kill()
    alice.enter("while the server is gone").wait_for("[sending…]")
    server.start()
    alice.wait_gone("[sending…]")


def test_encrypted_unix_socket_stores_no_known_server(
    serve: Serve, terminal: Open, socket_folder: Path
) -> None:
    path = socket_folder / "with blank.sock"
    serve("--listen", f"127.0.0.1:0, unix:{path}", "--tls")
    alice = terminal(f"unix:{path}", "--lang", "en", "--register", user="Alice", columns=120)
    alice.wait_for("Confirm password")
    alice.type("Alice").press("Tab").type("111111").press("Tab").enter("111111")
    alice.wait_for("Account: Alice", " TLS ")
    assert not list(alice.home.rglob("known_servers"))


def test_missing_socket_is_reported_with_its_path(terminal: Open, socket_folder: Path) -> None:
    path = socket_folder / "none.sock"
    alice = terminal(f"Alice@unix:{path}", "--lang", "en", columns=120)
    alice.wait_for("Password:").enter("111111")
    alice.wait_until(lambda: "No such file or directory" in " ".join(alice.text.split()))
