"""The outbox survives its process, and belongs to one process at a time."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from chatroom.client.core.outbox import Outbox
from chatroom.client.model.state import PendingMessage
from chatroom.client.storage.files import FileNotices

ROOT = Path(__file__).parents[4]

WRITE_AND_HANG = """
import sys, time
from pathlib import Path
from chatroom.client.model.state import PendingMessage
from chatroom.client.core.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]), "Alice", "host:7878")
for number in range(3):
    outbox.add_message(PendingMessage(cid=f"c{number}", conversation="#lab", text=f"line {number}"))
print("written", flush=True)
time.sleep(600)
"""


Open = Callable[..., Outbox]


@pytest.fixture
def outbox_of() -> Iterator[Open]:
    """Yield a function that opens an outbox. The outboxes are closed after the test."""
    with ExitStack() as opened:

        def open_outbox(folder: Path, username: str = "Alice", server: str = "host:7878") -> Outbox:
            outbox = Outbox(folder, username, server)
            opened.callback(_close, outbox)
            return outbox

        yield open_outbox


def _close(outbox: Outbox) -> None:
    with suppress(sqlite3.ProgrammingError):  # it is closed
        outbox.close()


def pending(cid: str, text: str = "hello") -> PendingMessage:
    return PendingMessage(cid=cid, conversation="#lab", text=text, kind="action", written_at=5)


def cids(outbox: Outbox) -> list[str]:
    return [message.cid for message in outbox.load_messages()]


def test_messages_are_loaded_unchanged_in_order(tmp_path: Path, outbox_of: Open) -> None:
    outbox = outbox_of(tmp_path)
    for cid in ("c2", "c1", "c3"):
        outbox.add_message(pending(cid))
    outbox.remove_message("c1")
    assert outbox.load_messages() == [pending("c2"), pending("c3")]


def test_outbox_of_killed_process_is_taken_over_once(tmp_path: Path, outbox_of: Open) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_AND_HANG, tmp_path], stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        beside = outbox_of(tmp_path)
        assert cids(beside) == []  # its owner still runs
        process.kill()
    heir = outbox_of(tmp_path)
    assert [message.text for message in heir.load_messages()] == ["line 0", "line 1", "line 2"]
    assert cids(outbox_of(tmp_path)) == []  # the process that took it over still runs


def test_outbox_of_closed_client_is_loaded_by_next_client(tmp_path: Path, outbox_of: Open) -> None:
    outbox = outbox_of(tmp_path)
    outbox.add_message(pending("c1"))
    outbox.close()
    assert cids(outbox_of(tmp_path)) == ["c1"]


def test_empty_outbox_leaves_no_file(tmp_path: Path, outbox_of: Open) -> None:
    outbox = outbox_of(tmp_path)
    outbox.add_message(pending("c1"))
    outbox.remove_message("c1")
    outbox.close()
    assert list(tmp_path.rglob("*.sqlite*")) == []


@pytest.mark.parametrize(("username", "server"), [("Bob", "host:7878"), ("Alice", "host:7879")])
def test_another_account_and_another_server_have_their_own(
    tmp_path: Path, outbox_of: Open, username: str, server: str
) -> None:
    outbox = outbox_of(tmp_path)
    outbox.add_message(pending("c1"))
    outbox.close()
    assert cids(outbox_of(tmp_path, username, server)) == []


def test_names_cannot_escape_from_folder(tmp_path: Path, outbox_of: Open) -> None:
    folder = tmp_path / "state"
    outbox_of(folder, "../../x", "[::1]:7878").add_message(pending("c1"))
    assert {path.name for path in tmp_path.iterdir()} == {"state"}


def test_outbox_is_readable_by_owner_only(tmp_path: Path, outbox_of: Open) -> None:
    outbox = outbox_of(tmp_path / "state")
    outbox.add_message(pending("c1"))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert any(path.suffix == ".sqlite" for path in files)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def test_unwritable_outbox_is_reported_once_and_stays_in_memory(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")
    notices, note_keys = FileNotices(), list[str]()
    notices.listen(lambda key, facts: note_keys.append(key))
    outbox = Outbox(tmp_path, "Alice", "host:7878", notices)
    for cid in ("c1", "c2", "c3"):
        outbox.add_message(pending(cid))
    outbox.remove_message("c2")
    assert cids(outbox) == ["c1", "c3"]
    assert note_keys == ["outbox_in_memory"]
    outbox.close()


def test_messages_of_full_disk_are_written_in_order_later(tmp_path: Path, outbox_of: Open) -> None:
    outbox = outbox_of(tmp_path)
    [(pages,)] = outbox._file.execute("PRAGMA max_page_count = 4")
    outbox.add_message(pending("c1", "long " * 10_000))
    outbox.add_message(pending("c2", "short"))
    assert cids(outbox) == ["c1", "c2"]
    outbox._file.execute("PRAGMA max_page_count = 1000000")
    outbox.add_message(pending("c3"))
    outbox.close()
    assert pages == 4
    assert cids(outbox_of(tmp_path)) == ["c1", "c2", "c3"]
