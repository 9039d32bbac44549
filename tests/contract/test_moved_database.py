"""A SQLite file that is moved or deleted under the server: no message is confirmed any more."""

from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.processes import Server, Wire

ROOM = "#lab"
PATIENCE_SETTING = ("database.patience=0.3",)


@pytest.fixture
def server(serve: Serve) -> Server:
    server = serve(settings=PATIENCE_SETTING)
    alice = server.user("Alice")
    alice.request("create_room", room=ROOM, capacity=5)
    alice.request("enter_room", room=ROOM, nickname="ALICE")
    alice.request("send", to=ROOM, text="before")
    return server


def send(server: Server, text: str) -> str:
    """Send a message on a new connection. Return the code of the refusal; empty if there was none."""
    with server.connect() as wire:
        answer = wire.ask("login", username="Alice", password="111111")
        if answer["type"] != "error":
            answer = wire.ask("send", to=ROOM, text=text)
        return str(answer.get("code", ""))


@pytest.mark.parametrize("part", ["chatroom.sqlite", "chatroom.sqlite-wal"])
def test_nothing_is_confirmed_until_the_file_is_back(server: Server, part: str) -> None:
    file = server.data / part
    aside = file.with_name("aside")
    file.rename(aside)
    assert send(server, "lost") == "unavailable"
    server.wait_for_log(f"{server.data / 'chatroom.sqlite'} was moved or deleted")
    assert not file.exists()
    aside.rename(file)
    assert send(server, "after") == ""
    server.wait_for_log("the database is back")
    reader = server.connect().login("Alice")
    texts = [message["text"] for message in reader.request("history", conversation=ROOM)["messages"]]
    assert (texts[1], texts[-1]) == ("before", "after")
    assert "Traceback" not in server.log


def test_replaced_file_is_not_written(server: Server) -> None:
    file = server.data / "chatroom.sqlite"
    file.unlink()
    file.touch()
    alice = Wire(server.host, server.port)
    try:
        assert alice.refusal("login", username="Alice", password="111111") == "unavailable"
    finally:
        alice.close()
    assert file.stat().st_size == 0
    assert server.stop() == 0
    assert Path(file).stat().st_size == 0
