"""Characters that are narrow or wide, as the setting or the terminal tells."""

from collections.abc import Iterator

import pyte.screens
import pytest
from prompt_toolkit.utils import get_cwidth
from wcwidth import wcwidth

from chatroom.client.view.draw import widths
from chatroom.client.view.draw.text import clip_text, column_count, fit_text, wrap_text
from tests.unit.client.view.fake import FakeApp, add_messages
from tests.unit.client.view.harness import ScreenHarness, run_steps

WIDE = [(text, 2) for text in ("…", "─", "“", "①", "●", "я", "é")]
SAME = [("a", 1), ("中", 2), ("🎉", 2), ("e\u0301", 1), ("☎\ufe0f", 2), ("ｱ", 1)]


@pytest.fixture(autouse=True)
def narrow() -> Iterator[None]:
    yield
    widths.use_wide(False)


@pytest.fixture
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the terminal draw ambiguous characters two columns wide."""
    monkeypatch.setattr(pyte.screens, "wcwidth", _terminal_width)


def _terminal_width(character: str) -> int:
    return 2 if character in widths.ambiguous_characters() else wcwidth(character)


@pytest.mark.parametrize(("text", "columns"), [*WIDE, *SAME])
def test_all_measures_follow_the_setting(text: str, columns: int) -> None:
    narrow = column_count(text)
    assert widths.use_wide(True)
    assert not widths.use_wide(True)
    assert column_count(text) == columns
    assert column_count(f"{text}हि") == columns + column_count("हि")  # beside a complex script
    if len(text) == 1:
        assert get_cwidth(text) == columns
        assert get_cwidth(f"ab{text}") == columns + 2
    widths.use_wide(False)
    assert (column_count(text), get_cwidth(text[0])) == (narrow, max(0, wcwidth(text[0])))


@pytest.mark.parametrize("width", range(6))
def test_clipped_text_fits_when_its_mark_is_wide(width: int) -> None:
    widths.use_wide(True)
    assert column_count(clip_text("abcdefghi", width)) <= width
    assert column_count(fit_text("я" * 9, width)) == width


def test_words_of_wide_letters_are_not_divided() -> None:
    widths.use_wide(True)
    text = "слово другое"
    assert [text[span.start : span.end] for span in wrap_text(text, 14)] == ["слово", "другое"]


def are_borders_aligned(screen: ScreenHarness, mark: str) -> bool:
    """Whether the border of the sidebar is in one column of the terminal."""
    lines = screen.cells[1:-2]
    columns = [{at for at, cell in enumerate(line) if cell == mark} for line in lines]
    return bool(set.intersection(*columns))


def show_wide_texts(alice: FakeApp) -> None:
    add_messages(alice.state, "#thuhole", "до свидания… “quoted” ① ● ±", "─" * 200, "plain")
    alice.state.current = "#thuhole"


def test_setting_wide_aligns_the_screen_of_a_wide_terminal(
    alice: FakeApp, english: None, wide_terminal: None
) -> None:
    show_wide_texts(alice)
    alice.config.ambiguous_width = "wide"

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("plain")
        assert are_borders_aligned(screen, "|")
        screen.type("…я…x")
        await screen.wait_until(lambda: screen.cells[-1][8:9] == ["x"], "for the letter in its column")

    run_steps(alice, steps)


@pytest.mark.parametrize("answers", [True, False])
def test_auto_follows_the_answer_of_the_terminal(
    alice: FakeApp, english: None, request: pytest.FixtureRequest, answers: bool
) -> None:
    show_wide_texts(alice)
    if answers:
        request.getfixturevalue("wide_terminal")

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("plain")
        assert "─\x1b[6n" in screen.output
        screen.type("\x1b[2;3R" if answers else "\x1b[2;2R")
        mark = "|" if answers else "│"
        await screen.wait_until(lambda: are_borders_aligned(screen, mark), "for aligned borders")
        assert screen.cells[-1][:3] == [">", " ", "T"]  # the answer was not typed

    run_steps(alice, steps)


@pytest.mark.parametrize("setting", ["narrow", "wide"])
def test_terminal_is_not_asked_with_a_fixed_width(
    alice: FakeApp, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    alice.config.ambiguous_width = setting

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_until(lambda: bool(screen.output), "for a frame")
        assert "\x1b[6n" not in screen.output

    run_steps(alice, steps)
