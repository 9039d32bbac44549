"""The whole screen again: what is done to one message, far back in the history, and for comfort."""

import pytest
from chatroom.client.model import apply
from chatroom.client.model.state import ConnectionState
from chatroom.client.text import i18n
from chatroom.protocol.events import Typing

from tests.unit.client.view.fake import NOON, FakeApp, arrive, friend, message
from tests.unit.client.view.stage import Stage, play, typed


@pytest.mark.usefixtures("english")
class TestOneMessage:
    """Selected by keys, and what is then written down about it."""

    def test_the_mark_goes_up_and_down_and_esc_takes_it_away(self, alice: FakeApp) -> None:
        lab = alice.state.conversations["#thuhole"]

        async def tale(one: Stage) -> None:
            async def marks(*keys: str, seq: int) -> None:
                one.press(*keys)
                await one.until(lambda: lab.selected == seq, f"for the mark at {seq}")

            one.press("Alt-1")
            await one.sees("message 200")
            await marks("Alt-Up", seq=200)
            await marks("Alt-Up", seq=199)
            await marks("Alt-Down", seq=200)
            await marks("Alt-Down", seq=0)
            await marks("Alt-Up", "Esc", seq=0)
            await marks("Alt-Up", seq=200)
            await marks("Alt-End", seq=0)

        play(alice, tale)

    def test_the_view_follows_the_mark(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            one.press(*["Alt-Up"] * 25)
            await one.sees("message 176")

        play(alice, tale)

    def test_a_key_writes_the_command_down_and_sends_nothing(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1", "Alt-Up")
            one.type("agreed")
            one.press("Alt-r")
            await one.until(lambda: typed(one) == "/reply agreed", "for the command")
            one.press("Ctrl-C", "Alt-+")
            await one.until(lambda: typed(one) == "/react", "for the command")

        play(alice, tale)
        assert not [what for what, *_ in alice.asked if what == "submit"]

    def test_editing_begins_with_what_i_said(self, alice: FakeApp) -> None:
        mine = message("helo", seq=201, username="Alice", nickname="ALICE")
        alice.state.conversations["#thuhole"].timeline.messages.append(mine)

        async def tale(one: Stage) -> None:
            one.press("Alt-1", "Alt-e")
            await one.until(lambda: typed(one) == "/edit helo", "for the text")
            one.press("Alt-Up", "Alt-Up", "Ctrl-C", "Alt-e")
            await one.sees(i18n.translate("nothing_to_change"))

        play(alice, tale)

    def test_a_draft_is_not_overwritten(self, alice: FakeApp) -> None:
        mine = message("helo", seq=201, username="Alice", nickname="ALICE")
        alice.state.conversations["#thuhole"].timeline.messages.append(mine)

        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            one.type("half a th")
            one.press("Alt-e")
            await one.sees(i18n.translate("view.draft_first"))
            assert typed(one) == "half a th"

        play(alice, tale)


@pytest.mark.usefixtures("english")
class TestTarget:
    """The message that a command is about is fixed and shown when the command begins."""

    @staticmethod
    def write_in_private(app: FakeApp, name: str, text: str, *, seq: int, at: int) -> None:
        conversation = friend(app.state, name)
        username = name[1:]
        said = message(text, seq=seq, username=username, nickname=username, conversation=name, at=at)
        conversation.timeline.messages.append(said)
        app.on_change()

    def test_reply_at_home_keeps_its_addressee(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            self.write_in_private(alice, "@Wang", "which code?", seq=1, at=NOON)
            one.type("/r the code")
            await one.sees("Private message to Wang", "which code?")
            self.write_in_private(alice, "@Bob", "hello", seq=1, at=NOON + 60_000)
            one.type(" is 99")
            await one.sees("the code is 99")
            assert "Private message to Wang" in one.text
            one.press("Enter")
            await one.until(lambda: alice.asked != [], "for the line")

        play(alice, tale)
        assert alice.asked == [("submit", "/msg @Wang the code is 99")]

    def test_reply_at_home_to_nobody_does_not_find_an_addressee_later(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.type("/r the code")
            await one.sees("/r the code")
            self.write_in_private(alice, "@Bob", "hello", seq=1, at=NOON)
            one.press("Enter")
            await one.sees(i18n.translate("nobody_to_reply_to"))

        play(alice, tale)
        assert alice.asked == []

    @pytest.mark.parametrize("begin", ["/r ", "/reply ", "Alt-r"])
    def test_reply_in_a_room_is_to_the_message_that_was_shown(self, alice: FakeApp, begin: str) -> None:
        room = alice.state.conversations["#zoo"]

        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            await one.sees("message 3")
            one.press(begin) if begin == "Alt-r" else one.type(begin)
            await one.sees("Reply to BOB (Bob): message 3")
            self.write_in_private(alice, "@Bob", "hello", seq=1, at=NOON)
            arrive(alice.state, "#zoo", "message 4")
            alice.on_change()
            one.type("agreed")
            await one.sees("message 4", "agreed", "Reply to BOB (Bob): message 3")
            one.press("Enter")
            await one.until(lambda: room.selected == 3, "for the target")

        play(alice, tale)
        [text] = [what for kind, what, *_ in alice.asked if kind == "submit"]
        assert str(text).split() == [begin.strip() if begin != "Alt-r" else "/reply", "agreed"]

    def test_target_stays_over_a_switch_of_the_conversation(self, alice: FakeApp) -> None:
        room = alice.state.conversations["#zoo"]

        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            one.type("/react ")
            await one.sees("React to BOB (Bob): message 3")
            one.press("Alt-1")
            await one.loses("React to BOB")
            arrive(alice.state, "#zoo", "message 4")
            one.press("Alt-2")
            await one.sees("React to BOB (Bob): message 3", "message 4")
            one.type("x\r")
            await one.until(lambda: room.selected == 3, "for the target")

        play(alice, tale)

    def test_target_follows_the_selection(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            one.type("/react ")
            await one.sees("React to BOB (Bob): message 3")
            one.press("Alt-Up", "Alt-Up")
            await one.sees("React to BOB (Bob): message 2")
            one.press("Esc")
            await one.sees("React to BOB (Bob): message 3")
            one.press("Ctrl-C")
            await one.loses("React to BOB")

        play(alice, tale)

    def test_seek_in_the_current_conversation_moves_the_view(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            one.screen.desk.show_message("#thuhole", 20)
            await one.sees("message 20\n")

        play(alice, tale)

    def test_message_that_cannot_be_shown_is_not_selected(self, alice: FakeApp) -> None:
        room = alice.state.conversations["#thuhole"]
        room.timeline.messages = room.timeline.messages[100:]
        alice.state.link = ConnectionState.RECONNECTING

        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            apply.select_message(alice.state, "#thuhole", 20)
            one.screen.desk.show_message("#thuhole", 20)
            await one.sees("message 101")
            assert room.selected == 0

        play(alice, tale)


@pytest.mark.usefixtures("english")
class TestFarBack:
    def test_what_is_sought_is_fetched_and_the_end_is_a_key_away(self, alice: FakeApp) -> None:
        lab = alice.state.conversations["#thuhole"]
        early = lab.timeline.messages[:20]
        lab.timeline.messages, lab.timeline.more = lab.timeline.messages[100:], True

        async def tale(one: Stage) -> None:
            one.press("Alt-1")
            await one.sees("message 200")
            one.press("Alt-Home")
            await one.until(lambda: ("visit", "#thuhole", 1) in alice.asked, "for the question")
            apply.show_past_page(alice.state, "#thuhole", early)
            alice.on_change()
            await one.sees("the beginning", "message 1", "-MORE(")
            one.press("PageDown")
            await one.sees("message 20", i18n.translate("view.more_below"))
            await one.until(lambda: ("load_newer", "#thuhole") in alice.asked, "for what is newer")
            one.press("Alt-End")
            await one.sees("message 200")
            assert "-MORE" not in one.text

        play(alice, tale)


@pytest.mark.usefixtures("english")
class TestComfort:
    def test_crowds_and_tall_messages_are_folded_until_a_key_opens_them(self, alice: FakeApp) -> None:
        zoo = alice.state.conversations["#zoo"]
        crowd = [message(seq=seq, kind="enter", conversation="#zoo") for seq in range(4, 14)]
        tall = message("\n".join(f"row {row}" for row in range(30)), seq=14, conversation="#zoo")
        zoo.timeline.messages += [*crowd, tall]
        zoo.head = zoo.read = 14

        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            await one.sees("10 entries", "row 11", "18 more lines")
            one.press("Alt-o")
            await one.sees("row 29")
            one.press("Alt-Home")
            await one.sees("entered the room")

        play(alice, tale)

    def test_compact_names_a_speaker_once(self, alice: FakeApp) -> None:
        alice.config.compact = "on"

        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            await one.sees("-- BOB:message 1", "    message 2", "    message 3")

        play(alice, tale)

    def test_who_is_writing_is_told_and_forgotten(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            apply.apply_event(alice.state, Typing(conversation="#zoo", username="Bob", nickname="BOB"))
            alice.on_change()
            await one.sees("BOB is typing")
            alice.state.conversations["#zoo"].typing["Bob"].until = 0
            alice.on_change()
            await one.loses("BOB is typing")

        play(alice, tale)

    def test_a_key_that_is_bound_anew_does_it_at_once(self, alice: FakeApp) -> None:
        async def tale(one: Stage) -> None:
            one.press("Alt-2")
            await one.sees("Room: zoo")
            alice.config.keys["escape x"] = "home"
            one.press("Alt-x")
            await one.sees("You are logged in as Alice")

        play(alice, tale)
