"""Drafts are stored for the next start, for their author only, and never with a password."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from chatroom.client.app import App
from chatroom.client.core.drafts import DraftKeeper, DraftStore, holds_password
from chatroom.client.core.notes import Notes
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.model.state import ClientState
from chatroom.client.storage.files import FileNotices
from tests.unit.client.conftest import Start
from tests.unit.client.fake_front_end import front_end_of
from tests.unit.client.fake_server import FakeServer, Peer, friend, message, room
from tests.unit.client.fake_session import lab_room, log_in, wait_until


@pytest.fixture
def drafts(home: Path) -> DraftStore:
    return DraftStore(home, "Alice", "host:7878")


def test_drafts_are_loaded_by_next_client(drafts: DraftStore, home: Path) -> None:
    drafts.save_drafts({"#lab": "half a th", "@Bob": "and\nanother", "#zoo": ""})
    assert DraftStore(home, "Alice", "host:7878").load_drafts() == {
        "#lab": "half a th",
        "@Bob": "and\nanother",
    }


def test_sent_line_is_removed_from_drafts(drafts: DraftStore, home: Path) -> None:
    drafts.save_drafts({"#lab": "half a th"})
    drafts.save_drafts({"#lab": ""})
    assert DraftStore(home, "Alice", "host:7878").load_drafts() == {}


def test_another_account_and_another_server_have_their_own(drafts: DraftStore, home: Path) -> None:
    drafts.save_drafts({"#lab": "mine"})
    assert DraftStore(home, "Bob", "host:7878").load_drafts() == {}
    assert DraftStore(home, "Alice", "elsewhere:7878").load_drafts() == {}


def test_two_clients_of_one_account_keep_drafts_of_each_other(drafts: DraftStore, home: Path) -> None:
    other = DraftStore(home, "Alice", "host:7878")
    drafts.load_drafts()
    other.load_drafts()
    drafts.save_drafts({"#lab": "here", "#zoo": ""})
    other.save_drafts({"#lab": "", "#zoo": "there"})
    assert DraftStore(home, "Alice", "host:7878").load_drafts() == {"#lab": "here", "#zoo": "there"}


def test_drafts_are_readable_by_owner_only(drafts: DraftStore, home: Path) -> None:
    drafts.save_drafts({"#lab": "mine"})
    paths = [home / "drafts", *(home / "drafts").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in paths} == {0}


def test_unwritable_drafts_affect_nothing_else(home: Path) -> None:
    home.write_text("no folder")
    drafts = DraftStore(home, "Alice", "host:7878")
    assert drafts.load_drafts() == {}
    drafts.save_drafts({"#lab": "half a th"})
    os.remove(home)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("hello", False),
        ("secret1", True),
        ("oops secret1 was that", True),
        ("oops secr", True),
        ("no secret here", False),
        ("/passwd", True),
        ("/passwd old new", True),
        ("hello /passwd new", True),
        ("/me passes", False),
    ],
)
def test_line_that_may_be_a_password_is_recognised(text: str, secret: bool) -> None:
    assert holds_password(text, "secret1") is secret


async def leave(app: App, peer: Peer) -> None:
    closing = asyncio.create_task(app.close())
    peer.answer(await peer.expect("logout"), "ok")
    await closing


async def test_restarted_client_shows_the_drafts(fake: FakeServer, start: Start) -> None:
    async with fake:
        before = start()
        front_end_of(before).is_full_screen = True
        peer = await log_in(fake, before, friends=[friend()])
        for name, text in (("#lab", "half a th"), ("@Bob", "my password is secret1")):
            before.input_changed(name, text)
        await leave(before, peer)

        app = start()
        front_end_of(app).is_full_screen = True
        await log_in(fake, app, friends=[friend()])
        drafts = {chat.name: chat.draft for chat in app.state.conversations.values()}
        assert drafts == {"#lab": "half a th", "@Bob": ""}


async def test_sent_line_is_no_draft_after_a_kill(fake: FakeServer, start: Start, home: Path) -> None:
    async with fake:
        app = start()
        front_end_of(app).is_full_screen = True
        await log_in(fake, app)
        app.input_changed("#lab", "half a th")
        app.drafts.save()
        app.input_changed("#lab", "")
        assert DraftStore(home, "Alice", fake.address).load_drafts() == {}


class TestKeeper:
    """``DraftKeeper`` with a session that only has a password."""

    @pytest.fixture
    def keeper(self, state: ClientState, notes: Notes, home: Path) -> DraftKeeper:
        state.server = "host:7878"
        return DraftKeeper(state, Mock(password="secret1"), GuardedTasks(notes), home, FileNotices())

    def test_drafts_of_known_conversations_are_loaded(
        self, keeper: DraftKeeper, drafts: DraftStore, state: ClientState
    ) -> None:
        drafts.save_drafts({"#lab": "half a th", "#gone": "old"})
        keeper.open()
        assert {chat.name: chat.draft for chat in state.conversations.values()} == {"#lab": "half a th"}

    def test_draft_with_the_password_is_not_saved(self, keeper: DraftKeeper, drafts: DraftStore) -> None:
        keeper.open()
        for text, saved in (("half a th", {"#lab": "half a th"}), ("secret1", {})):
            keeper._state.conversations["#lab"].draft = text
            keeper.save()
            assert drafts.load_drafts() == saved

    async def test_emptied_draft_is_saved_at_once(self, keeper: DraftKeeper, drafts: DraftStore) -> None:
        drafts.save_drafts({"#lab": "half a th"})
        keeper.open()
        keeper.input_changed("#lab", "half")
        assert drafts.load_drafts() == {"#lab": "half a th"}
        keeper.input_changed("#lab", "")
        assert drafts.load_drafts() == {}
        await asyncio.sleep(0)  # the task of the first change begins
        keeper._tasks.close()
        await asyncio.gather(*keeper._tasks._tasks, return_exceptions=True)

    def test_closed_keeper_saves_nothing(
        self, keeper: DraftKeeper, drafts: DraftStore, state: ClientState
    ) -> None:
        keeper.open()
        keeper.close()
        state.conversations["#lab"].draft = "half a th"
        keeper.save()
        assert drafts.load_drafts() == {}


async def test_draft_that_another_client_has_sent_is_dropped(
    fake: FakeServer, start: Start, home: Path
) -> None:
    """Both clients show the draft. It is kept if the other client only deletes it."""
    async with fake:
        other = DraftStore(home, "Alice", fake.address)
        other.save_drafts({"#lab": "half a th"})
        app = start()
        front_end_of(app).is_full_screen = True
        peer = await log_in(fake, app, rooms=[room()])
        assert app.state.conversations["#lab"].draft == "half a th"
        other.save_drafts({"#lab": ""})
        assert not app.drafts.drop_sent("#lab")
        peer.send(type="message", message=message(1, "half a th", username="Alice", nickname="ALICE"))
        peer.send(type="message", message=message(2, "seen"))
        await wait_until(app, lambda: lab_room(app).head == 2)
        assert lab_room(app).draft == ""


def test_unknown_password_is_in_no_text() -> None:
    assert not holds_password("half a thought", "")
    assert holds_password("/passwd", "")


def test_shared_draft_is_claimed_once(tmp_path: Path) -> None:
    DraftStore(tmp_path, "Alice", "here").save_drafts({"#lab": "half a th"})
    first, second = (DraftStore(tmp_path, "Alice", "here") for _ in range(2))
    for store in (first, second):
        assert store.load_drafts() == {"#lab": "half a th"}
    assert first.claim_draft("#lab", "half a th")
    assert not second.claim_draft("#lab", "half a th")
    assert DraftStore(tmp_path, "Alice", "here").load_drafts() == {}


def test_same_text_typed_anew_is_another_draft(tmp_path: Path) -> None:
    first, second = (DraftStore(tmp_path, "Alice", "here") for _ in range(2))
    for store in (first, second):
        store.load_drafts()
        store.save_drafts({"#lab": "ok"})
        assert store.claim_draft("#lab", "ok")


def test_draft_that_was_only_deleted_elsewhere_is_sent(tmp_path: Path) -> None:
    first, second = (DraftStore(tmp_path, "Alice", "here") for _ in range(2))
    first.save_drafts({"#lab": "half a th"})
    second.load_drafts()
    first.save_drafts({"#lab": ""})
    assert second.claim_draft("#lab", "half a th")


def test_draft_of_an_earlier_release_is_claimed_once(tmp_path: Path) -> None:
    store = DraftStore(tmp_path, "Alice", "here")
    store.save_drafts({"#lab": "half a th"})
    with closing(sqlite3.connect(store._path, isolation_level=None)) as file:
        file.execute("INSERT OR REPLACE INTO drafts VALUES ('#lab', 'changed')")
    first, second = (DraftStore(tmp_path, "Alice", "here") for _ in range(2))
    first.load_drafts()
    second.load_drafts()
    assert [store.claim_draft("#lab", "changed") for store in (first, second)] == [True, False]
