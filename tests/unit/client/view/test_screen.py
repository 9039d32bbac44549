"""The whole screen, as somebody sees it who sits before it."""

import asyncio

import pytest
from chatroom.client.model.state import ConnectionState
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.client.view.screen import MAX_FAILURES

from tests.unit.client.view.fake import FakeApp, add_messages, make_member
from tests.unit.client.view.harness import ScreenHarness, history_lines, input_line, run_steps


@pytest.mark.usefixtures("english")
class TestForm:
    def test_one_logs_in_with_three_fields(self, app: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_for("Log in", "127.0.0.1:7878", "User name", "Password")
            screen.type("Alice")
            screen.press("Enter")
            screen.type("111111")
            await screen.wait_for("******")
            screen.press("Enter")
            await screen.wait_for("You are logged in as Alice", "Logged in as Alice")

        run_steps(app, steps)
        assert app.calls == [("connect", "127.0.0.1:7878"), ("login", "Alice", "111111")]

    @pytest.mark.parametrize(
        ("code", "said"), [("unknown_user", "no such user"), ("wrong_password", "password is wrong")]
    )
    def test_what_is_wrong_is_said_and_can_be_put_right(self, app: FakeApp, code: str, said: str) -> None:
        async def steps(screen: ScreenHarness) -> None:
            app.refusal = Refused(code)
            screen.type("Alice\r111111\r")
            await screen.wait_for(i18n.translate(code))
            screen.type("x")
            await screen.wait_gone(i18n.translate(code))

        run_steps(app, steps)

    def test_what_is_wrong_is_not_broken_within_a_word(self, english: None, app: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            app.refusal = Refused("bad_username", {"least": 2, "most": 10})
            screen.type("A\t1111111\r")
            await screen.wait_for("A user name has 2 to 10 characters,", " without blanks.")

        run_steps(app, steps)

    def test_registering_asks_for_the_password_twice(self, app: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("F2")
            await screen.wait_for("Once more")
            screen.type("Alice\r111111\r11111\r")
            await screen.wait_for(i18n.translate("mismatch"))
            screen.type("111111\r")
            await screen.wait_for("You are logged in as Alice")

        run_steps(app, steps)
        assert app.calls[1:] == [("register", "Alice", "111111"), ("login", "Alice", "111111")]

    def test_logging_out_leads_back_to_an_empty_form(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_for("You are logged in as Alice")
            alice.state.username = ""
            alice.state.conversations.clear()
            alice.note("logged_out")
            await screen.wait_for("Log in", i18n.translate("logged_out"))

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestReading:
    def test_a_message_arrives_while_one_reads_what_is_older(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.press("PageUp")
            await screen.wait_for("-MORE(19)-", "message 181")
            before = history_lines(screen)
            add_messages(alice.state, "#thuhole", "something new")
            alice.on_change()
            await screen.wait_for("-MORE(20)-")
            assert history_lines(screen) == before
            alice.note("language")
            await screen.wait_for("-MORE(20)-")
            assert history_lines(screen) == before
            screen.press("Alt-End")
            await screen.wait_for("something new")
            assert "-MORE" not in screen.text

        run_steps(alice, steps)

    def test_what_was_seen_is_read_and_what_is_above_is_fetched(self, alice: FakeApp) -> None:
        one_room = alice.state.conversations["#thuhole"]
        one_room.timeline.messages = one_room.timeline.messages[150:]
        one_room.timeline.more, one_room.read = True, 190

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            assert ("load_older", "#thuhole") not in alice.calls
            screen.press("PageUp", "PageUp")
            await screen.wait_until(lambda: ("load_older", "#thuhole") in alice.calls, "for older messages")

        run_steps(alice, steps)
        assert ("viewed", "#thuhole", 200) in alice.calls

    def test_keys_may_come_faster_than_pictures(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("\x1b1\x1b[5~\x1b2")  # to the first room, a page up, on to the second
            await screen.wait_for("Room: zoo", "message 3")
            screen.press("Alt-1")
            await screen.wait_for("-MORE(19)-", "message 181")

        run_steps(alice, steps)

    @pytest.mark.parametrize("read", [0, 100])
    def test_the_first_unread_message_is_a_key_away(self, alice: FakeApp, read: int) -> None:
        alice.state.conversations["#thuhole"].read = read
        alice.state.conversations["#thuhole"].unread = 200 - read

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.press("Alt-u")
            await screen.wait_for("new messages", f"message {read + 1}")

        run_steps(alice, steps)

    def test_mentions_are_found_in_both_directions(self, alice: FakeApp) -> None:
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

    def test_mentions_in_sight_are_found_one_after_the_other(self, alice: FakeApp) -> None:
        room = alice.state.conversations["#zoo"]
        add_messages(alice.state, "#zoo", "ALICE, one", "chatter", "ALICE, two", "chatter")

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("ALICE, one", "ALICE, two")
            for key, seq in (("Alt-p", 6), ("Alt-p", 4), ("Alt-n", 6), ("Esc", 0), ("Alt-n", 4)):
                screen.press(key)
                await screen.wait_until(lambda seq=seq: room.selected == seq, f"for the mention {seq}")  # type: ignore[misc]
            screen.press("Alt-p")
            await screen.wait_for(i18n.translate("view.no_mention"))

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestGoingAround:
    def test_the_switcher_finds_by_a_few_letters(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("a draft")
            screen.press("Ctrl-G")
            await screen.wait_for(i18n.translate("switcher.prompt").strip())
            screen.type("thl")
            await screen.wait_until(lambda: "#zoo" not in screen.text, "for fewer")
            screen.press("Enter")
            await screen.wait_for("Room: thuhole")
            screen.press("Alt-0")
            await screen.wait_for("You are logged in as Alice", "a draft")

        run_steps(alice, steps)

    def test_the_switcher_begins_with_what_waits(self, alice: FakeApp) -> None:
        zoo = alice.state.conversations["#zoo"]
        zoo.unread, zoo.named = 3, {1}

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Ctrl-G")
            await screen.wait_for(" #zoo(3!)\n")
            screen.press("Enter")
            await screen.wait_for("Room: zoo")

        run_steps(alice, steps)

    def test_round_and_round(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            for key, sight in [
                ("F6", "Room: thuhole"),
                ("Alt-Right", "Room: zoo"),
                ("Ctrl-N", "Private chat with: Bob"),
                ("Ctrl-N", "You are logged in"),
                ("Ctrl-P", "Private chat with: Bob"),
                ("Alt-Left", "Room: zoo"),
                ("F5", "Room: thuhole"),
            ]:
                screen.press(key)
                await screen.wait_for(sight)

        run_steps(alice, steps)

    def test_an_announcement_goes_with_esc_and_hides_nothing(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.type("still writing")
            alice.note("room_full", error=True, room="#test_chat", members=2, capacity=2)
            await screen.wait_for("╭─", "message 200", "still writing")
            screen.press("Esc")
            await screen.wait_gone("╭─")
            assert input_line(screen) == "still writing"
            assert "#test_chat" in screen.text

        run_steps(alice, steps)

    def test_home_follows_the_answer_to_a_command(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            await screen.wait_for("You are logged in as Alice")
            screen.type("/rooms\r")
            await screen.wait_until(lambda: alice.calls != [], "for the command")
            for number in range(30):
                alice.note("room_line", room=f"#room{number}", members=1, capacity=2)
            await screen.wait_for("#room29")
            screen.press("Alt-0")
            await screen.wait_for("You are logged in as Alice")

        run_steps(alice, steps)

    def test_help_lies_over_the_history_and_takes_no_key(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1", "F1")
            await screen.wait_for("Ctrl-A E K U W Y")
            screen.type("x")
            await screen.wait_until(lambda: input_line(screen) == "x", "for the letter")
            screen.press("Alt-End")
            await screen.wait_for("/quit")
            screen.press("Esc")
            await screen.wait_for("message 200")

        run_steps(alice, steps)


@pytest.mark.usefixtures("language")
class TestSizes:
    def test_at_80_by_24_the_conversations_stand_beside_the_history(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("│--2022-12-15", i18n.translate("sidebar.rooms"))
            screen.press("F7")
            await screen.wait_gone(i18n.translate("sidebar.rooms") + " ")
            await screen.wait_until(lambda: screen.lines[1].startswith("────"), "for the history alone")
            screen.press("F8")
            await screen.wait_for("● Bob (BOB)")

        run_steps(alice, steps)

    def test_at_160_by_50_the_members_too(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("● Alice (ALICE)", "● Bob (BOB)", "message 200")

        run_steps(alice, steps, columns=160, lines=50)

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (10, 2), (30, 5), (500, 3)])
    def test_no_size_breaks_it(self, alice: FakeApp, size: tuple[int, int]) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            alice.note("room_full", error=True, room="#test_chat", members=2, capacity=2)
            screen.resize(*size)
            screen.press("F1", "PageDown", "Esc", "Ctrl-G", "Esc")
            screen.resize(80, 24)
            await screen.wait_for("message 200")

        run_steps(alice, steps)

    @pytest.mark.parametrize("size", [(1, 1), (10, 2), (30, 8)])
    def test_the_form_neither(self, app: FakeApp, size: tuple[int, int]) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.resize(*size)
            screen.press("F2", "Tab", "Enter")
            screen.resize(80, 24)
            await screen.wait_for(i18n.translate("form.again"))

        run_steps(app, steps)


class TestTheEnd:
    LEAVES = "\x1b[?1049l"
    """What brings a terminal back from the alternate screen."""

    def test_the_terminal_is_given_back(self, alice: FakeApp) -> None:
        screens: list[ScreenHarness] = []

        async def steps(screen: ScreenHarness) -> None:
            screens.append(screen)

        run_steps(alice, steps)
        assert self.LEAVES in screens[0].output

    def test_unexpected_exception_is_shown_and_ends_nothing(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            asyncio.get_running_loop().call_soon(lambda: 1 // 0)
            await screen.wait_for("ZeroDivisionError", "client.log")
            screen.type("/help")
            await screen.wait_for("> /help")

        run_steps(alice, steps, columns=160)

    def test_own_line_is_drawn_at_once_while_reconnecting(self, alice: FakeApp) -> None:
        """The status line counts the seconds down; that picture is not waited for."""

        async def steps(screen: ScreenHarness) -> None:
            loop, full_screen = asyncio.get_running_loop(), screen.full_screen
            alice.state.link = ConnectionState.RECONNECTING
            full_screen._draw_now()
            countdown = full_screen._timer
            assert countdown is not None
            alice.on_change()
            assert countdown.cancelled()
            assert full_screen._timer is not None
            assert full_screen._timer.when() < countdown.when()
            assert loop.time() < countdown.when()

        run_steps(alice, steps)

    def test_exceptions_without_end_give_the_terminal_back(self, alice: FakeApp) -> None:
        screens: list[ScreenHarness] = []

        async def steps(screen: ScreenHarness) -> None:
            screens.append(screen)
            for _ in range(MAX_FAILURES + 1):
                asyncio.get_running_loop().call_soon(lambda: 1 // 0)
            await screen.wait_until(lambda: self.LEAVES in screen.output, "for the terminal to be given back")

        with pytest.raises(ZeroDivisionError):
            run_steps(alice, steps)

    def test_a_terminal_that_goes_away_ends_it(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.hang_up()
            await screen.wait_until(lambda: self.LEAVES in screen.output, "for the end")

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
def test_a_key_scrolls_the_members(alice: FakeApp) -> None:
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
def test_the_bell_rings_for_what_comes_elsewhere(alice: FakeApp) -> None:
    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-1")
        await screen.wait_for("message 200")
        add_messages(alice.state, "#zoo", "chatter")
        alice.on_change()
        await screen.wait_for("#zoo(1)")
        assert "\a" not in screen.output
        add_messages(alice.state, "#zoo", "ALICE, look")
        alice.state.conversations["#zoo"].named = {1}
        alice.on_change()
        await screen.wait_for("#zoo(2!)")
        assert screen.output.count("\a") == 1

    run_steps(alice, steps)
