"""The full screen: selection, commands about a message, old history, and display settings."""

import pytest

from chatroom.client.model import apply
from chatroom.client.model.state import ConnectionState
from chatroom.client.text import i18n
from chatroom.protocol.events import Typing
from tests.unit.client.view.fake import NOON, FakeApp, add_friend, add_messages, make_message
from tests.unit.client.view.harness import ScreenHarness, input_line, run_steps


@pytest.mark.usefixtures("english")
class TestSelection:
    def test_selection_moves_up_and_down_and_esc_clears_it(self, alice: FakeApp) -> None:
        lab = alice.state.conversations["#thuhole"]

        async def steps(screen: ScreenHarness) -> None:
            async def press_and_wait(*keys: str, seq: int) -> None:
                screen.press(*keys)
                await screen.wait_until(lambda: lab.selected == seq, f"for the selection of {seq}")

            screen.press("Alt-1")
            await screen.wait_for("message 200")
            await press_and_wait("Alt-Up", seq=200)
            await press_and_wait("Alt-Up", seq=199)
            await press_and_wait("Alt-Down", seq=200)
            await press_and_wait("Alt-Down", seq=0)
            await press_and_wait("Alt-Up", "Esc", seq=0)
            await press_and_wait("Alt-Up", seq=200)
            await press_and_wait("Alt-End", seq=0)

        run_steps(alice, steps)

    def test_view_follows_the_selection(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.press(*["Alt-Up"] * 25)
            await screen.wait_for("message 176")

        run_steps(alice, steps)

    def test_reply_key_begins_a_command_and_sends_nothing(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1", "Alt-Up")
            screen.type("agreed")
            screen.press("Alt-r")
            await screen.wait_until(lambda: input_line(screen) == "/reply agreed", "for the command")
            screen.press("Ctrl-C", "Alt-+")
            await screen.wait_until(lambda: input_line(screen) == "/react", "for the command")

        run_steps(alice, steps)
        assert not [name for name, *_ in alice.calls if name == "submit"]

    def test_edit_key_inserts_the_text_of_the_own_message(self, alice: FakeApp) -> None:
        mine = make_message("helo", seq=201, username="Alice", nickname="ALICE")
        alice.state.conversations["#thuhole"].timeline.messages.append(mine)

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1", "Alt-e")
            await screen.wait_until(lambda: input_line(screen) == "/edit helo", "for the text")
            screen.press("Alt-Up", "Alt-Up", "Ctrl-C", "Alt-e")
            await screen.wait_for(i18n.translate("nothing_to_change"))

        run_steps(alice, steps)

    def test_edit_key_does_not_overwrite_a_draft(self, alice: FakeApp) -> None:
        mine = make_message("helo", seq=201, username="Alice", nickname="ALICE")
        alice.state.conversations["#thuhole"].timeline.messages.append(mine)

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            screen.type("half a th")
            screen.press("Alt-e")
            await screen.wait_for(i18n.translate("view.draft_first"))
            assert input_line(screen) == "half a th"

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestTarget:
    """The target of a command is set and shown when the user begins the command."""

    @staticmethod
    def receive_private_message(app: FakeApp, name: str, text: str, *, seq: int, at: int) -> None:
        conversation = add_friend(app.state, name)
        username = name[1:]
        message = make_message(text, seq=seq, username=username, nickname=username, conversation=name, at=at)
        conversation.timeline.messages.append(message)
        app.front_end.state_changed()

    def test_reply_on_home_keeps_its_addressee(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            self.receive_private_message(alice, "@Wang", "which code?", seq=1, at=NOON)
            screen.type("/r the code")
            await screen.wait_for("Private reply to Wang", "which code?")
            self.receive_private_message(alice, "@Bob", "hello", seq=1, at=NOON + 60_000)
            screen.type(" is 99")
            await screen.wait_for("the code is 99")
            assert "Private reply to Wang" in screen.text
            screen.press("Enter")
            await screen.wait_until(lambda: alice.calls != [], "for the line")

        run_steps(alice, steps)
        assert alice.calls == [("submit", "/msg @Wang the code is 99")]

    def test_reply_on_home_without_addressee_is_refused(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.type("/r the code")
            await screen.wait_for("/r the code")
            self.receive_private_message(alice, "@Bob", "hello", seq=1, at=NOON)
            screen.press("Enter")
            await screen.wait_for(i18n.translate("nobody_to_reply_to"))

        run_steps(alice, steps)
        assert alice.calls == []

    @pytest.mark.parametrize("begin", ["/r ", "/reply ", "Alt-r"])
    def test_reply_in_a_room_goes_to_the_shown_message(self, alice: FakeApp, begin: str) -> None:
        room = alice.state.conversations["#zoo"]

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("message 3")
            screen.press(begin) if begin == "Alt-r" else screen.type(begin)
            await screen.wait_for("Reply to BOB (Bob): message 3")
            self.receive_private_message(alice, "@Bob", "hello", seq=1, at=NOON)
            add_messages(alice.state, "#zoo", "message 4")
            alice.front_end.state_changed()
            screen.type("agreed")
            await screen.wait_for("message 4", "agreed", "Reply to BOB (Bob): message 3")
            screen.press("Enter")
            await screen.wait_until(lambda: room.selected == 3, "for the target")

        run_steps(alice, steps)
        [text] = [argument for name, argument, *_ in alice.calls if name == "submit"]
        assert str(text).split() == [begin.strip() if begin != "Alt-r" else "/reply", "agreed"]

    def test_target_is_kept_when_the_conversation_is_switched(self, alice: FakeApp) -> None:
        room = alice.state.conversations["#zoo"]

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            screen.type("/react ")
            await screen.wait_for("React to BOB (Bob): message 3")
            screen.press("Alt-1")
            await screen.wait_gone("React to BOB")
            add_messages(alice.state, "#zoo", "message 4")
            screen.press("Alt-2")
            await screen.wait_for("React to BOB (Bob): message 3", "message 4")
            screen.type("x\r")
            await screen.wait_until(lambda: room.selected == 3, "for the target")

        run_steps(alice, steps)

    def test_target_follows_the_selection(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            screen.type("/react ")
            await screen.wait_for("React to BOB (Bob): message 3")
            screen.press("Alt-Up", "Alt-Up")
            await screen.wait_for("React to BOB (Bob): message 2")
            screen.press("Esc")
            await screen.wait_for("React to BOB (Bob): message 3")
            screen.press("Ctrl-C")
            await screen.wait_gone("React to BOB")

        run_steps(alice, steps)

    def test_seek_in_the_current_conversation_moves_the_view(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.full_screen.screen_state.show_message("#thuhole", 20)
            await screen.wait_for("message 20\n")

        run_steps(alice, steps)

    def test_message_that_cannot_be_shown_is_not_selected(self, alice: FakeApp) -> None:
        room = alice.state.conversations["#thuhole"]
        room.timeline.messages = room.timeline.messages[100:]
        alice.state.link = ConnectionState.RECONNECTING

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            apply.select_message(alice.state, "#thuhole", 20)
            screen.full_screen.screen_state.show_message("#thuhole", 20)
            await screen.wait_for("message 101")
            assert room.selected == 0

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestOldHistory:
    def test_alt_home_loads_old_messages_and_alt_end_returns(self, alice: FakeApp) -> None:
        lab = alice.state.conversations["#thuhole"]
        early = lab.timeline.messages[:20]
        lab.timeline.messages, lab.timeline.more = lab.timeline.messages[100:], True

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-1")
            await screen.wait_for("message 200")
            screen.press("Alt-Home")
            await screen.wait_until(lambda: ("load_around", "#thuhole", 1) in alice.calls, "for the request")
            apply.show_past_page(alice.state, "#thuhole", early)
            alice.front_end.state_changed()
            await screen.wait_for("start of the history", "message 1", " newer │ ")
            screen.press("PageDown")
            await screen.wait_for("message 20", i18n.translate("view.more_below"))
            await screen.wait_until(
                lambda: ("load_newer", "#thuhole") in alice.calls, "for the request of newer messages"
            )
            screen.press("Alt-End")
            await screen.wait_for("message 200")
            assert "newer" not in screen.text

        run_steps(alice, steps)


@pytest.mark.usefixtures("english")
class TestDisplay:
    def test_notices_and_long_messages_are_collapsed_until_alt_o(self, alice: FakeApp) -> None:
        zoo = alice.state.conversations["#zoo"]
        notices = [make_message(seq=seq, kind="enter", conversation="#zoo") for seq in range(4, 14)]
        long = make_message("\n".join(f"row {row}" for row in range(30)), seq=14, conversation="#zoo")
        zoo.timeline.messages += [*notices, long]
        zoo.head = zoo.read = 14

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("10 joined", "row 11", "18 more lines")
            screen.press("Alt-o")
            await screen.wait_for("row 29")
            screen.press("Alt-Home")
            await screen.wait_for("BOB joined")

        run_steps(alice, steps)

    def test_compact_setting_names_the_author_once(self, alice: FakeApp) -> None:
        alice.config.compact = "on"

        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("12:00   BOB:message 1", "12:00       message 2", "12:00       message 3")

        run_steps(alice, steps)

    def test_typing_is_shown_and_cleared(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            apply.apply_event(alice.state, Typing(conversation="#zoo", username="Bob", nickname="BOB"))
            alice.front_end.state_changed()
            await screen.wait_for("BOB is typing")
            alice.state.conversations["#zoo"].typing["Bob"].until = 0
            alice.front_end.state_changed()
            await screen.wait_gone("BOB is typing")

        run_steps(alice, steps)

    def test_newly_bound_key_acts_at_once(self, alice: FakeApp) -> None:
        async def steps(screen: ScreenHarness) -> None:
            screen.press("Alt-2")
            await screen.wait_for("#zoo ·")
            alice.config.keys["escape x"] = "home"
            screen.press("Alt-x")
            await screen.wait_for("Account: Alice")

        run_steps(alice, steps)
