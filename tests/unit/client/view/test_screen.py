"""The full screen: login form, reading, switching, sizes, and the end."""

import asyncio

import pytest

from chatroom.client.model.state import ConnectionState, PendingMessage
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.client.view.screen import MAX_FAILURES
from tests.unit.client.view.fake import FakeApp, add_messages, make_member
from tests.unit.client.view.harness import ScreenHarness, history_lines, input_line, open_screen, run_steps


@pytest.mark.usefixtures("english")
class TestForm:
    def test_login_form_logs_in_with_three_fields(self, app: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_for("Log in", "127.0.0.1:7878", "User name", "Password")
            screen.type("Alice")
            screen.press("Enter")
            screen.type("111111")
            await screen.wait_for("******")
            screen.press("Enter")
            await screen.wait_for("Account: Alice", "Logged in as Alice")

        run_steps(app, steps)
        assert app.calls == [("connect", "127.0.0.1:7878"), ("login", "Alice", "111111")]

    @pytest.mark.parametrize(
        ("code", "text"), [("unknown_user", "no such user"), ("wrong_password", "wrong password")]
    )
    def test_login_error_is_shown_until_the_field_changes(self, app: FakeApp, code: str, text: str) -> None:
        async def steps(screen: ScreenHarness) -> None:
            app.refusal = Refused(code)
            screen.type("Alice\r111111\r")
            await screen.wait_for(i18n.translate(code))
            screen.type("x")
            await screen.wait_gone(i18n.translate(code))

        run_steps(app, steps)

    def test_long_form_error_wraps_between_words(self, english: None, app: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            app.refusal = Refused("bad_username", {"least": 2, "most": 10})
            screen.type("A\t1111111\r")
            await screen.wait_for("User names have 2–10 characters", "no spaces.")

        run_steps(app, steps)

    def test_registration_asks_for_the_password_twice(self, app: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("F2")
            await screen.wait_for("Confirm password")
            screen.type("Alice\r111111\r11111\r")
            await screen.wait_for(i18n.translate("mismatch"))
            screen.type("111111\r")
            await screen.wait_for("Account: Alice")

        run_steps(app, steps)
        assert app.calls[1:] == [("register", "Alice", "111111"), ("login", "Alice", "111111")]

    def test_logout_shows_the_login_form(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_for("Account: Alice")
            alice.state.username = ""
            alice.state.conversations.clear()
            alice.notes.show("logged_out")
            await screen.wait_for("Log in", i18n.translate("logged_out"))

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestReading:
    def test_new_message_does_not_move_a_scrolled_view(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.press("PageUp")
            await screen.wait_for("↓ 19 newer", "message 181")
            before = history_lines(screen)
            add_messages(alice.state, "#thuhole", "something new")
            alice.front_end.state_changed()
            await screen.wait_for("↓ 20 newer")
            assert history_lines(screen) == before
            alice.notes.show("language")
            await screen.wait_for("↓ 20 newer")
            assert history_lines(screen) == before
            screen.press("Alt-End")
            await screen.wait_for("something new")
            assert "newer" not in screen.text

        run_steps(alice, steps)

    def test_visible_messages_are_read_and_older_ones_requested(self, alice: FakeApp) -> None:
        thuhole = alice.state.conversations["#thuhole"]
        thuhole.timeline.messages = thuhole.timeline.messages[150:]
        thuhole.timeline.more, thuhole.read = True, 190

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            assert ("load_older", "#thuhole") not in alice.calls
            screen.press("PageUp", "PageUp")
            await screen.wait_until(lambda: ("load_older", "#thuhole") in alice.calls, "for older messages")

        run_steps(alice, steps)
        assert ("mark_read", "#thuhole", 200) in alice.calls

    def test_several_keys_between_two_frames_are_all_applied(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("\x1b1\x1b[5~\x1b2")  # Alt-1, PageUp, Alt-2
            await screen.wait_for("#zoo ·", "message 3")
            screen.press("Alt-1")
            await screen.wait_for("↓ 19 newer", "message 181")

        run_steps(alice, steps)

    @pytest.mark.parametrize("read", [0, 100])
    def test_alt_u_goes_to_the_first_unread_message(self, alice: FakeApp, read: int) -> None:
        alice.state.conversations["#thuhole"].read = read
        alice.state.conversations["#thuhole"].unread = 200 - read

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.press("Alt-u")
            await screen.wait_for("new messages", f"message {read + 1}")

        run_steps(alice, steps)

    def test_alt_p_goes_to_the_previous_mention(self, alice: FakeApp) -> None:
        messages = alice.state.conversations["#thuhole"].timeline.messages
        add_messages(alice.state, "#thuhole", "ALICE, look", *(f"chatter {number}" for number in range(99)))

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("chatter 98")
            screen.press("Alt-p")
            await screen.wait_for("ALICE, look")
            screen.press("Alt-p")
            await screen.wait_for(i18n.translate("view.no_mention"))

        run_steps(alice, steps)
        assert len(messages) == 300

    def test_visible_mentions_are_selected_one_after_the_other(self, alice: FakeApp) -> None:
        room = alice.state.conversations["#zoo"]
        add_messages(alice.state, "#zoo", "ALICE, one", "chatter", "ALICE, two", "chatter")

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("ALICE, one", "ALICE, two")
            for key, seq in (("Alt-p", 6), ("Alt-p", 4), ("Alt-n", 6), ("Esc", 0), ("Alt-n", 4)):
                screen.press(key)
                # mypy infers no lambda with a default.
                await screen.wait_until(lambda seq=seq: room.selected == seq, f"for the mention {seq}")  # type: ignore[misc]
            screen.press("Alt-p")
            await screen.wait_for(i18n.translate("view.no_mention"))

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestSwitching:
    def test_switcher_finds_a_conversation_by_a_few_letters(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("a draft")
            screen.press("Ctrl-G")
            await screen.wait_for(i18n.translate("switcher.prompt").strip())
            screen.type("thl")
            await screen.wait_until(lambda: "#zoo" not in screen.text, "for fewer")
            screen.press("Enter")
            await screen.wait_for("#thuhole ·")
            screen.press("Alt-0")
            await screen.wait_for("Account: Alice", "a draft")

        run_steps(alice, steps)

    def test_switcher_lists_unread_conversations_first(self, alice: FakeApp) -> None:
        zoo = alice.state.conversations["#zoo"]
        zoo.unread, zoo.mention_seqs = 3, {1}

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Ctrl-G")
            await screen.wait_for(" #zoo(@1 3)\n")
            screen.press("Enter")
            await screen.wait_for("#zoo ·")

        run_steps(alice, steps)

    def test_next_and_previous_conversation_wrap_around(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            for key, text in [
                ("F6", "#thuhole ·"),
                ("Alt-Right", "#zoo ·"),
                ("Ctrl-N", "@Bob\n"),
                ("Ctrl-N", "Account: Alice"),
                ("Ctrl-P", "@Bob\n"),
                ("Alt-Left", "#zoo ·"),
                ("F5", "#thuhole ·"),
            ]:
                screen.press(key)
                await screen.wait_for(text)

        run_steps(alice, steps)

    def test_banner_hides_nothing_and_esc_closes_it(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.type("still writing")
            alice.notes.show("room_full", error=True, room="#test_chat", members=2, capacity=2)
            await screen.wait_for("╭─", "message 200", "still writing")
            screen.press("Esc")
            await screen.wait_gone("╭─")
            assert input_line(screen) == "still writing"
            assert "#test_chat" in screen.text

        run_steps(alice, steps)

    def test_home_shows_the_end_of_a_long_answer(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_for("Account: Alice")
            screen.type("/rooms\r")
            await screen.wait_until(lambda: alice.calls != [], "for the command")
            for number in range(30):
                alice.notes.show("room_line", room=f"#room{number}", members=1, capacity=2)
            await screen.wait_for("#room29")
            screen.press("Alt-0")
            await screen.wait_for("Account: Alice")

        run_steps(alice, steps)

    def test_help_replaces_a_confirmation_but_no_error(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            alice.notes.show("entered_room", room="#lab", nickname="Alice")
            await screen.wait_for("You joined #lab as Alice.")
            screen.press("F1")
            await screen.wait_for("Ctrl-A E K U W Y")
            assert "You joined" not in screen.text
            alice.notes.show("room_full", error=True, room="#ops", members=2, capacity=2)
            await screen.wait_for("#ops is full")
            screen.press("F1")
            await screen.wait_gone("Ctrl-A E K U W Y")
            assert "#ops is full" in screen.text

        run_steps(alice, steps)

    def test_help_replaces_the_history_and_leaves_the_input(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1", "F1")
            await screen.wait_for("Ctrl-A E K U W Y", " more │ ")
            screen.type("x")
            await screen.wait_until(lambda: input_line(screen) == "x", "for the letter")
            screen.press("Alt-End")
            await screen.wait_for("/quit")
            screen.press("Esc")
            await screen.wait_for("message 200")

        run_steps(alice, steps)


@pytest.mark.usefixtures("language")
class TestSizes:
    def test_80_columns_show_the_sidebar(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("│12:00   BOB:message 1", i18n.translate("sidebar.rooms"))
            screen.press("F7")
            await screen.wait_gone(i18n.translate("sidebar.rooms") + " ")
            await screen.wait_until(lambda: screen.lines[1].startswith("────"), "for the history alone")
            screen.press("F8")
            await screen.wait_for("● Bob (BOB)")

        run_steps(alice, steps)

    def test_160_columns_show_the_members_too(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("● Alice (ALICE)", "● Bob (BOB)", "message 200")

        run_steps(alice, steps, columns=160, lines=50)

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (10, 2), (30, 5), (500, 3)])
    def test_chat_survives_any_screen_size(self, alice: FakeApp, size: tuple[int, int]) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            alice.notes.show("room_full", error=True, room="#test_chat", members=2, capacity=2)
            screen.resize(*size)
            screen.press("F1", "PageDown", "Esc", "Ctrl-G", "Esc")
            screen.resize(80, 24)
            await screen.wait_for("message 200")

        run_steps(alice, steps)

    @pytest.mark.parametrize("size", [(1, 1), (10, 2), (30, 8)])
    def test_login_form_survives_any_screen_size(self, app: FakeApp, size: tuple[int, int]) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.resize(*size)
            screen.press("F2", "Tab", "Enter")
            screen.resize(80, 24)
            await screen.wait_for(i18n.translate("form.again"))

        run_steps(app, steps)


class TestEnd:
    LEAVE_ALTERNATE_SCREEN = "\x1b[?1049l"

    def test_quit_restores_the_terminal(self, alice: FakeApp) -> None:
        screens: list[ScreenHarness] = []

        async def steps(screen: ScreenHarness) -> None:
            screens.append(screen)

        run_steps(alice, steps)
        assert self.LEAVE_ALTERNATE_SCREEN in screens[0].output

    def test_unexpected_exception_is_shown_and_the_client_continues(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            asyncio.get_running_loop().call_soon(lambda: 1 // 0)
            await screen.wait_for("ZeroDivisionError", "client.log")
            screen.type("/help")
            await screen.wait_for("> /help")

        run_steps(alice, steps, columns=160)

    def test_own_line_is_drawn_at_once_while_reconnecting(self, alice: FakeApp) -> None:
        """It does not wait for the next second of the countdown."""

        async def steps(screen: ScreenHarness) -> None:
            loop, full_screen = asyncio.get_running_loop(), screen.full_screen
            alice.state.link = ConnectionState.RECONNECTING
            full_screen._draw_now()
            countdown = full_screen._timer
            assert countdown is not None
            alice.front_end.state_changed()
            assert countdown.cancelled()
            assert full_screen._timer is not None
            assert full_screen._timer.when() < countdown.when()
            assert loop.time() < countdown.when()

        run_steps(alice, steps)

    def test_too_many_exceptions_end_the_client_and_restore_the_terminal(self, alice: FakeApp) -> None:
        screens: list[ScreenHarness] = []

        async def steps(screen: ScreenHarness) -> None:
            screens.append(screen)
            for _ in range(MAX_FAILURES + 1):
                asyncio.get_running_loop().call_soon(lambda: 1 // 0)
            await screen.wait_until(
                lambda: self.LEAVE_ALTERNATE_SCREEN in screen.output, "for the terminal to be given back"
            )

        with pytest.raises(ZeroDivisionError):
            run_steps(alice, steps)

    def test_closed_terminal_ends_the_client(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.hang_up()
            await screen.wait_until(lambda: self.LEAVE_ALTERNATE_SCREEN in screen.output, "for the end")

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
def test_f11_and_f12_scroll_the_members(alice: FakeApp) -> None:
    alice.state.conversations["#zoo"].roster = [make_member(f"user{number:02}") for number in range(60)]

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for("● user00", "↓ 41 more (F12)")
        screen.press("F12")
        await screen.wait_for("↑ 19 more (F11)", "● user19")
        screen.press("F11")
        await screen.wait_for("● user00")

    run_steps(alice, steps, columns=120)


@pytest.mark.usefixtures("english")
def test_mention_in_another_conversation_rings_the_bell(alice: FakeApp) -> None:
    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-1")
        await screen.wait_for("message 200")
        add_messages(alice.state, "#zoo", "chatter")
        alice.front_end.state_changed()
        await screen.wait_for("#zoo(1)")
        assert "\a" not in screen.output
        add_messages(alice.state, "#zoo", "ALICE, look")
        alice.state.conversations["#zoo"].mention_seqs = {1}
        alice.front_end.state_changed()
        await screen.wait_for("#zoo(@1 2)")
        assert screen.output.count("\a") == 1

    run_steps(alice, steps)


async def test_refused_message_is_shown_by_its_own_conversation_only(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        alice.state.current = "#zoo"
        for name, shown in (("#zoo", True), ("#thuhole", False)):
            assert screen.full_screen.show_refused(PendingMessage("c1", name, "hi")) is shown
