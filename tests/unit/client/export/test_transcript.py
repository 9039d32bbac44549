"""log.txt has exactly the report's lines, and is written completely or not at all."""

import asyncio
import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.client.app import App
from chatroom.client.commands.conversations import UsageError
from chatroom.client.commands.save import SaveRequest, parse_save
from chatroom.client.export.transcript import write_transcript
from chatroom.client.export.transcript_format import TranscriptFormat
from chatroom.client.text import i18n
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, Json, Peer, friend, message, room
from tests.unit.client.fake_session import log_in

REPORT = """\
-----下面是群聊的聊天记录-----
聊天室:test 时间:2022-12-14 23:02:58 用户名:Alice(昵称)ALICE 内容:昵称为"ALICE"的用户进入了房间。
聊天室:thuhole 时间:2022-12-14 23:03:07 用户名:Bob(昵称)BOB 内容:你好
聊天室:test 时间:2022-12-14 23:14:50 用户名:Alice(昵称)ALICE 内容:昵称为"ALICE"的用户退出了房间。
-----下面是私聊的聊天记录-----
时间:2022-12-14 23:46:47 发送人:Alice 接收人:Bob 内容:昵称为"ALICE"的用户进入了私聊。
时间:2022-12-14 23:50:10 发送人:Bob 接收人:Alice 内容:在吗
"""


@pytest.fixture(autouse=True)
def _shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def stored_message(
    conversation: str, seq: int, clock: str, username: str, kind: str = "text", text: str = ""
) -> Json:
    """``clock`` is Shanghai's."""
    hour, rest = clock.split(":", 1)
    moment = f"2022-12-14T{int(hour) - 8:02}:{rest}.000Z"
    facts = {"username": username, "nickname": username.upper(), "kind": kind, "time": moment}
    return message(seq, conversation=conversation, **facts) | {"text": text}


HISTORY = {
    "#test": [
        stored_message("#test", 1, "23:02:58", "Alice", "enter"),
        stored_message("#test", 2, "23:14:50", "Alice", "leave"),
    ],
    "#thuhole": [stored_message("#thuhole", 1, "23:03:07", "Bob", text="你好")],
    "@Bob": [
        stored_message("@Bob", 1, "23:46:47", "Alice", "enter"),
        stored_message("@Bob", 2, "23:50:10", "Bob", text="在吗"),
    ],
}


async def write_text(app: App, path: Path) -> int:
    return await write_transcript(
        app.state, app.session, path, TranscriptFormat.TXT, lambda done, total: None
    )


async def in_chat(fake: FakeServer, app: App, history: dict[str, list[Json]]) -> Peer:
    rooms = [room(name, head=len(log)) for name, log in history.items() if name.startswith("#")]
    friends = [friend(name, head=len(log)) for name, log in history.items() if name.startswith("@")]
    return await log_in(fake, app, rooms=rooms, friends=friends)


async def serve(peer: Peer, history: dict[str, list[Json]], request: str = "history", page: int = 3) -> None:
    """Answer all requests for history, with at most ``page`` messages."""
    while True:
        asked = await peer.expect(request)
        log, after = history[asked["conversation"]], asked["after"]
        page_messages = log[after : after + min(page, asked["limit"])]
        peer.answer(asked, "history", messages=page_messages, more=after + len(page_messages) < len(log))


def files_in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


async def saved(
    fake: FakeServer, start: Start, history: dict[str, list[Json]], path: Path, **how: Any
) -> int:
    async with fake:
        app = start()
        peer = await in_chat(fake, app, history)
        serving = asyncio.create_task(serve(peer, history))
        try:
            return await write_transcript(
                app.state, app.session, path, how.get("shape", TranscriptFormat.TXT), lambda done, total: None
            )
        finally:
            serving.cancel()


async def test_chinese_transcript_has_the_required_format(
    fake: FakeServer, start: Start, tmp_path: Path
) -> None:
    i18n.use_language("zh")
    assert await saved(fake, start, HISTORY, tmp_path / "log.txt") == 5
    assert (tmp_path / "log.txt").read_text("utf-8") == REPORT


async def test_english_transcript_has_the_same_structure(
    fake: FakeServer, start: Start, tmp_path: Path
) -> None:
    await saved(fake, start, HISTORY, tmp_path / "log.txt")
    lines = (tmp_path / "log.txt").read_text("utf-8").splitlines()
    assert lines[0] == "-----Room messages-----"
    assert lines[2] == "Room:thuhole Time:2022-12-14 23:03:07 User:Bob(nickname)BOB Text:你好"
    assert lines[-1] == "Time:2022-12-14 23:50:10 From:Bob To:Alice Text:在吗"


async def test_pages_of_several_rooms_are_merged_by_time(
    fake: FakeServer, start: Start, tmp_path: Path
) -> None:
    history = {
        "#odd": [
            message(seq, conversation="#odd", time=f"2022-12-14T04:00:{2 * seq:02}.000Z")
            for seq in range(1, 26)
        ],
        "#even": [
            message(seq, conversation="#even", time=f"2022-12-14T04:00:{2 * seq + 1:02}.000Z")
            for seq in range(1, 26)
        ],
    }
    assert await saved(fake, start, history, tmp_path / "log.txt") == 50
    lines = (tmp_path / "log.txt").read_text("utf-8").splitlines()[1:-1]
    times = [line.split("Time:")[1][:19] for line in lines]
    assert times == sorted(times)
    assert len(set(times)) == 50


async def test_export_pages_are_used_if_the_server_has_them(start: Start, tmp_path: Path) -> None:
    log = [message(seq, str(seq)) for seq in range(1, 31)]
    async with FakeServer(export=10) as fake:
        app = start()
        peer = await in_chat(fake, app, {"#lab": log})
        serving = asyncio.create_task(serve(peer, {"#lab": log}, "export", page=7))  # its texts are long
        assert await write_text(app, tmp_path / "log.txt") == 30
        serving.cancel()
    lines = (tmp_path / "log.txt").read_text("utf-8").splitlines()[1:-1]
    assert [line.rpartition(":")[2] for line in lines] == [str(seq) for seq in range(1, 31)]


async def test_progress_shows_the_total_from_the_start(
    fake: FakeServer, start: Start, tmp_path: Path
) -> None:
    async with fake:
        app = start()
        peer = await in_chat(fake, app, HISTORY)
        progress: list[tuple[int, int]] = []
        saving = asyncio.create_task(
            write_transcript(
                app.state,
                app.session,
                tmp_path / "log.txt",
                TranscriptFormat.TXT,
                lambda done, total: progress.append((done, total)),
            )
        )
        serving = asyncio.create_task(serve(peer, HISTORY))
        await saving
        serving.cancel()
        assert progress == [(0, 5)]


@pytest.mark.parametrize("shape", TranscriptFormat)
async def test_message_is_one_line_for_any_text(
    fake: FakeServer, start: Start, tmp_path: Path, shape: TranscriptFormat
) -> None:
    evil = "one\ntwo\r\nthree\u2028four\u2029five\x85six\x0bseven\x0ceight\x1cnine\x1b[2J\x9b2J"
    history = {"#lab": [message(1, evil, nickname="A\u2028B")]}
    await saved(fake, start, history, tmp_path / "log", shape=shape)
    written = (tmp_path / "log").read_text("utf-8")
    assert len(written.splitlines()) == (3 if shape is TranscriptFormat.TXT else 1)
    assert "\x1b" not in written
    assert "\x9b" not in written
    if shape is TranscriptFormat.JSONL:
        assert json.loads(written)["text"] == evil


async def test_symlink_is_replaced_and_its_target_unchanged(
    fake: FakeServer, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "log.txt").symlink_to(tmp_path / "target")
    await saved(fake, start, HISTORY, tmp_path / "log.txt")
    assert (tmp_path / "target").read_text() == "precious"
    assert not (tmp_path / "log.txt").is_symlink()
    assert (tmp_path / "log.txt").stat().st_mode & 0o777 == 0o600


async def test_target_that_is_no_regular_file_is_refused(
    fake: FakeServer, start: Start, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with fake:
        app = start()
        await in_chat(fake, app, HISTORY)
        with pytest.raises(OSError, match="Not a regular file"):
            await write_text(app, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


async def test_full_disk_keeps_the_old_file(
    fake: FakeServer, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.txt").write_text("the old one")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    async with fake:
        app = start()
        peer = await in_chat(fake, app, HISTORY)
        serving = asyncio.create_task(serve(peer, HISTORY))
        with pytest.raises(OSError, match="No space left"):
            await write_text(app, tmp_path / "log.txt")
        serving.cancel()
    assert files_in(tmp_path) == {"log.txt": "the old one"}


async def test_cancelled_save_leaves_no_file(fake: FakeServer, start: Start, tmp_path: Path) -> None:
    async with fake:
        app = start()
        peer = await in_chat(fake, app, HISTORY)
        app.lines.submit_line(f"/save {tmp_path / 'log.txt'}")
        await peer.expect("history")
        app.lines.submit_line("/save")
        app.lines.submit_line("/save stop")
        await app.lines.wait_until_finished()
        await app.context.running_save.wait()
        assert [note.key for note in app.state.notes] == ["saving_already", "save_stopped"]
    assert files_in(tmp_path) == {}


async def test_save_continues_after_a_lost_connection(fake: FakeServer, start: Start, tmp_path: Path) -> None:
    async with fake:
        app = start()
        peer = await in_chat(fake, app, {"#thuhole": HISTORY["#thuhole"]})
        saving = asyncio.create_task(write_text(app, tmp_path / "log.txt"))
        await peer.expect("history")
        peer.abort()
        peer = await fake.accept_and_welcome()
        resume = await peer.expect("resume")
        frame = {"username": "Alice", "token": "t", "rooms": [room("#thuhole", head=1)], "friends": []}
        peer.answer(resume, "session", **frame)
        serving = asyncio.create_task(serve(peer, HISTORY))
        assert await saving == 1
        serving.cancel()


def test_save_options_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_save("") == SaveRequest(Path("log.txt"), TranscriptFormat.TXT)
    assert parse_save("my log.txt") == SaveRequest(Path("my log.txt"))
    assert parse_save("--format jsonl") == SaveRequest(shape=TranscriptFormat.JSONL)
    assert parse_save("a b --format=jsonl") == SaveRequest(Path("a b"), TranscriptFormat.JSONL)
    assert parse_save("--format txt here") == SaveRequest(Path("here"))
    assert parse_save("--here --since 2022-12-15") == SaveRequest(in_current=True, since="2022-12-15")
    assert parse_save("--in #lab lab.txt --since=yesterday") == SaveRequest(
        Path("lab.txt"), conversation="#lab", since="yesterday"
    )
    assert parse_save(str(tmp_path)) == SaveRequest(tmp_path / "log.txt")


@pytest.mark.parametrize(
    "typed", ["--format", "--format pdf", "--everything", "a --since", "--here --in #lab", "x --in"]
)
def test_invalid_save_options_are_refused(typed: str) -> None:
    with pytest.raises(UsageError):
        parse_save(typed)


async def test_save_of_one_conversation_since_a_date(fake: FakeServer, start: Start, tmp_path: Path) -> None:
    log = [message(seq, conversation="#thuhole") for seq in range(1, 8)]
    async with fake:
        app = start()
        peer = await in_chat(fake, app, HISTORY | {"#thuhole": log})
        app.lines.submit_line(f"/save {tmp_path / 'log.txt'} --in thuhole --since 2026-11-22")
        asked = await peer.expect("history", conversation="#thuhole", limit=1)
        assert "at" in asked
        peer.answer(asked, "history", messages=log[4:5], more=True)
        serving = asyncio.create_task(serve(peer, {"#thuhole": log}))
        await app.lines.wait_until_finished()
        assert app.context.running_save.task is not None
        await app.context.running_save.task
        serving.cancel()
        assert [note.key for note in app.state.notes] == ["saved"]
        assert app.state.notes[-1].facts["count"] == 3
    assert (tmp_path / "log.txt").read_text("utf-8").count("number") == 3


async def test_changed_messages_are_marked_in_the_transcript(
    fake: FakeServer, start: Start, tmp_path: Path
) -> None:
    log = [
        message(1, "better", edited=message(3)["time"]),
        message(2, deleted=True) | {"text": ""},
        message(3, "better", kind="edit", target=1),
        message(4, kind="delete", target=2) | {"text": ""},
    ]
    assert await saved(fake, start, {"#lab": log}, tmp_path / "log.txt") == 2
    _, first, second, _ = (tmp_path / "log.txt").read_text("utf-8").splitlines()
    assert first.endswith("Text:better (edited)")
    assert second.endswith("Text:(deleted)")
    assert (
        await saved(FakeServer(), start, {"#lab": log}, tmp_path / "log", shape=TranscriptFormat.JSONL) == 4
    )


@pytest.mark.parametrize(
    ("line", "note_key"), [("/save --since never", "no_day"), ("/save --in nowhere", "no_conversation")]
)
async def test_save_of_unknown_date_or_conversation_is_refused(
    fake: FakeServer, start: Start, line: str, note_key: str
) -> None:
    async with fake:
        app = start()
        await in_chat(fake, app, HISTORY)
        app.lines.submit_line(line)
        await app.lines.wait_until_finished()
        assert [note.key for note in app.state.notes] == [note_key]
        assert app.context.running_save.task is None
