"""Which account a typed name means, and that no command acts on another one."""

from typing import Any

import pytest

from chatroom.client.app import App
from tests.unit.client.commands.test_table import keys, typed
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, Peer, friend
from tests.unit.client.fake_session import lab_room, log_in
from tests.unit.client.view.fake import make_member


async def in_lab(fake: FakeServer, start: Start) -> tuple[App, Peer]:
    """Wang and Bob are accounts and friends. In #lab Carol is called "Wang Fang" and Dave is called "Bob"."""
    app = start()
    peer = await log_in(fake, app, friends=[friend("@Wang"), friend("@Bob"), friend("@Carol")])
    app.conversations.show("#lab")
    await typed(app, peer, "/friends", ({"type": "list_friends"}, "friends", {"friends": []}))
    lab_room(app).roster = [
        make_member("Alice", "ALICE"),
        make_member("Bob", "BOB2"),
        make_member("Carol", "Wang Fang"),
        make_member("Dave", "Bob"),
        make_member("Eve", "Twin"),
        make_member("Frank", "Twin"),
    ]
    app.state.notes.clear()
    return app, peer


@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ("/msg Bob hello", "@Bob, @Dave"),
        ("/msg Wang Fang hello", "@Wang, @Carol"),
        ("/query Wang Fang", "@Wang, @Carol"),
        ("/kick Bob", "@Bob, @Dave"),
        ("/ban Twin", "@Eve, @Frank"),
        ("/transfer Twin --yes", "@Eve, @Frank"),
        ("/friend Twin", "@Eve, @Frank"),
        ("/unfriend Bob", "@Bob, @Dave"),
        ("/block Bob", "@Bob, @Dave"),
        ("/ignore Bob", "@Bob, @Dave"),
        ("/invite Twin", "@Eve, @Frank"),
    ],
)
async def test_ambiguous_name_is_refused_with_the_candidates(
    fake: FakeServer, start: Start, line: str, candidates: str
) -> None:
    async with fake:
        app, _ = await in_lab(fake, start)
        app.lines.submit_line(line)
        await app.lines.wait_until_finished()
        [note] = app.state.notes
        assert (note.key, note.facts["names"]) == ("ambiguous_name", candidates)
        assert not app.state.ignored


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("/msg @Bob hello  there", {"type": "send", "to": "@Bob", "text": "hello  there"}),
        ("/msg @Wang Fang hello", {"type": "send", "to": "@Wang", "text": "Fang hello"}),
        ("/msg wang for Fang", {"type": "send", "to": "@Wang", "text": "for Fang"}),
        ("/kick Wang Fang", {"type": "kick", "username": "Carol"}),
        ("/kick @bob", {"type": "kick", "username": "Bob"}),
        ("/block Wang Fang", {"type": "block", "username": "Carol"}),
        ("/transfer Wang Fang --yes", {"type": "transfer_room", "username": "Carol"}),
    ],
)
async def test_clear_name_is_resolved_to_its_account(
    fake: FakeServer, start: Start, line: str, request_: dict[str, Any]
) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        app.lines.submit_line(line)
        await peer.expect(**request_)


async def test_nickname_with_blanks_is_an_addressee(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        del app.state.conversations["@Wang"]
        app.lines.submit_line("/msg Wang Fang for Fang")
        await peer.expect("send", to="@Carol", text="for Fang")


@pytest.mark.parametrize("line", ["/ignore ghost", "/msg ghost hello", "/msg ghost", "/ignore @ghost"])
async def test_name_that_does_not_exist_is_refused(fake: FakeServer, start: Start, line: str) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        unknown = {"code": "unknown_user", "message": "", "details": {"username": "ghost"}}
        await typed(app, peer, line, ({"type": "whois", "username": "ghost"}, "error", unknown))
        assert keys(app) == ["no_such_user"]
        assert not app.state.ignored


@pytest.mark.parametrize("line", ["/msg Alice hello", "/ignore Alice", "/msg ALICE hello"])
async def test_command_for_others_refuses_oneself(fake: FakeServer, start: Start, line: str) -> None:
    async with fake:
        app, _ = await in_lab(fake, start)
        app.lines.submit_line(line)
        await app.lines.wait_until_finished()
        assert keys(app) == ["not_yourself"]


async def test_members_are_requested_before_a_name_is_resolved(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        lab_room(app).roster = []
        app.lines.submit_line("/kick Fang")
        await peer.expect("kick", username="Fang")
        assert any(request["type"] == "list_members" for request in peer.routine_requests)
