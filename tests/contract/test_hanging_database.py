"""A hanging database: requests fail in time, and the server still stops."""

import sqlite3
import time
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import make_url

from tests.conftest import Serve
from tests.support.database import PrivateMariaDB
from tests.support.processes import PATIENCE, QUICK, Server


@pytest.fixture
def hanging(serve: Serve, fragile_mariadb: PrivateMariaDB) -> Server:
    return serve("--database", fragile_mariadb.url("chat"), settings=(*QUICK, "database.patience=2"))


def test_hanging_database_is_an_outage(hanging: Server, fragile_mariadb: PrivateMariaDB) -> None:
    alice = hanging.user("Alice")
    fragile_mariadb.pause()
    assert alice.refusal("list_rooms") == "unavailable"
    assert alice.refusal("create_room", room="lab", capacity=3) == "unavailable"
    fragile_mariadb.resume()


def test_sigterm_during_hanging_database_stops_the_server(
    hanging: Server, fragile_mariadb: PrivateMariaDB
) -> None:
    """A client that waits for an answer gets ``closing``, and the exit code is 0."""
    alice = hanging.user("Alice")
    fragile_mariadb.pause()
    alice.start("create_room", room="lab", capacity=3)
    assert hanging.stop() == 0
    assert alice.event("closing")["code"] == "going_away"
    fragile_mariadb.resume()


def test_file_locked_by_another_program_is_an_outage_until_it_is_free(serve: Serve, tmp_path: Path) -> None:
    server = serve("--database", f"sqlite:///{tmp_path / 'chat.db'}", settings=("database.patience=2",))
    alice = server.user("Alice")
    alice.request("create_room", room="lab", capacity=3)
    alice.request("enter_room", room="lab", nickname="ALICE")
    stranger = sqlite3.connect(tmp_path / "chat.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert alice.refusal("set_topic", room="lab", topic="later") == "unavailable"
    assert alice.refusal("send", to="lab", text="later") == "unavailable"
    assert time.monotonic() - began < PATIENCE / 2
    stranger.rollback()
    again = server.connect().login("Alice")
    assert again.request("send", to="lab", text="now")["seq"] == 2
    server.wait_for_log("the database is locked by another program")
    server.wait_for_log("the database is back, after")
    stranger.execute("BEGIN IMMEDIATE")
    again.start("send", to="lab", text="too late")
    assert server.stop() == 0
    stranger.close()


def test_locked_conversation_does_not_delay_others(serve: Serve, mysql_url: str) -> None:
    server = serve("--database", mysql_url, settings=("database.patience=4",))
    alice, bob = server.user("Alice"), server.user("Bob")
    for wire, room in ((alice, "lab"), (bob, "den")):
        wire.request("create_room", room=room, capacity=3)
        wire.request("enter_room", room=room, nickname=wire.username)
    at = make_url(mysql_url)
    with pymysql.connect(
        host=at.host, port=at.port or 3306, user=at.username, password=at.password or "", database=at.database
    ) as stranger:
        stranger.cursor().execute("SELECT * FROM conversations WHERE id = 1 FOR UPDATE")
        waiting = alice.start("send", to="lab", text="later")
        assert bob.request("send", to="den", text="now")["seq"] == 2
        server.user("Carol")
        assert alice.answer(waiting)["code"] == "unavailable"
        alice = server.connect().login("Alice")
        alice.start("send", to="lab", text="later")
        assert server.stop() == 0
