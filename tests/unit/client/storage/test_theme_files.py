"""The files of themes: shipped ones, the user's own, and wrong ones."""

from pathlib import Path

import pytest

from chatroom.client.storage.theme_files import (
    MAX_FILE_BYTES,
    SHIPPED_THEMES,
    STYLE_ATTRIBUTES,
    ThemeError,
    ThemeFiles,
    read_theme,
)


@pytest.fixture
def files(tmp_path: Path) -> ThemeFiles:
    return ThemeFiles(tmp_path / "themes")


@pytest.mark.parametrize("name", SHIPPED_THEMES)
def test_shipped_theme_has_different_colours_and_no_red_names(files: ThemeFiles, name: str) -> None:
    theme = files.read(name)
    marked = [theme.styles[style].split()[0] for style in ("error", "mention", "unread")]
    names = {value.split()[0] for value in theme.nicknames}
    assert len({*marked, *names}) == len(marked) + len(names)
    assert not any("red" in colour for colour in names)


def test_meanings_differ_without_colours() -> None:
    styles = [STYLE_ATTRIBUTES[style] for style in ("error", "mention", "unread", "me", "text")]
    assert len(set(styles)) == len(styles)
    assert STYLE_ATTRIBUTES["banner"] != STYLE_ATTRIBUTES["banner.error"]


def test_own_file_comes_before_the_shipped_one(files: ThemeFiles) -> None:
    path = files.make_own("dark")
    assert files.read("dark").nicknames == read_theme(path).nicknames
    path.write_text('nicknames = ["ansiblue"]\n[styles]\nbanner.error = "#ff0000 bold"\n')
    assert files.read("dark") == ({"banner.error": "#ff0000 bold"}, ["ansiblue"])
    assert files.make_own("dark") == path  # which is not overwritten
    assert files.read("dark").nicknames == ["ansiblue"]
    (path.parent / "mine.toml").touch()
    (path.parent / "No Name!.toml").touch()
    assert files.names() == [*SHIPPED_THEMES, "mine"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[styles", "Expected"),
        ("styles = 5", "table"),
        ('[styles]\nmentoin = "bold"', "unknown style mentoin"),
        ('[styles]\nmention = "bolt"', "unknown word bolt"),
        ('[styles]\nmention = "class:x"', "unknown word"),
        ('[styles]\nmention = "[ZeroWidthEscape]"', "unknown word"),
        ("[styles]\nmention = 5", "not a string"),
        ('nicknames = ["ansired", 3]', "not a string"),
        ("# " + "x" * MAX_FILE_BYTES, "too large"),
        ("a=" + "[" * 20_000, "."),
    ],
    ids=lambda value: value[:20],
)
def test_wrong_file_is_refused_with_the_reason(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    with pytest.raises(ThemeError, match=why):
        read_theme(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ThemeError, match="No such file"):
        read_theme(tmp_path / "gone.toml")
