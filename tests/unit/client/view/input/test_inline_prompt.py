"""Prompts in place of the input: hidden passwords, and yes or no."""

import asyncio
from pathlib import Path

import pytest

from chatroom.client.model.state import ConnectionState
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from tests.unit.client.view.fake import FakeApp, add_room
from tests.unit.client.view.harness import ScreenHarness, open_screen


@pytest.fixture
def alice(tmp_path: Path) -> FakeApp:
    i18n.use_language("en")
    app = FakeApp(tmp_path)
    add_room(app.state)
    app.state.username, app.state.current, app.state.link = "Alice", "#thuhole", ConnectionState.LOGGED_IN
    return app


async def open_password_prompt(screen: ScreenHarness) -> asyncio.Task[str]:
    """Type half a message, then let the client ask for a password."""
    screen.type("half a sent")
    await screen.wait_for("half a sent")
    task = asyncio.create_task(screen.app.prompts.ask_password("prompt.room_password", room="#lab"))
    await screen.wait_for("Password for #lab:")
    return task


async def test_password_is_shown_as_stars_and_the_draft_is_restored(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        task = await open_password_prompt(screen)
        screen.type("open sesame")
        await screen.wait_for("Password for #lab: ***********")
        screen.press("Enter")
        assert await task == "open sesame"
        await screen.wait_for("> half a sent")
        screen.type("ence")
        await screen.wait_for("> half a sentence")
        assert "open sesame" not in screen.output


@pytest.mark.parametrize("pasted", ["open sesame\n", "\ropen sesame\r\n", "open ses\x07ame\n"])
async def test_pasted_password_has_no_line_end(alice: FakeApp, pasted: str) -> None:
    async with open_screen(alice) as screen:
        task = await open_password_prompt(screen)
        screen.paste(pasted)
        await screen.wait_for("Password for #lab: ***********")
        screen.press("Enter")
        assert await task == "open sesame"


@pytest.mark.parametrize("keys", [["Esc"], ["Ctrl-C"], ["x", "Ctrl-U", "Enter"]])
async def test_prompt_can_be_cancelled(alice: FakeApp, keys: list[str]) -> None:
    async with open_screen(alice) as screen:
        task = await open_password_prompt(screen)
        screen.press(*keys)
        with pytest.raises(Refused, match="cancelled"):
            await task
        await screen.wait_for("> half a sent")


async def test_esc_acts_at_once_in_switcher_and_prompt(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        screen.full_screen.application.timeoutlen = 3600.0  # an hour for the rest of a sequence
        screen.press("Ctrl-G")
        await screen.wait_for("Go to:")
        screen.press("Esc")
        await screen.wait_gone("Go to:")
        task = await open_password_prompt(screen)
        screen.press("Esc")
        with pytest.raises(Refused, match="cancelled"):
            await task


async def test_other_keys_do_nothing_during_a_prompt(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        task = await open_password_prompt(screen)
        screen.press("Ctrl-G", "F1", "F6")
        screen.type("x")
        await screen.wait_for("Password for #lab: *")
        assert alice.state.current == "#thuhole"
        screen.press("Enter")
        assert await task == "x"


@pytest.mark.parametrize(
    ("typed", "is_yes"),
    [("y\r", True), ("YES\r", True), ("是\r", True), ("\r", False), ("n\r", False), ("\x1b", False)],
)
async def test_question_is_answered_with_yes_or_no(alice: FakeApp, typed: str, is_yes: bool) -> None:
    async with open_screen(alice) as screen:
        screen.type("half a sent")
        await screen.wait_for("> half a sent")
        task = asyncio.create_task(screen.app.front_end.confirm("Delete #lab? [y/N]"))
        await screen.wait_for("Delete #lab? [y/N]")
        screen.type(typed)
        assert await task is is_yes
        await screen.wait_for("> half a sent")


async def test_longer_answer_to_a_question_goes_to_the_input(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        task = asyncio.create_task(screen.app.front_end.confirm("Delete #lab? [y/N]"))
        await screen.wait_for("Delete #lab? [y/N]")
        screen.type("yes, see you all tomorrow\r")
        assert await task is False
        await screen.wait_for("> yes, see you all tomorrow")
