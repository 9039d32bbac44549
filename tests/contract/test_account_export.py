"""``chat-server admin export``: all stored data of an account, while a server runs."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import Serve
from tests.support.processes import PATIENCE, ROOT, Server


@pytest.fixture
def server(serve: Serve, database_url: str) -> Server:
    return serve("--database", database_url)


def run_export(server: Server, username: str) -> subprocess.CompletedProcess[str]:
    settings = ["--data", str(server.data), *server.arguments]
    return subprocess.run(
        [sys.executable, "-m", "chatroom.server", "admin", *settings, "export", username],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def exported_rows(server: Server, username: str) -> dict[str, list[dict[str, Any]]]:
    finished = run_export(server, username)
    assert (finished.returncode, finished.stderr) == (0, "")
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in finished.stdout.splitlines():
        row = json.loads(line)
        rows.setdefault(row.pop("table"), []).append(row)
    return rows


def test_export_holds_everything_of_one_account_and_no_secret(server: Server) -> None:
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room="#lab", capacity=5, password="secret1")
    alice.request("enter_room", room="#lab", nickname="ALICE")
    bob.request("enter_room", room="#lab", nickname="BOB", password="secret1")
    bob.request("add_friend", username="Alice")
    alice.request("send", to="#lab", text="hello 你好\x1b[31m", cid="a1")
    alice.request("send", to="@Bob", text="psst", cid="a2")
    bob.request("send", to="#lab", text="another's message", cid="b1")
    bob.request("block", username="Alice")

    rows = exported_rows(server, "alice")
    (account,) = rows["accounts"]
    assert (account["username"], account["registered_at"][:2]) == ("Alice", "20")
    texts = [(row["conversation"], row["text"]) for row in rows["messages"] if row["kind"] == "text"]
    assert texts == [("#lab", "hello 你好\x1b[31m"), ("@Bob", "psst")]
    assert {row["account"] for row in rows["messages"]} == {"Alice"}
    assert [row["name"] for row in rows["rooms"]] == ["lab"]
    assert {row["conversation"] for row in rows["memberships"]} == {"#lab", "@Bob"}
    assert [(row["account"], row["blocked"]) for row in rows["blocks"]] == [("Bob", "Alice")]
    assert rows["tokens"]
    assert not [row for table in rows.values() for row in table if {"password_hash", "digest"} & row.keys()]


def test_many_messages_are_exported_in_order(server: Server) -> None:
    alice = server.user("Alice")
    alice.request("create_room", room="#lab", capacity=5)
    alice.request("enter_room", room="#lab", nickname="ALICE")
    sent = [alice.start("send", to="#lab", text=f"message {number}") for number in range(1200)]
    assert alice.answer(sent[-1])["type"] == "sent"
    texts = [row["text"] for row in exported_rows(server, "Alice")["messages"] if row["kind"] == "text"]
    assert texts == [f"message {number}" for number in range(1200)]


def test_unknown_account_is_one_line(server: Server) -> None:
    finished = run_export(server, "Nobody")
    assert (finished.returncode, finished.stdout, finished.stderr.count("\n")) == (1, "", 1)
