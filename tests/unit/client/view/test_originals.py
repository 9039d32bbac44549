"""From a reply to the message that it answers: by key, by click, by command."""

import pytest
from msgspec.structs import replace

from chatroom.client.model import apply
from tests.unit.client.view.fake import FakeApp, make_message
from tests.unit.client.view.harness import ScreenHarness, run_steps

ROOM = "#thuhole"
PAGE = [make_message(f"message {seq}", seq=seq, conversation=ROOM) for seq in range(1, 60)]


@pytest.fixture
def answered(alice: FakeApp, english: None) -> FakeApp:
    """Message 200 of the room answers message 20, which is far above it."""
    room = alice.state.conversations[ROOM]
    room.timeline.messages[-1] = replace(room.timeline.messages[-1], text="the answer", target=20)
    alice.state.current = ROOM
    return alice


def selected(app: FakeApp) -> int:
    return app.state.conversations[ROOM].selected


def is_chosen(screen: ScreenHarness, text: str) -> bool:
    """Whether the row with this text is in sight and begins with the mark of the selection."""
    rows = [number for number, line in enumerate(screen.lines) if line.endswith(text)]
    return any(screen.cell(row, screen.lines[row].index("│") + 1).reverse for row in rows)


def test_key_shows_the_original_of_the_reply_in_sight(answered: FakeApp) -> None:
    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("┌ BOB: message 20", "the answer")
        screen.press("Alt-j")
        await screen.wait_until(lambda: is_chosen(screen, "message 20"), "for the original")
        assert "the answer" not in screen.text
        assert selected(answered) == 20
        screen.press("Alt-j")
        await screen.wait_for("No reply here.")

    run_steps(answered, steps)


def test_key_shows_the_original_of_the_selected_reply_after_scrolling(answered: FakeApp) -> None:
    room = answered.state.conversations[ROOM]
    room.timeline.messages[99] = replace(room.timeline.messages[99], text="an earlier answer", target=30)

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("the answer")
        apply.select_message(answered.state, ROOM, 100)
        screen.press("PageUp", "PageUp", "Alt-j")
        await screen.wait_until(lambda: is_chosen(screen, "message 30"), "for the original")

    run_steps(answered, steps)


def test_original_that_is_not_loaded_is_requested(answered: FakeApp) -> None:
    room = answered.state.conversations[ROOM]
    room.timeline.messages[:] = room.timeline.messages[100:]
    room.timeline.more = True

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("┌ an earlier message")
        screen.press("Alt-j")
        await screen.wait_until(lambda: ("load_around", ROOM, 20) in answered.calls, "for the request")
        apply.show_past_page(answered.state, ROOM, PAGE)
        answered.screen.state_changed()
        await screen.wait_until(lambda: is_chosen(screen, "message 20"), "for the original")

    run_steps(answered, steps)


def test_click_on_the_quotation_shows_the_original(answered: FakeApp) -> None:
    answered.config.mouse = "on"

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("┌ BOB: message 20")
        row = next(number for number, line in enumerate(screen.lines) if "┌ BOB" in line)
        column = screen.lines[row].index("BOB")
        screen.type(f"\x1b[<0;{column + 1};{row + 1}M")
        await screen.wait_until(lambda: is_chosen(screen, "message 20"), "for the original")

    run_steps(answered, steps)
