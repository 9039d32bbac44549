"""Styles of themes, the colours of the terminal, and its background."""

import os
from pathlib import Path

import pytest
from prompt_toolkit.output import ColorDepth

from chatroom.client.storage.theme_files import ThemeError, ThemeFiles
from chatroom.client.view.draw.theme import ThemeStyles, background_of, colour_depth
from tests.unit.client.view.fake import FakeApp
from tests.unit.client.view.harness import ScreenHarness, run_steps


@pytest.fixture
def files(tmp_path: Path) -> ThemeFiles:
    return ThemeFiles(tmp_path / "themes")


def write_theme(path: Path, content: str, at: int) -> None:
    path.write_text(content)
    os.utime(path, (at, at))


def test_changed_file_is_read_again_and_an_error_keeps_the_style(files: ThemeFiles) -> None:
    styles, path = ThemeStyles(files), files.make_own("dark")
    before = styles.style("dark")
    assert not styles.reload_changed("dark")
    write_theme(path, '[styles]\ntime = "ansired"', 1)
    assert styles.reload_changed("dark")
    changed = styles.style("dark")
    assert changed is not before
    assert changed.get_attrs_for_style_str("class:time").color == "ansired"
    write_theme(path, "[styles", 2)
    with pytest.raises(ThemeError):
        styles.reload_changed("dark")
    assert styles.style("dark") is changed
    assert not styles.reload_changed("dark")  # the error is raised once


def test_unreadable_theme_is_drawn_like_the_default(files: ThemeFiles) -> None:
    styles = ThemeStyles(files)
    assert styles.style("gone").get_attrs_for_style_str("class:error").color == "ansired"


def test_default_theme_follows_the_background(files: ThemeFiles) -> None:
    styles = ThemeStyles(files)
    neutral = styles.style("default")
    styles.background = "light"
    assert styles.style("default") is styles.style("light") is not neutral
    files.make_own("default")
    assert styles.style("default") is not styles.style("light")


@pytest.mark.parametrize(
    ("answer", "background"),
    [
        ("rgb:0000/0000/0000", "dark"), ("rgb:ffff/ffff/ffff", "light"), ("rgba:1e/1e/1e/ff", "dark"),
        ("rgb:fd/f6/e3", "light"), ("rgb:", ""), ("rgb:x/y/z", ""), ("#fff", ""), ("rgb://", ""),
    ],
)  # fmt: skip
def test_background_is_dark_or_light(answer: str, background: str) -> None:
    assert background_of(answer) == background


def test_colour_depth_follows_the_environment() -> None:
    assert colour_depth({"NO_COLOR": "1", "COLORTERM": "truecolor"}) is ColorDepth.DEPTH_1_BIT
    assert colour_depth({"COLORTERM": "truecolor"}) is ColorDepth.DEPTH_24_BIT
    assert colour_depth({"TERM": "tmux-256color"}) is ColorDepth.DEPTH_8_BIT
    assert colour_depth({"TERM": "xterm"}) is ColorDepth.DEPTH_4_BIT


@pytest.mark.usefixtures("english")
def test_wrong_theme_file_is_reported_on_the_screen_soon_after_it_is_saved(
    alice: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.client.view.theme_watcher.THEME_INTERVAL", 0.01)
    path = alice.config.theme_files.make_own("default")

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("Account: Alice")
        write_theme(path, '[styles]\ntime = "purpel"', 1)
        await screen.wait_for("Theme default: time: unknown word purpel")

    run_steps(alice, steps)
