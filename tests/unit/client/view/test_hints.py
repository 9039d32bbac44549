"""What the screen says about keys and commands is what they do; after ``/bind`` too, and on a narrow one."""

import pytest
from chatroom.client.model import apply
from chatroom.client.text import i18n
from chatroom.client.text.keys import key_of

from tests.unit.client.view.fake import FakeApp, add_messages, add_room, make_message
from tests.unit.client.view.harness import open_screen

pytestmark = pytest.mark.usefixtures("english")


def test_a_key_is_called_as_it_is_bound() -> None:
    assert key_of("unfold", {}) == "Alt-O"
    assert key_of("next_conversation", {}) == "Ctrl-N"
    assert key_of("unfold", {"escape o": "", "f9": "unfold"}) == "F9"
    assert key_of("unfold", {"escape o": ""}) == ""


async def test_a_hint_names_the_key_that_was_bound(alice: FakeApp) -> None:
    add_messages(alice.state, "#thuhole", "\n".join(f"line {number}" for number in range(40)))
    alice.config.keys = {"escape o": "", "f9": "unfold", "f1": "", "f12": "help"}
    async with open_screen(alice) as screen:
        await screen.wait_for("F12  all keys and commands", "F12 help")
        screen.press("Alt-1")
        await screen.wait_for("28 more lines (F9)")


async def test_a_hint_for_a_key_that_does_nothing_any_more_is_not_given(alice: FakeApp) -> None:
    add_messages(alice.state, "#thuhole", "\n".join(f"line {number}" for number in range(40)))
    alice.config.keys = {"escape o": "", "f1": ""}
    async with open_screen(alice) as screen:
        await screen.wait_for("Tab  completes")
        assert "all keys" not in screen.text
        screen.press("Alt-1")
        await screen.wait_for("28 more lines\n")


@pytest.mark.parametrize("columns", [80, 40, 24])
async def test_a_question_is_never_cut_off(alice: FakeApp, columns: int) -> None:
    async with open_screen(alice, columns=columns) as screen:
        screen.paste("\n".join(f"line {number}" for number in range(12)))
        await screen.wait_for("12 lines pasted", "line 11")
        said = " ".join(" ".join(line.split()) for line in screen.lines)
        assert i18n.translate("question.paste", count=12) in said


async def test_home_shows_its_lists_and_the_answer_to_the_last_command(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        for number in range(30):
            screen.type("/switch nowhere\r")
            # mypy infers no type for a lambda's default.
            await screen.wait_until(lambda many=number: len(alice.calls) > many, "for the command")  # type: ignore[misc]
            alice.note("no_conversation", error=True, name=f"nowhere{number}")
        await screen.wait_for("nowhere29", "Rooms:", "【")
        assert "nowhere28" not in screen.text


async def test_from_home_the_next_mention_is_where_it_was_made(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        screen.press("Alt-n")
        await screen.wait_for(i18n.translate("view.no_mention"))
        add_messages(alice.state, "#zoo", "ALICE, look", *(f"chatter {number}" for number in range(40)))
        alice.state.conversations["#zoo"].named = {4}
        alice.on_change()
        screen.press("Alt-n")
        await screen.wait_for("Room: zoo", "ALICE, look")


async def test_reading_on_after_a_mention_marks_what_was_seen(alice: FakeApp) -> None:
    """Coming from home leads to the first mention, so what lies below it stays unread."""
    add_messages(alice.state, "#zoo", "ALICE, look", *(f"chatter {number}" for number in range(40)))
    one_room = alice.state.conversations["#zoo"]
    one_room.named = {4}
    async with open_screen(alice) as screen:
        screen.press("Alt-n")
        await screen.wait_for("ALICE, look")
        await screen.wait_until(lambda: one_room.read > 3, "for what is in sight to be read")
        assert one_room.read < one_room.head


async def test_a_mention_that_is_not_here_yet_is_fetched_and_nothing_taken_for_read_meanwhile(
    alice: FakeApp,
) -> None:
    one_room = add_room(alice.state, "#far", says=60, first=900)
    one_room.read, one_room.unread, one_room.named = 10, 949, {20, 40}
    async with open_screen(alice) as screen:
        screen.press("Alt-n")
        await screen.wait_until(
            lambda: ("visit", "#far", 20) in alice.calls, "for the mention to be sent for"
        )
        await screen.wait_for("message 959")
        assert one_room.named == {20, 40}
        page = [
            make_message("ALICE, look" if seq == 20 else "", seq=seq, conversation="#far")
            for seq in range(9, 31)
        ]
        apply.show_past_page(alice.state, "#far", page)
        alice.on_change()
        await screen.wait_for("ALICE, look")
        assert one_room.read < 959
        screen.press("Alt-n")
        await screen.wait_until(lambda: ("visit", "#far", 40) in alice.calls, "for the next to be sent for")
