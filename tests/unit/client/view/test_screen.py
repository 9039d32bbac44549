"""The whole screen, as somebody sees it who sits before it."""

import asyncio

import pytest
from chatroom.client.model.state import ConnectionState
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.client.view.screen import MOST_FAILURES

from tests.unit.client.view.fake import FakeApp, arrive, seat
from tests.unit.client.view.stage import Stage, history, play, typed


@pytest.mark.usefixtures("english")
class TestForm:
    def test_one_logs_in_with_three_fields(self, app: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            await one.sees("Log in", "127.0.0.1:7878", "User name", "Password")
            one.type("Alice")
            one.press("Enter")
            one.type("111111")
            await one.sees("******")
            one.press("Enter")
            await one.sees("You are logged in as Alice", "Logged in as Alice")

        play(app, tale)
        assert app.asked == [("connect", "127.0.0.1:7878"), ("login", "Alice", "111111")]

    @pytest.mark.parametrize(
        ("code", "said"), [("unknown_user", "no such user"), ("wrong_password", "password is wrong")]
    )
    def test_what_is_wrong_is_said_and_can_be_put_right(self, app: FakeApp, code: str, said: str) -> None:
        async def tale(one: Stage) -> None:
            app.refusal = Refused(code)
            one.type("Alice\r111111\r")
            await one.sees(i18n.translate(code))
            one.type("x")
            await one.loses(i18n.translate(code))

        play(app, tale)

    def test_what_is_wrong_is_not_broken_within_a_word(self, english: None, app: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            app.refusal = Refused("bad_username", {"least": 2, "most": 10})
            one.type("A\t1111111\r")
            await one.sees("A user name has 2 to 10 characters,", " without blanks.")

        play(app, tale)

    def test_registering_asks_for_the_password_twice(self, app: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("F2")
            await one.sees("Once more")
            one.type("Alice\r111111\r11111\r")
            await one.sees(i18n.translate("mismatch"))
            one.type("111111\r")
            await one.sees("You are logged in as Alice")

        play(app, tale)
        assert app.asked[1:] == [("register", "Alice", "111111"), ("login", "Alice", "111111")]

    def test_logging_out_leads_back_to_an_empty_form(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            await one.sees("You are logged in as Alice")
            alice.state.username = ""
            alice.state.conversations.clear()
            alice.note("logged_out")
            await one.sees("Log in", i18n.translate("logged_out"))

        play(alice, tale)


@pytest.mark.usefixtures("english")
class TestReading:
    def test_a_message_arrives_while_one_reads_what_is_older(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            one.press("PageUp")
            await one.sees("-MORE(19)-", "message 181")
            before = history(one)
            arrive(alice.state, "#thuhole", "something new")
            alice.on_change()
            await one.sees("-MORE(20)-")
            assert history(one) == before
            alice.note("language")
            await one.sees("-MORE(20)-")
            assert history(one) == before
            one.press("Alt-End")
            await one.sees("something new")
            assert "-MORE" not in one.text

        play(alice, tale)

    def test_what_was_seen_is_read_and_what_is_above_is_fetched(self, alice: FakeApp) -> None:
        one_room = alice.state.conversations["#thuhole"]
        one_room.timeline.messages = one_room.timeline.messages[150:]
        one_room.timeline.more, one_room.read = True, 190

        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            assert ("load_older", "#thuhole") not in alice.asked
            one.press("PageUp", "PageUp")
            await one.until(lambda: ("load_older", "#thuhole") in alice.asked, "for older messages")

        play(alice, tale)
        assert ("viewed", "#thuhole", 200) in alice.asked

    def test_keys_may_come_faster_than_pictures(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("\x1b1\x1b[5~\x1b2")  # to the first room, a page up, on to the second
            await one.sees("Room: zoo", "message 3")
            one.press("Alt-1")
            await one.sees("-MORE(19)-", "message 181")

        play(alice, tale)

    @pytest.mark.parametrize("read", [0, 100])
    def test_the_first_unread_message_is_a_key_away(self, alice: FakeApp, read: int) -> None:
        alice.state.conversations["#thuhole"].read = read
        alice.state.conversations["#thuhole"].unread = 200 - read

        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            one.press("Alt-u")
            await one.sees("new messages", f"message {read + 1}")

        play(alice, tale)

    def test_mentions_are_found_in_both_directions(self, alice: FakeApp) -> None:
        messages = alice.state.conversations["#thuhole"].timeline.messages
        arrive(alice.state, "#thuhole", "ALICE, look", *(f"chatter {number}" for number in range(99)))

        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("chatter 98")
            one.press("Alt-p")
            await one.sees("ALICE, look")
            one.press("Alt-p")
            await one.sees(i18n.translate("view.no_mention"))

        play(alice, tale)
        assert len(messages) == 300

    def test_mentions_in_sight_are_found_one_after_the_other(self, alice: FakeApp) -> None:
        room = alice.state.conversations["#zoo"]
        arrive(alice.state, "#zoo", "ALICE, one", "chatter", "ALICE, two", "chatter")

        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            await one.sees("ALICE, one", "ALICE, two")
            for key, seq in (("Alt-p", 6), ("Alt-p", 4), ("Alt-n", 6), ("Esc", 0), ("Alt-n", 4)):
                one.press(key)
                await one.until(lambda seq=seq: room.selected == seq, f"for the mention {seq}")  # type: ignore[misc]
            one.press("Alt-p")
            await one.sees(i18n.translate("view.no_mention"))

        play(alice, tale)


@pytest.mark.usefixtures("english")
class TestGoingAround:
    def test_the_switcher_finds_by_a_few_letters(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("a draft")
            one.press("Ctrl-G")
            await one.sees(i18n.translate("switcher.prompt").strip())
            one.type("thl")
            await one.until(lambda: "#zoo" not in one.text, "for fewer")
            one.press("Enter")
            await one.sees("Room: thuhole")
            one.press("Alt-0")
            await one.sees("You are logged in as Alice", "a draft")

        play(alice, tale)

    def test_the_switcher_begins_with_what_waits(self, alice: FakeApp) -> None:
        zoo = alice.state.conversations["#zoo"]
        zoo.unread, zoo.named = 3, {1}

        async def tale(one: Stage) -> None:
            one.press("Ctrl-G")
            await one.sees(" #zoo(3!)\n")
            one.press("Enter")
            await one.sees("Room: zoo")

        play(alice, tale)

    def test_round_and_round(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            for key, sight in [
                ("F6", "Room: thuhole"),
                ("Alt-Right", "Room: zoo"),
                ("Ctrl-N", "Private chat with: Bob"),
                ("Ctrl-N", "You are logged in"),
                ("Ctrl-P", "Private chat with: Bob"),
                ("Alt-Left", "Room: zoo"),
                ("F5", "Room: thuhole"),
            ]:
                one.press(key)
                await one.sees(sight)

        play(alice, tale)

    def test_an_announcement_goes_with_esc_and_hides_nothing(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            one.type("still writing")
            alice.note("room_full", error=True, room="#test_chat", members=2, capacity=2)
            await one.sees("╭─", "message 200", "still writing")
            one.press("Esc")
            await one.loses("╭─")
            assert typed(one) == "still writing"
            assert "#test_chat" in one.text

        play(alice, tale)

    def test_home_follows_the_answer_to_a_command(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            await one.sees("You are logged in as Alice")
            one.type("/rooms\r")
            await one.until(lambda: alice.asked != [], "for the command")
            for number in range(30):
                alice.note("room_line", room=f"#room{number}", members=1, capacity=2)
            await one.sees("#room29")
            one.press("Alt-0")
            await one.sees("You are logged in as Alice")

        play(alice, tale)

    def test_help_lies_over_the_history_and_takes_no_key(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1", "F1")
            await one.sees("Ctrl-A E K U W Y")
            one.type("x")
            await one.until(lambda: typed(one) == "x", "for the letter")
            one.press("Alt-End")
            await one.sees("/quit")
            one.press("Esc")
            await one.sees("message 200")

        play(alice, tale)


@pytest.mark.usefixtures("language")
class TestSizes:
    def test_at_80_by_24_the_conversations_stand_beside_the_history(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            await one.sees("│--2022-12-15", i18n.translate("sidebar.rooms"))
            one.press("F7")
            await one.loses(i18n.translate("sidebar.rooms") + " ")
            await one.until(lambda: one.lines[1].startswith("────"), "for the history alone")
            one.press("F8")
            await one.sees("● Bob (BOB)")

        play(alice, tale)

    def test_at_160_by_50_the_members_too(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("● Alice (ALICE)", "● Bob (BOB)", "message 200")

        play(alice, tale, columns=160, lines=50)

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (10, 2), (30, 5), (500, 3)])
    def test_no_size_breaks_it(self, alice: FakeApp, size: tuple[int, int]) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            alice.note("room_full", error=True, room="#test_chat", members=2, capacity=2)
            one.resize(*size)
            one.press("F1", "PageDown", "Esc", "Ctrl-G", "Esc")
            one.resize(80, 24)
            await one.sees("message 200")

        play(alice, tale)

    @pytest.mark.parametrize("size", [(1, 1), (10, 2), (30, 8)])
    def test_the_form_neither(self, app: FakeApp, size: tuple[int, int]) -> None:
        async def tale(one: Stage) -> None:
            one.resize(*size)
            one.press("F2", "Tab", "Enter")
            one.resize(80, 24)
            await one.sees(i18n.translate("form.again"))

        play(app, tale)


class TestTheEnd:
    LEAVES = "\x1b[?1049l"
    """What brings a terminal back from the alternate screen."""

    def test_the_terminal_is_given_back(self, alice: FakeApp) -> None:
        stages: list[Stage] = []

        async def tale(one: Stage) -> None:
            stages.append(one)

        play(alice, tale)
        assert self.LEAVES in stages[0].output

    def test_unexpected_exception_is_shown_and_ends_nothing(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            asyncio.get_running_loop().call_soon(lambda: 1 // 0)
            await one.sees("ZeroDivisionError", "client.log")
            one.type("/help")
            await one.sees("> /help")

        play(alice, tale, columns=160)

    def test_own_line_is_drawn_at_once_while_reconnecting(self, alice: FakeApp) -> None:
        """The status line counts the seconds down; that picture is not waited for."""

        async def tale(one: Stage) -> None:
            loop, screen = asyncio.get_running_loop(), one.screen
            alice.state.link = ConnectionState.RECONNECTING
            screen._draw_now()
            countdown = screen._timer
            assert countdown is not None
            alice.on_change()
            assert countdown.cancelled()
            assert screen._timer is not None
            assert screen._timer.when() < countdown.when()
            assert loop.time() < countdown.when()

        play(alice, tale)

    def test_exceptions_without_end_give_the_terminal_back(self, alice: FakeApp) -> None:
        stages: list[Stage] = []

        async def tale(one: Stage) -> None:
            stages.append(one)
            for _ in range(MOST_FAILURES + 1):
                asyncio.get_running_loop().call_soon(lambda: 1 // 0)
            await one.until(lambda: self.LEAVES in one.output, "for the terminal to be given back")

        with pytest.raises(ZeroDivisionError):
            play(alice, tale)

    def test_a_terminal_that_goes_away_ends_it(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.hang_up()
            await one.until(lambda: self.LEAVES in one.output, "for the end")

        play(alice, tale)


@pytest.mark.usefixtures("english")
def test_a_key_scrolls_the_members(alice: FakeApp) -> None:
    alice.state.conversations["#zoo"].roster = [seat(f"user{number:02}") for number in range(60)]

    async def tale(one: Stage) -> None:
        one.press("Alt-2")
        await one.sees("● user00", "↓ 41 more (F12)")
        one.press("F12")
        await one.sees("↑ 19 more (F11)", "● user19")
        one.press("F11")
        await one.sees("● user00")

    play(alice, tale, columns=120)


@pytest.mark.usefixtures("english")
def test_the_bell_rings_for_what_comes_elsewhere(alice: FakeApp) -> None:
    async def tale(one: Stage) -> None:
        one.press("Alt-1")
        await one.sees("message 200")
        arrive(alice.state, "#zoo", "chatter")
        alice.on_change()
        await one.sees("#zoo(1)")
        assert "\a" not in one.output
        arrive(alice.state, "#zoo", "ALICE, look")
        alice.state.conversations["#zoo"].named = {1}
        alice.on_change()
        await one.sees("#zoo(2!)")
        assert one.output.count("\a") == 1

    play(alice, tale)
