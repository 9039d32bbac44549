"""What is half written is there again, for its author alone, and never with a password in it."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from client.app import App
from client.drafts import Drafts, is_secret
from client.model import apply
from tests.client.conftest import Start
from tests.client.fake_server import FakeServer, Peer, friend
from tests.client.test_chat import logged_in


@pytest.fixture
def drafts(home: Path) -> Drafts:
    return Drafts(home, "Alice", "host:7878")


def test_they_are_there_for_the_next_client(drafts: Drafts, home: Path) -> None:
    drafts.keep({"#lab": "half a th", "@Bob": "and\nanother", "#zoo": ""})
    assert Drafts(home, "Alice", "host:7878").load() == {"#lab": "half a th", "@Bob": "and\nanother"}


def test_what_was_said_is_no_draft_any_more(drafts: Drafts, home: Path) -> None:
    drafts.keep({"#lab": "half a th"})
    drafts.keep({"#lab": ""})
    assert Drafts(home, "Alice", "host:7878").load() == {}


def test_another_account_and_another_server_have_their_own(drafts: Drafts, home: Path) -> None:
    drafts.keep({"#lab": "mine"})
    assert Drafts(home, "Bob", "host:7878").load() == {}
    assert Drafts(home, "Alice", "elsewhere:7878").load() == {}


def test_two_clients_of_one_account_leave_each_other_what_they_have_not_touched(
    drafts: Drafts, home: Path
) -> None:
    other = Drafts(home, "Alice", "host:7878")
    drafts.load()
    other.load()
    drafts.keep({"#lab": "here", "#zoo": ""})
    other.keep({"#lab": "", "#zoo": "there"})
    assert Drafts(home, "Alice", "host:7878").load() == {"#lab": "here", "#zoo": "there"}


def test_nobody_else_may_read_them(drafts: Drafts, home: Path) -> None:
    drafts.keep({"#lab": "mine"})
    paths = [home / "drafts", *(home / "drafts").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in paths} == {0}


def test_a_disk_that_does_not_take_them_costs_nothing_else(home: Path) -> None:
    home.write_text("no folder")
    drafts = Drafts(home, "Alice", "host:7878")
    assert drafts.load() == {}
    drafts.keep({"#lab": "half a th"})
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
def test_what_may_be_a_password_is_told_apart(text: str, secret: bool) -> None:
    assert is_secret(text, "secret1") is secret


async def leave(app: App, peer: Peer) -> None:
    closing = asyncio.create_task(app.close())
    peer.answer(await peer.hear("logout"), "ok")
    await closing


async def test_a_client_that_is_started_again_has_the_drafts_of_the_one_before(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        before = start()
        before.on_screen = True
        peer = await logged_in(fake, before, friends=[friend()])
        for name, text in (("#lab", "half a th"), ("@Bob", "my password is secret1")):
            apply.drafted(before.state, name, text)
            before.composing(text)
        await leave(before, peer)

        app = start()
        app.on_screen = True
        await logged_in(fake, app, friends=[friend()])
        drafts = {one.name: one.draft for one in app.state.conversations.values()}
        assert drafts == {"#lab": "half a th", "@Bob": ""}


async def test_what_was_sent_is_no_draft_even_for_a_client_that_is_killed(
    fake: FakeServer, start: Start, home: Path
) -> None:
    async with fake:
        app = start()
        app.on_screen = True
        await logged_in(fake, app)
        apply.drafted(app.state, "#lab", "half a th")
        app._keep_drafts()
        apply.drafted(app.state, "#lab", "")
        app.composing("")
        assert Drafts(home, "Alice", fake.address).load() == {}
