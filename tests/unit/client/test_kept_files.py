"""Every file that the client keeps, damaged in every way: it is set aside, the user is told once, and the
client logs in.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.client.app import App
from chatroom.client.core.drafts import DraftStore
from chatroom.client.core.outbox import Outbox
from chatroom.client.model.state import ClientNote, PendingMessage
from chatroom.client.net.address import ServerAddress
from chatroom.client.net.known_servers import KnownServer, KnownServers
from chatroom.client.storage import config
from chatroom.client.storage.kept_logins import KeptLogin, KeptLogins
from tests.unit.client.conftest import FAST_RECONNECT
from tests.unit.client.fake_front_end import FakeFrontEnd
from tests.unit.client.fake_server import FakeServer
from tests.unit.client.fake_session import log_in
from tests.unit.client.line_client import Client, accept_entry, accept_login, accept_message

FOLDER = Path(__file__).parents[2]
DIGEST = "ab" * 32


def settings(home: Path, server: str) -> Path:
    settings = config.load_config(home / "client.json")
    settings.ignored = ["Bob"]
    settings.save_config("ignored")
    return home / "client.json"


def known_servers(home: Path, server: str) -> Path:
    home.mkdir(exist_ok=True)
    (home / "known_servers").write_text(f"other:7878 sha256:{DIGEST}\n")
    return home / "known_servers"


def outbox(home: Path, server: str) -> Path:
    outbox = Outbox(home, "Alice", server)
    outbox.add_message(PendingMessage("c1", "#lab", "from before"))
    outbox.close()
    [path] = home.rglob("outbox/*/*.sqlite")
    return path


def drafts(home: Path, server: str) -> Path:
    DraftStore(home, "Alice", server).save_drafts({"#lab": "half a th"})
    [path] = home.rglob("drafts/*.sqlite")
    return path


def logins(home: Path, server: str) -> Path:
    settings = config.ClientConfig(home / "client.json", stay_logged_in="on")
    KeptLogins(settings, home).keep_login("bob@other:7878", KeptLogin("id", "token"))
    return home / "logins.json"


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff\x00\xfe garbage \x80" * 400)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


def link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def other_json(path: Path) -> None:
    path.write_text("[1, 2]")


def other_types(path: Path) -> None:
    path.write_text('{"ignored": {"Bob": 1}, "keys": [], "theme": null, "attention": {"a": []}}')


def other_table(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE messages (x INT)")
        file.execute("CREATE TABLE drafts (x INT)")
    file.close()


def other_values(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA ignore_check_constraints = ON")
        table = "messages" if "outbox" in path.parts else "drafts"
        file.execute(f"UPDATE {table} SET text = x'ff'")
    file.close()


Make = Callable[[Path, str], Path]
Damage = Callable[[Path], None]

ANY: tuple[Damage, ...] = (empty, cut, garbage, folder, link_to_nowhere, pipe)
FILES: dict[Make, tuple[Damage, ...]] = {
    settings: (*ANY, other_json, other_types),
    outbox: (*ANY, other_table, other_values),
    drafts: (*ANY, other_table, other_values),
    logins: (*ANY, other_json),
}
QUIET = {(outbox, empty), (drafts, empty), (settings, link_to_nowhere), (logins, link_to_nowhere)}
"""Cases that are not damage: an empty database, no file."""

CASES = [(make, damage) for make, damages in FILES.items() for damage in damages]


def app_of(home: Path) -> tuple[App, list[ClientNote]]:
    settings = config.load_config(home / "client.json")
    trust = KnownServers(home / "known_servers", notices=settings.notices)
    front_end = FakeFrontEnd(is_full_screen=True)
    app = App(settings, trust, home, front_end, timeouts=FAST_RECONNECT)
    return app, front_end.notes


def warnings(notes: list[ClientNote]) -> list[tuple[str, dict[str, object]]]:
    return [(note.key, note.facts) for note in notes if note.warning]


@pytest.mark.parametrize(("make", "damage"), CASES, ids=lambda part: part.__name__)
async def test_damaged_file_is_renamed_and_client_logs_in(
    fake: FakeServer, home: Path, make: Make, damage: Damage
) -> None:
    async with fake:
        path = make(home, fake.address)
        damage(path)
        before = path.read_bytes() if path.is_file() else None
        app, notes = app_of(home)
        peer = await log_in(fake, app)
        app.preferences.set_attention("#lab", "all")
        asides = list(path.parent.glob(f"{path.name}.damaged-*"))
        if (make, damage) in QUIET:
            assert (warnings(notes), asides) == ([], [])
        else:
            [(key, facts)] = warnings(notes)
            aside = next(each for each in asides if not each.name.endswith(("-wal", "-shm")))
            assert (key, facts["path"], facts["aside"]) == ("file_damaged", str(path), aside.name)
            changed = before is None or before.startswith(b"SQLite")  # opening a database changes it
            assert changed or aside.read_bytes() == before
        assert config.load_config(home / "client.json").attention
        peer.abort()
        await app.close()


@pytest.mark.parametrize("damage", [garbage, folder, link_to_nowhere, pipe])
@pytest.mark.parametrize("name", ["client.json.lock", "known_servers.lock", "outbox.lock"])
async def test_damaged_lock_file_does_not_lock(
    fake: FakeServer, home: Path, name: str, damage: Damage
) -> None:
    async with fake:
        folder_of_outbox = outbox(home, fake.address).parent
        lock = (
            folder_of_outbox / name if name == "outbox.lock" else settings(home, fake.address).with_name(name)
        )
        lock.touch()
        damage(lock)
        app, notes = app_of(home)
        peer = await log_in(fake, app)
        app.preferences.set_attention("#lab", "all")
        known = app.requests._known_servers
        await asyncio.to_thread(known._save_entry, ServerAddress("host"), KnownServer(DIGEST))
        assert KnownServers(home / "known_servers").known_fingerprint(ServerAddress("host")) == DIGEST
        assert config.load_config(home / "client.json").attention
        await peer.expect("send", text="from before")
        assert warnings(notes) == []
        peer.abort()
        await app.close()


# In a separate process


@pytest.fixture
def public_home() -> Iterator[Path]:
    """A home that another user of the machine can reach: root, who runs many a test, may read anything."""
    home = Path(tempfile.mkdtemp(prefix="chatroom-home-"))
    for name in ("config/chatroom", "state/chatroom"):
        (home / name).mkdir(parents=True)
    yield home
    for path in (home, *home.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(home)


def as_user(home: Path, mode: int) -> tuple[str, ...]:
    """A command's beginning, under which nobody is root; the folders get this mode."""
    folders = [path for path in (home, *home.rglob("*")) if path.is_dir()]
    for path in sorted(folders, reverse=True):
        path.chmod(mode)
    if os.geteuid() != 0:
        return ()
    for path in (home, *home.rglob("*")):
        os.chown(path, 4711, 4711)
    return ("setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups")


async def session(fake: FakeServer, client: Client, **facts: Any) -> tuple[int, str, str]:
    """Log in, send a message and leave."""
    async with fake:
        client.arguments = ("--plain", f"Alice@{fake.address}/lab")
        running = asyncio.create_task(client.run("done"))
        peer = await accept_login(fake)
        await accept_entry(peer)
        await accept_message(peer, "done", 1)
        peer.answer(await peer.expect("logout"), "ok")
        return await running


async def test_script_with_damaged_configuration_runs(fake: FakeServer, public_home: Path) -> None:
    path = public_home / "config" / "chatroom" / "client.json"
    path.write_bytes(b"\x00" * 300)
    code, output, errors = await session(fake, Client(public_home))
    assert code == 0
    assert output.splitlines()[-1].endswith("-- ALICE:done")
    [aside] = path.parent.glob("client.json.damaged-*")
    assert aside.read_bytes() == b"\x00" * 300
    assert errors.count(aside.name) == errors.count("\n") == 1


async def test_unwritable_home_is_reported_and_messages_are_sent(fake: FakeServer, public_home: Path) -> None:
    client = Client(public_home, before=as_user(public_home, 0o500))
    code, output, errors = await session(fake, client)
    assert code == 0
    assert output.splitlines()[-1].endswith("-- ALICE:done")
    lines = errors.splitlines()
    assert sum("Messages not delivered before you quit are lost." in line for line in lines) == 1
    assert all("Permission denied" in line and str(public_home) in line for line in lines)
    assert len(lines) == len(set(lines))


async def test_unreadable_home_is_reported_and_nothing_is_sent(public_home: Path) -> None:
    """Without the file the client cannot check certificates."""
    client = Client(public_home, "--plain", "Alice@127.0.0.1:1", before=as_user(public_home, 0o000))
    code, _, errors = await client.run("")
    assert code == 1
    assert "known_servers" in errors
    assert "Traceback" not in errors


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit")
async def test_full_disk_is_reported_and_messages_are_sent(fake: FakeServer, public_home: Path) -> None:
    """No file may grow: writing fails as on a full disk."""
    code, output, errors = await session(fake, Client(public_home, before=("prlimit", "--fsize=0")))
    assert code == 0
    assert output.splitlines()[-1].endswith("-- ALICE:done")
    assert errors.count("Messages not delivered before you quit are lost.") == 1
    assert "Traceback" not in errors


async def test_unreadable_file_is_renamed(fake: FakeServer, public_home: Path) -> None:
    path = public_home / "config" / "chatroom" / "client.json"
    path.write_text("{}")
    path.chmod(0)
    code, _, errors = await session(fake, Client(public_home, before=as_user(public_home, 0o700)))
    assert code == 0
    assert errors.count("client.json.damaged-") == 1


async def test_notice_without_session_is_shown_at_the_end(public_home: Path) -> None:
    path = public_home / "config" / "chatroom" / "client.json"
    path.write_text("nonsense")
    code, _, errors = await Client(public_home, "--plain", "Alice@127.0.0.1:1").run("")
    assert code == 1
    assert errors.count("client.json.damaged-") == 1
