"""What the owner of a room and an administrator do, as a user sees it at a terminal."""

import pytest

from tests.conftest import Open, Serve
from tests.contract.test_admin import admin_output
from tests.e2e.terminal_user import TerminalUser
from tests.support.processes import Server, Wire


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve()


@pytest.fixture
def bob(server: Server) -> Wire:
    """The owner of #lab, who is in it."""
    bob = server.user("Bob")
    bob.request("create_room", room="#lab", capacity=5)
    bob.request("enter_room", room="#lab", nickname="BOB")
    return bob


def test_room_that_is_renamed_keeps_the_half_typed_line(server: Server, terminal: Open, bob: Wire) -> None:
    alice = TerminalUser(terminal, server, "Alice").register()
    alice.says("/join lab").is_told("已进入聊天室")
    alice.terminal.type("half a line")
    alice.sees("half a line")
    bob.request("set_room", room="#lab", name="#physics")
    alice.sees("BOB 将聊天室改名为 #physics", "half a line")
    alice.terminal.press("Enter")
    assert bob.message(text="half a line")["conversation"] == "#physics"
    alice.says("/room").sees("房主：Bob", "#physics · 成员 2/5 · 公开")


def test_announcement_is_shown_in_the_banner(server: Server, terminal: Open, bob: Wire) -> None:
    alice = TerminalUser(terminal, server, "Alice").register()
    admin_output(server, "announce", "Maintenance at 18:00")
    alice.is_told("公告：Maintenance at 18:00")


def test_appointed_moderator_is_marked_and_may_kick(server: Server, terminal: Open, bob: Wire) -> None:
    eve = server.user("Eve")
    eve.request("enter_room", room="#lab", nickname="EVE")
    alice = TerminalUser(terminal, server, "Alice").register()
    alice.says("/join lab").is_told("已进入聊天室")
    alice.says("/kick Eve").is_told("只有 #lab 的房主和管理员才能进行此操作")
    bob.request("add_moderator", room="#lab", username="Alice")
    alice.sees("BOB 将 Alice 设为管理员", "Alice☆", "Bob★")
    alice.says("/kick Eve")
    assert eve.event("removed")["username"] == "Alice"
