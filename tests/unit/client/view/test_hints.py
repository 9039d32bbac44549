"""Hints name the keys as they are bound, and fit a narrow screen; mentions from the home screen."""

import pytest

from chatroom.client.model import apply
from chatroom.client.text import i18n
from chatroom.client.text.keys import key_of
from tests.unit.client.view.fake import FakeApp, add_messages, add_room, make_message
from tests.unit.client.view.harness import open_screen

pytestmark = pytest.mark.usefixtures("english")


def test_key_of_returns_the_bound_key() -> None:
    assert key_of("unfold", {}) == "Alt-O"
    assert key_of("next_conversation", {}) == "Ctrl-N"
    assert key_of("unfold", {"escape o": "", "f9": "unfold"}) == "F9"
    assert key_of("unfold", {"escape o": ""}) == ""


async def test_hint_names_the_bound_key(alice: FakeApp) -> None:
    add_messages(alice.state, "#thuhole", "\n".join(f"line {number}" for number in range(40)))
    alice.config.keys = {"escape o": "", "f9": "unfold", "f1": "", "f12": "help"}
    async with open_screen(alice) as screen:
        await screen.wait_for("F12  all keys and commands", "F12 help")
        screen.press("Alt-1")
        await screen.wait_for("28 more lines · F9 to expand")


async def test_hint_for_an_unbound_action_is_left_out(alice: FakeApp) -> None:
    add_messages(alice.state, "#thuhole", "\n".join(f"line {number}" for number in range(40)))
    alice.config.keys = {"escape o": "", "f1": ""}
    async with open_screen(alice) as screen:
        await screen.wait_for("Tab  complete")
        assert "all keys" not in screen.text
        screen.press("Alt-1")
        await screen.wait_for("28 more lines\n")


@pytest.mark.parametrize("columns", [80, 40, 24])
async def test_question_is_never_cut_off(alice: FakeApp, columns: int) -> None:
    async with open_screen(alice, columns=columns) as screen:
        screen.paste("\n".join(f"line {number}" for number in range(12)))
        await screen.wait_for("12 lines pasted", "line 11")
        text = " ".join(" ".join(line.split()) for line in screen.lines)
        assert i18n.translate("question.paste", count=12) in text


async def test_home_shows_its_lists_and_only_the_last_answer(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        for number in range(30):
            screen.type("/switch nowhere\r")
            # mypy infers no type for a lambda's default.
            # mypy infers no lambda with a default.
            await screen.wait_until(lambda many=number: len(alice.calls) > many, "for the command")  # type: ignore[misc]
            alice.notes.show("no_conversation", error=True, name=f"nowhere{number}")
        await screen.wait_for("nowhere29", "Rooms", "thuhole (2/5)")
        assert "nowhere28" not in screen.text


async def test_next_mention_on_home_opens_its_conversation(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        screen.press("Alt-n")
        await screen.wait_for(i18n.translate("view.no_mention"))
        add_messages(alice.state, "#zoo", "ALICE, look", *(f"chatter {number}" for number in range(40)))
        alice.state.conversations["#zoo"].mention_seqs = {4}
        alice.front_end.state_changed()
        screen.press("Alt-n")
        await screen.wait_for("#zoo ·", "ALICE, look")


async def test_jump_to_a_mention_marks_only_visible_messages_as_read(alice: FakeApp) -> None:
    """From the home screen the jump goes to the first mention; messages below it stay unread."""
    add_messages(alice.state, "#zoo", "ALICE, look", *(f"chatter {number}" for number in range(40)))
    room = alice.state.conversations["#zoo"]
    room.mention_seqs = {4}
    async with open_screen(alice) as screen:
        screen.press("Alt-n")
        await screen.wait_for("ALICE, look")
        await screen.wait_until(lambda: room.read > 3, "for the visible messages to be read")
        assert room.read < room.head


async def test_mention_that_is_not_loaded_is_requested_and_nothing_is_marked_as_read(
    alice: FakeApp,
) -> None:
    room = add_room(alice.state, "#far", says=60, first=900)
    room.read, room.unread, room.mention_seqs = 10, 949, {20, 40}
    async with open_screen(alice) as screen:
        screen.press("Alt-n")
        await screen.wait_until(
            lambda: ("load_around", "#far", 20) in alice.calls, "for the mention to be requested"
        )
        await screen.wait_for("message 959")
        assert room.mention_seqs == {20, 40}
        page = [
            make_message("ALICE, look" if seq == 20 else "", seq=seq, conversation="#far")
            for seq in range(9, 31)
        ]
        apply.show_past_page(alice.state, "#far", page)
        alice.front_end.state_changed()
        await screen.wait_for("ALICE, look")
        assert room.read < 959
        screen.press("Alt-n")
        await screen.wait_until(
            lambda: ("load_around", "#far", 40) in alice.calls, "for the next one to be requested"
        )
