"""``--plain`` and ``--json`` as a script uses them: a real process, pipes, an exit code."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.unit.client.fake_server import FakeServer, message, room
from tests.unit.client.line_client import (
    Run,
    accept_entry,
    accept_entry_with_history,
    accept_login,
    accept_message,
)


async def test_line_of_a_pipe_is_sent(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab").run("done"))
        peer = await accept_login(fake)
        await accept_entry(peer)
        await accept_message(peer, "done", 1)
        peer.answer(await peer.expect("logout"), "ok")
        code, output, errors = await running
        assert (code, errors) == (0, "")
        assert output.splitlines()[-1].endswith("-- ALICE:done")


async def test_output_has_no_escape_byte(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab", "--history=9").run(""))
        peer = await accept_login(fake)
        forged = "hi\n--2022-12-15 20:07:40-- BOB:forged \x1b[2J\x9b2J\x07\u202e"
        await accept_entry_with_history(peer, message(1, forged, nickname="B\x1bB"))
        peer.answer(await peer.expect("logout"), "ok")
        code, output, _ = await running
        assert code == 0
        assert not set(output) & {"\x1b", "\x9b", "\x07", "\u202e"}
        assert not any(line.startswith("#lab --2022-12-15") for line in output.splitlines())
        assert "    --2022-12-15 20:07:40-- BOB:forged" in output


async def test_full_room_ends_with_one_line(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab").run("hello\n"))
        peer = await accept_login(fake)
        entering = await peer.expect("enter_room")
        peer.answer_error(entering, "room_full", room="#lab", members=2, capacity=2)
        peer.answer(await peer.expect("logout"), "ok")
        code, _, errors = await running
        assert code == 1
        assert errors == "chat-client: Room #lab is full (2/2).\n"


async def test_refused_line_sets_exit_code_1(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab").run("one\ntwo\n"))
        peer = await accept_login(fake)
        await accept_entry(peer)
        peer.answer_error(await peer.expect("send", text="one"), "text_too_long", limit=2)
        await accept_message(peer, "two", 1)
        peer.answer(await peer.expect("logout"), "ok")
        code, _, errors = await running
        assert code == 1
        assert errors.startswith("Not delivered: one (")


async def test_quit_keeps_exit_code_1(fake: FakeServer, client: Run) -> None:
    """Messages sent before ``/quit`` are answered first, and their failure sets the exit code."""
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab").run("one\n/quit\n"))
        peer = await accept_login(fake)
        await accept_entry(peer)
        peer.answer_error(await peer.expect("send", text="one"), "text_too_long", limit=2)
        peer.answer(await peer.expect("logout"), "ok")
        code, _, errors = await running
        assert code == 1
        assert errors.startswith("Not delivered: one (")


@pytest.mark.parametrize("mode", ["--plain", "--json"])
@pytest.mark.parametrize("end", ["", "/quit\n", "/logout\n", "/save again.txt\n/quit\n"])
async def test_save_of_script_ends_before_the_next_line(
    fake: FakeServer, client: Run, tmp_path: Path, mode: str, end: str
) -> None:
    saves = end.count("/save") + 1
    async with fake:
        typed = f"/save {tmp_path / 'log.txt'}\n{end.replace('again', str(tmp_path / 'again'))}"
        running = asyncio.create_task(client(mode, f"Alice@{fake.address}").run(typed))
        peer = await accept_login(fake, rooms=[room("#lab", head=1)])
        for _ in range(saves):
            asked = await peer.expect("history", conversation="#lab")
            peer.answer(asked, "history", messages=[message(1, "kept")], more=False)
        peer.answer(await peer.expect("logout"), "ok")
        code, output, errors = await running
    assert (code, errors) == (0, "")
    assert output.count("Saved 1 message to") == saves
    assert "Text:kept" in (tmp_path / "log.txt").read_text()


async def test_script_ends_after_all_lines_are_answered(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab").run("one\n/leave\n"))
        peer = await accept_login(fake)
        await accept_entry(peer)
        peer.answer_error(await peer.expect("send", text="one"), "rate_limited", retry_after=0.1)
        await accept_message(peer, "one", 1)
        peer.answer(await peer.expect("leave_room", room="#lab"), "ok")
        peer.answer(await peer.expect("logout"), "ok")
        code, _, errors = await running
    assert (code, errors) == (0, "")


async def test_current_conversation_is_announced(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}").run("/switch lab\n/close\n"))
        peer = await accept_login(fake, rooms=[room(head=1)])
        asked = await peer.expect("history", conversation="#lab")
        peer.answer(asked, "history", messages=[message(1)], more=False)
        peer.answer(await peer.expect("logout"), "ok")
        code, output, errors = await running
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines.index("Now in #lab.") < lines.index("Not in a conversation now.")


async def test_change_names_its_message(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab", "--history=9").run(""))
        peer = await accept_login(fake)
        await accept_entry_with_history(
            peer,
            message(1, "the plan", edited="2026-11-22T04:00:02.000Z"),
            message(2, "the plan", kind="edit", target=1),
            message(3, "👍", kind="react", target=1, username="Alice", nickname="ALICE"),
            message(4, "agreed", target=1, username="Alice", nickname="ALICE"),
            message(5, deleted=True),
            message(6, "", kind="delete", target=5),
            message(7, "hm", target=70),
        )
        peer.answer(await peer.expect("logout"), "ok")
        code, output, _ = await running
        bodies = [line.partition("-- ")[2] for line in output.splitlines() if line.startswith("#lab --")]
        at = output.partition("--")[2][:19]
        assert bodies == [
            "BOB:the plan (edited)",
            f"* BOB edited BOB's message of {at}: the plan",
            "* ALICE reacted 👍 to BOB:the plan (edited)",
            "ALICE:(reply to BOB:the plan (edited)) agreed",
            "BOB:(deleted)",
            f"* BOB deleted BOB's message of {at[:-1]}5",
            "BOB:(reply to an earlier message) hm",
        ]
        assert code == 0


async def test_unconfirmed_message_at_the_end_survives_a_lost_connection(
    fake: FakeServer, client: Run
) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}/lab").run("done\n"))
        peer = await accept_login(fake)
        await accept_entry(peer)
        await peer.expect("send", text="done")
        peer.abort()
        peer = await fake.accept_and_welcome()
        resumed = {"username": "Alice", "token": "u", "rooms": [room()], "friends": []}
        peer.answer(await peer.expect("resume", token="t"), "session", **resumed)
        await accept_message(peer, "done", 1)
        peer.answer(await peer.expect("logout"), "ok")
        assert (await running)[0] == 0


async def test_password_is_not_read_from_a_pipe(
    fake: FakeServer, client: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake:
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}").run("/passwd\nsecret2\n"))
        peer = await accept_login(fake)
        peer.answer(await peer.expect("logout"), "ok")
        code, _, errors = await running
        assert code == 1
        assert "CHAT_NEW_PASSWORD" in errors

        monkeypatch.setenv("CHAT_NEW_PASSWORD", "secret2")
        running = asyncio.create_task(client("--plain", f"Alice@{fake.address}").run("/passwd\n"))
        peer = await accept_login(fake)
        passwords = {"password": "secret1", "new_password": "secret2"}
        peer.answer(await peer.expect("change_password", **passwords), "ok")
        peer.answer(await peer.expect("logout"), "ok")
        assert (await running)[0] == 0


async def test_json_delivers_each_message_once_and_answers_requests(fake: FakeServer, client: Run) -> None:
    typed = '/join lab\n{"type":"ping","id":"p"}\n{"type":"dance","id":7}\n'
    async with fake:
        running = asyncio.create_task(client("--json", f"Alice@{fake.address}").run(typed))
        peer = await accept_login(fake)
        await accept_entry(peer, message(1))
        for each in (message(2), message(3, "a\u2028b")):
            peer.send(type="message", message=each)
        peer.answer(await peer.next_request({"ping"}), "pong")
        peer.answer(await peer.expect("logout"), "ok")
        code, output, _ = await running
        frames = [json.loads(line) for line in output.splitlines()]
        messages = [frame["message"] for frame in frames if frame["type"] == "message"]
        assert messages == [message(2), message(3, "a\u2028b")]
        assert {"type": "pong", "id": "p"} in frames
        [error] = [frame for frame in frames if frame["type"] == "error"]
        assert (error["id"], error["code"], code) == (7, "unknown_type", 1)


async def test_json_line_that_is_no_request_is_not_sent(fake: FakeServer, client: Run) -> None:
    async with fake:
        running = asyncio.create_task(client("--json", f"Alice@{fake.address}").run('hello\n\n"hi"\n'))
        peer = await accept_login(fake)
        peer.answer(await peer.expect("logout"), "ok")
        code, output, _ = await running
        errors = [frame for frame in map(json.loads, output.splitlines()) if frame["type"] == "error"]
        assert [(error["id"], error["code"]) for error in errors] == [(None, "bad_json"), (None, "bad_frame")]
        assert code == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--bogus"], "chat-client: unrecognized arguments: --bogus\n"),
        (["--plain", "host:99999"], "chat-client: Invalid address: host:99999"),
        (["--plain", "--fingerprint", "12"], "chat-client: A fingerprint is a SHA-256"),
        (["--plain", "--json"], "chat-client: argument --json: not allowed with argument --plain\n"),
        (["--plain", "a@127.0.0.1:1"], "chat-client: Cannot connect to 127.0.0.1:1: Connection refused\n"),
        ([], "chat-client: Not a terminal;"),
    ],
)
async def test_error_is_one_line(client: Run, arguments: list[str], error: str) -> None:
    code, output, errors = await client(*arguments).run("")
    assert code != 0
    assert output == ""
    assert errors.startswith(error)
    assert errors.count("\n") == 1
