"""The login form: invitations, errors, registration and small screens."""

from pathlib import Path

import pytest

from chatroom.client.net.address import ServerAddress
from chatroom.client.net.connection import Refused
from chatroom.client.net.known_servers import Transport
from chatroom.client.storage.config import load_config
from chatroom.client.text import i18n
from chatroom.protocol.invitation import Invitation
from tests.unit.client.view.fake import FakeApp
from tests.unit.client.view.harness import open_screen

TOKEN = str(Invitation("lab.example", 99, "5f2c" * 16, "ops"))


@pytest.fixture
def app(tmp_path: Path) -> FakeApp:
    i18n.use_language("en")
    return FakeApp(tmp_path)


async def test_invitation_in_the_server_field_joins_its_room(app: FakeApp) -> None:
    async with open_screen(app, columns=120) as screen:
        screen.press("Up", "Ctrl-U")
        screen.type(f"{TOKEN}\rAlice\r111111\r")
        await screen.wait_for("Account: Alice")
    assert app.calls == [("connect", "lab.example:99"), ("login", "Alice", "111111")]
    assert app._destination == "#ops"
    assert app.requests._known_servers.allowed_transports(ServerAddress("lab.example", 99)) == [Transport.TLS]


async def test_damaged_invitation_is_reported_under_its_field(app: FakeApp) -> None:
    async with open_screen(app, columns=120) as screen:
        screen.press("Up", "Ctrl-U")
        screen.type(f"{TOKEN[:-3]}\rAlice\r111111\r")
        await screen.wait_for("The invitation is incomplete")
    assert app.calls == []


async def test_switching_forms_clears_errors_and_keeps_fields(app: FakeApp) -> None:
    async with open_screen(app) as screen:
        app.refusal = Refused("unknown_user")
        screen.type("Alice\r111111\r")
        await screen.wait_for(i18n.translate("unknown_user"))
        screen.press("F2")
        await screen.wait_for("Confirm password")
        assert i18n.translate("unknown_user") not in screen.text
        assert "Alice" in screen.text


async def test_error_replaces_the_notice(app: FakeApp) -> None:
    async with open_screen(app) as screen:
        app.notes.show("logged_out")
        await screen.wait_for(i18n.translate("logged_out"))
        app.refusal = Refused("unknown_user")
        screen.type("Alice\r111111\r")
        await screen.wait_for(i18n.translate("unknown_user"))
        assert i18n.translate("logged_out") not in screen.text


async def test_wrong_password_clears_the_field(app: FakeApp) -> None:
    async with open_screen(app) as screen:
        app.refusal = Refused("wrong_password")
        screen.type("Alice\r1234567\r")
        await screen.wait_for(i18n.translate("wrong_password"))
        assert "*" not in screen.text
        screen.type("111111\r")
        await screen.wait_for("Account: Alice")
    assert app.calls[-1] == ("login", "Alice", "111111")


async def test_pasted_field_has_no_line_end(app: FakeApp) -> None:
    async with open_screen(app) as screen:
        screen.paste("Alice\n")
        await screen.wait_for("Alice")
        screen.press("Enter")
        screen.paste("hunter22\n")
        await screen.wait_for("********")
        screen.press("Enter")
        await screen.wait_for("Account: Alice")
    assert app.calls[-1] == ("login", "Alice", "hunter22")


async def test_error_of_several_lines_is_shown_completely(app: FakeApp) -> None:
    async with open_screen(app) as screen:
        app.refusal = Refused("certificate_changed", {"server": "here", "known": "5f2c", "seen": "2c5f"})
        screen.type("Alice\r111111\r")
        await screen.wait_for("  known: sha256:5f2c\n", "  now:   sha256:2c5f\n")


class LoginFailsAfterRegistration(FakeApp):
    """The first login after the registration is refused."""

    def raise_refusal(self) -> None:
        super().raise_refusal()
        if self.calls[-1][0] == "register":
            self.refusal = Refused("unavailable")


async def test_login_failure_after_registration_does_not_register_again(app: FakeApp, tmp_path: Path) -> None:
    client = LoginFailsAfterRegistration(tmp_path)
    async with open_screen(client) as screen:
        screen.press("F2")
        await screen.wait_for("Confirm password")
        screen.type("Alice\r111111\r111111\r")
        await screen.wait_for("Log in", "can't do that right now")
        screen.press("Enter")
        await screen.wait_for("Account: Alice")
    assert [name for name, *_ in client.calls] == ["connect", "register", "login", "login"]


async def test_first_login_shows_a_hint_for_new_users(app: FakeApp) -> None:
    async with open_screen(app) as screen:
        screen.type("Alice\r111111\r")
        await screen.wait_for("New here? /create ROOM SEATS")
        app.config.save_config()
        app.state.notes.clear()
        app.state.username = ""
        app.front_end.state_changed()
        await screen.wait_for("Log in")
        screen.type("111111\r")
        await screen.wait_for("Account: Alice")
        assert "New here?" not in screen.text


@pytest.mark.parametrize("size", [(40, 10), (30, 8), (20, 6)])
async def test_form_works_on_a_small_screen(app: FakeApp, size: tuple[int, int]) -> None:
    async with open_screen(app, *size) as screen:
        await screen.wait_for("Server:", "User name:", "Password:")
        screen.press("F2")
        await screen.wait_for("Confirm password:")
        screen.type("Alice\r111111\r111111\r")
        await screen.wait_until(lambda: bool(app.state.username), "for the login")
    assert ("register", "Alice", "111111") in app.calls


async def test_key_hints_on_a_narrow_screen_are_not_divided(app: FakeApp) -> None:
    async with open_screen(app, 40, 12) as screen:
        await screen.wait_for("Enter: log in   F2: create an account\nCtrl-C: quit")
        screen.press("F2")
        await screen.wait_for("Enter: create account\nF2: back to login   Ctrl-C: quit")


async def test_error_on_a_small_screen_is_shown_completely_with_all_hints(app: FakeApp) -> None:
    async with open_screen(app, 40, 12) as screen:
        screen.press("F2")
        await screen.wait_for("Confirm password:")
        app.refusal = Refused("bad_username", {"least": 2, "most": 10})
        screen.type("A\r111111\r111111\r")
        await screen.wait_for("  User names have 2–10 characters and no", "  spaces.", "Ctrl-C: quit", "(F3)")
        screen.type("lice\t\t2\r")
        await screen.wait_for("  The passwords don't match.")
        assert "       User name: Alice" in screen.lines


async def test_fields_are_visible_on_the_smallest_screens(app: FakeApp) -> None:
    async with open_screen(app, 24, 5) as screen:
        await screen.wait_for("   Server: ", "User name:", "Password:")
        app.refusal = Refused("unknown_user", {"username": "Alice"})
        screen.type("Alice\r111111\r")
        await screen.wait_for("   Server: ", "User name: Alice\n  No such user.\n", "Password:")


async def test_chinese_labels_have_full_width_colons(app: FakeApp) -> None:
    i18n.use_language("zh")
    async with open_screen(app) as screen:
        await screen.wait_for("服务器：", "用户名：", "密码：")


async def test_password_in_environment_logs_in_without_showing_it(
    app: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_PASSWORD", "s3cret-word")
    app.config.username = "Alice"
    async with open_screen(app) as screen:
        await screen.wait_for("Account: Alice")
        assert "s3cret-word" not in screen.output
    assert app.calls == [("connect", "127.0.0.1:7878"), ("login", "Alice", "s3cret-word")]


async def test_password_in_environment_waits_for_unknown_account(
    app: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_PASSWORD", "s3cret-word")
    async with open_screen(app) as screen:
        await screen.wait_for("Log in", "***********")
        screen.type("Alice\r")
        await screen.wait_for("Account: Alice")
    assert app.calls == [("connect", "127.0.0.1:7878"), ("login", "Alice", "s3cret-word")]


async def test_choice_to_stay_logged_in_is_saved_with_login(app: FakeApp) -> None:
    async with open_screen(app) as screen:
        await screen.wait_for("[ ] Stay logged in")
        screen.press("F3")
        await screen.wait_for("[x] Stay logged in")
        assert not app.config.path.exists()
        screen.type("Alice\r111111\r")
        await screen.wait_for("Account: Alice")
    assert load_config(app.config.path).stay_logged_in == "on"
