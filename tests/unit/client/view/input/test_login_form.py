"""The form before there is a session: where it leads from an address, an invitation, a slip."""

from pathlib import Path

import pytest
from chatroom.client.net.address import ServerAddress
from chatroom.client.net.connection import Refused
from chatroom.client.net.known_servers import Transport
from chatroom.client.text import i18n
from chatroom.protocol.invitation import Invitation

from tests.unit.client.view.fake import FakeApp
from tests.unit.client.view.stage import stage

TOKEN = str(Invitation("lab.example", 99, "5f2c" * 16, "ops"))


@pytest.fixture
def app(tmp_path: Path) -> FakeApp:
    i18n.use_language("en")
    return FakeApp(tmp_path)


async def test_an_invitation_in_the_servers_place_leads_into_the_room(app: FakeApp) -> None:
    async with stage(app, columns=120) as one:
        one.press("Up", "Ctrl-U")
        one.type(f"{TOKEN}\rAlice\r111111\r")
        await one.sees("You are logged in as Alice")
    assert app.asked == [("connect", "lab.example:99"), ("login", "Alice", "111111")]
    assert app._destination == "#ops"
    assert app._trust.allowed_transports(ServerAddress("lab.example", 99)) == [Transport.TLS]


async def test_a_damaged_invitation_is_told_where_it_stands(app: FakeApp) -> None:
    async with stage(app, columns=120) as one:
        one.press("Up", "Ctrl-U")
        one.type(f"{TOKEN[:-3]}\rAlice\r111111\r")
        await one.sees("This invitation is not whole")
    assert app.asked == []


async def test_what_was_wrong_on_one_form_is_not_said_on_the_other(app: FakeApp) -> None:
    async with stage(app) as one:
        app.refusal = Refused("unknown_user")
        one.type("Alice\r111111\r")
        await one.sees(i18n.translate("unknown_user"))
        one.press("F2")
        await one.sees("Once more")
        assert i18n.translate("unknown_user") not in one.text
        assert "Alice" in one.text


async def test_what_was_said_before_goes_when_something_is_wrong(app: FakeApp) -> None:
    async with stage(app) as one:
        app.note("logged_out")
        await one.sees(i18n.translate("logged_out"))
        app.refusal = Refused("unknown_user")
        one.type("Alice\r111111\r")
        await one.sees(i18n.translate("unknown_user"))
        assert i18n.translate("logged_out") not in one.text


async def test_a_password_that_was_wrong_is_typed_anew(app: FakeApp) -> None:
    async with stage(app) as one:
        app.refusal = Refused("wrong_password")
        one.type("Alice\r1234567\r")
        await one.sees(i18n.translate("wrong_password"))
        assert "*" not in one.text
        one.type("111111\r")
        await one.sees("You are logged in as Alice")
    assert app.asked[-1] == ("login", "Alice", "111111")


async def test_pasted_fields_have_no_line_ends(app: FakeApp) -> None:
    async with stage(app) as one:
        one.paste("Alice\n")
        await one.sees("Alice")
        one.press("Enter")
        one.paste("hunter22\n")
        await one.sees("********")
        one.press("Enter")
        await one.sees("You are logged in as Alice")
    assert app.asked[-1] == ("login", "Alice", "hunter22")


async def test_what_takes_several_lines_stands_on_several(app: FakeApp) -> None:
    async with stage(app) as one:
        app.refusal = Refused("certificate_changed", {"server": "here", "known": "5f2c", "seen": "2c5f"})
        one.type("Alice\r111111\r")
        await one.sees("  known: sha256:5f2c\n", "  now:   sha256:2c5f\n")


class Unlucky(FakeApp):
    """The account is made, and then the server has no time for the first login."""

    async def register(self, username: str, password: str) -> None:
        await super().register(username, password)
        self.refusal = Refused("unavailable")


async def test_an_account_that_was_made_is_not_made_twice(app: FakeApp, tmp_path: Path) -> None:
    unlucky = Unlucky(tmp_path)
    async with stage(unlucky) as one:
        one.press("F2")
        await one.sees("Once more")
        one.type("Alice\r111111\r111111\r")
        await one.sees("Log in", "cannot do that right now")
        one.press("Enter")
        await one.sees("You are logged in as Alice")
    assert [asked[0] for asked in unlucky.asked] == ["connect", "register", "login", "login"]


async def test_whoever_is_here_for_the_first_time_is_told_what_to_press(app: FakeApp) -> None:
    async with stage(app) as one:
        one.type("Alice\r111111\r")
        await one.sees("New here? /create ROOM CAPACITY")
        app.config.save_config()
        app.state.notes.clear()
        app.state.username = ""
        app.on_change()
        await one.sees("Log in")
        one.type("111111\r")
        await one.sees("You are logged in as Alice")
        assert "New here?" not in one.text


@pytest.mark.parametrize("size", [(40, 10), (30, 8), (20, 6)])
async def test_a_small_form_is_a_form(app: FakeApp, size: tuple[int, int]) -> None:
    async with stage(app, *size) as one:
        await one.sees("Server:", "User name:", "Password:")
        one.press("F2")
        await one.sees("Once more:")
        one.type("Alice\r111111\r111111\r")
        await one.until(lambda: bool(app.state.username), "for the login")
    assert ("register", "Alice", "111111") in app.asked
