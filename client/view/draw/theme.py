"""Colours: the styles of a theme for prompt_toolkit, and how many colours the terminal has.

The theme ``default`` is readable on black and white. If the terminal has told its background, it is ``dark``
or ``light`` instead. ``NO_COLOR`` leaves only attributes.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from chatroom.client.storage.theme_files import STYLE_ATTRIBUTES, ThemeError, ThemeFile, ThemeFiles

_NICKNAME_STYLES = 12
"""How many styles nicknames have; a theme with fewer colours repeats them in bold."""


_NO_FOLDER = Path(os.devnull)
"""In place of a user's folder: the shipped themes only."""


class ThemeStyles:
    """The styles of the themes that were used. A file that has changed is read again."""

    def __init__(self, files: ThemeFiles) -> None:
        self._files = files
        self._loaded: dict[str, tuple[float, Style]] = {}  # by theme, with the time of the file
        self.background = ""  # ``dark`` or ``light`` once the terminal has reported it

    def style(self, name: str) -> Style:
        """Return the style of a theme, or the default one if its file is wrong."""
        name = self._resolve(name)
        if name not in self._loaded:
            try:
                self._load(name)
            except ThemeError:
                return _shipped_default(_is_colourless())
        return self._loaded[name][1]

    def reload_changed(self, name: str) -> bool:
        """Read a theme again if its file has changed, and return whether it was. Raises ``ThemeError``.

        After an error, the styles stay as they are, and the error is raised once for each change.
        """
        name = self._resolve(name)
        modified_at = self._files.modified_at(name)
        if name in self._loaded and self._loaded[name][0] == modified_at:
            return False
        style = self._loaded[name][1] if name in self._loaded else _shipped_default(_is_colourless())
        self._loaded[name] = (modified_at, style)
        self._load(name)
        return True

    def _load(self, name: str) -> None:
        modified_at = self._files.modified_at(name)
        self._loaded[name] = (modified_at, _make_style(self._files.read(name), _is_colourless()))

    def _resolve(self, name: str) -> str:
        """Return the theme that ``default`` is on the background of this terminal, or the name itself."""
        is_adapted = name == "default" and self.background and not self._files.has_own(name)
        return self.background if is_adapted else name


def nickname_style(username: str) -> str:
    """Return the style of an account, the same in every conversation."""
    return f"class:nick.{crc32(username.encode()) % _NICKNAME_STYLES}"


def colour_depth(environment: Mapping[str, str] = os.environ) -> ColorDepth:
    """Return how many colours the terminal has, by its environment."""
    if environment.get("NO_COLOR"):
        return ColorDepth.DEPTH_1_BIT
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return ColorDepth.DEPTH_24_BIT
    return ColorDepth.DEPTH_8_BIT if "256color" in environment.get("TERM", "") else ColorDepth.DEPTH_4_BIT


def background_of(colour: str) -> str:
    """Return ``dark`` or ``light`` for a terminal's answer to OSC 11, ``rgb:1e1e/1e1e/1e1e``."""
    kind, _, values = colour.partition(":")
    parts = values.split("/")[:3]
    if kind not in ("rgb", "rgba") or len(parts) < 3:
        return ""
    try:
        red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in parts)
    except (ValueError, ZeroDivisionError):
        return ""
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "dark"


@lru_cache
def _shipped_default(colourless: bool) -> Style:
    return _make_style(ThemeFiles(folder=_NO_FOLDER).read("default"), colourless)


def _make_style(theme: ThemeFile, colourless: bool) -> Style:
    if colourless:
        return Style.from_dict(STYLE_ATTRIBUTES | _nickname_styles(["bold"]))
    return Style.from_dict(STYLE_ATTRIBUTES | theme.styles | _nickname_styles(theme.nicknames or [""]))


def _is_colourless() -> bool:
    return colour_depth() is ColorDepth.DEPTH_1_BIT


def _nickname_styles(colours: list[str]) -> dict[str, str]:
    styles = [*colours, *(f"{colour} bold" for colour in colours)]
    return {f"nick.{number}": styles[number % len(styles)] for number in range(_NICKNAME_STYLES)}
