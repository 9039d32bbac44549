"""A password is asked for where the input is, and nobody sees it."""

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


async def asked(screen: ScreenHarness) -> asyncio.Task[str]:
    """``/join`` has met a door with a lock, in the middle of a sentence."""
    screen.type("half a sent")
    await screen.wait_for("half a sent")
    task = asyncio.create_task(screen.app.secret("prompt.room_password", room="#lab"))
    await screen.wait_for("Password of #lab:")
    return task


async def test_stars_stand_for_what_is_typed_and_the_draft_comes_back(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        task = await asked(screen)
        screen.type("open sesame")
        await screen.wait_for("Password of #lab: ***********")
        screen.press("Enter")
        assert await task == "open sesame"
        await screen.wait_for("> half a sent")
        screen.type("ence")
        await screen.wait_for("> half a sentence")
        assert "open sesame" not in screen.output


@pytest.mark.parametrize("pasted", ["open sesame\n", "\ropen sesame\r\n", "open ses\x07ame\n"])
async def test_pasted_password_has_no_line_end(alice: FakeApp, pasted: str) -> None:
    async with open_screen(alice) as screen:
        task = await asked(screen)
        screen.paste(pasted)
        await screen.wait_for("Password of #lab: ***********")
        screen.press("Enter")
        assert await task == "open sesame"


@pytest.mark.parametrize("keys", [["Esc"], ["Ctrl-C"], ["x", "Ctrl-U", "Enter"]])
async def test_one_need_not_answer(alice: FakeApp, keys: list[str]) -> None:
    async with open_screen(alice) as screen:
        task = await asked(screen)
        screen.press(*keys)
        with pytest.raises(Refused, match="cancelled"):
            await task
        await screen.wait_for("> half a sent")


async def test_esc_acts_at_once_whatever_has_the_keyboard(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        screen.full_screen.application.timeoutlen = 3600.0  # an hour to wait for what might follow
        screen.press("Ctrl-G")
        await screen.wait_for("Go to:")
        screen.press("Esc")
        await screen.wait_gone("Go to:")
        task = await asked(screen)
        screen.press("Esc")
        with pytest.raises(Refused, match="cancelled"):
            await task


async def test_other_keys_do_nothing_meanwhile(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        task = await asked(screen)
        screen.press("Ctrl-G", "F1", "F6")
        screen.type("x")
        await screen.wait_for("Password of #lab: *")
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
        task = asyncio.create_task(screen.app.on_confirm("Delete #lab? [y/N]"))  # type: ignore[misc, arg-type]
        await screen.wait_for("Delete #lab? [y/N]")
        screen.type(typed)
        assert await task is is_yes
        await screen.wait_for("> half a sent")


async def test_line_typed_into_a_question_is_no_answer_and_not_lost(alice: FakeApp) -> None:
    async with open_screen(alice) as screen:
        task = asyncio.create_task(screen.app.on_confirm("Delete #lab? [y/N]"))  # type: ignore[misc, arg-type]
        await screen.wait_for("Delete #lab? [y/N]")
        screen.type("yes, see you all tomorrow\r")
        assert await task is False
        await screen.wait_for("> yes, see you all tomorrow")
