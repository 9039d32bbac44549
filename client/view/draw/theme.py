"""Colours: the terminal's sixteen, never a background colour, and none if ``NO_COLOR`` is set.

A style is named after what it marks. The theme ``default`` uses only colours that are readable on black and
on white.
"""

import os
from functools import cache
from zlib import crc32

from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

_ATTRIBUTES = {
    "topic": "reverse",
    "status": "reverse",
    "status.warning": "reverse bold",
    "heading": "bold",
    "current": "reverse",
    "unread": "bold",
    "mentioned": "bold underline",
    "mention": "bold",
    "link": "underline",
    "me": "bold",
    "new": "bold",
    "error": "bold",
    "refused": "bold",
    "pending": "italic",
    "banner": "bold",
    "banner.error": "bold",
    "question": "bold reverse",
    "chosen": "reverse",
    "key": "bold",
    "field": "underline",
    "incsearch": "noinherit reverse",
    "incsearch.current": "noinherit reverse",
    "selected": "reverse",
    "completion-menu": "noinherit reverse",
    "completion-menu.completion": "noinherit reverse",
    "completion-menu.completion.current": "noinherit bold",
    "completion-menu.meta.completion": "noinherit reverse",
    "completion-menu.meta.completion.current": "noinherit",
    "scrollbar.background": "noinherit reverse",
    "scrollbar.button": "noinherit",
}
"""Attributes that mark a style without colour."""

_COLOUR_ROLES = {
    "time": "faint",
    "border": "faint",
    "hint": "faint",
    "offline": "faint",
    "pending": "faint",
    "notice": "soft",
    "reaction": "soft",
    "action": "soft",
    "note": "line",
    "day": "line",
    "online": "good",
    "banner": "good",
    "new": "bad",
    "mention": "bad",
    "mentioned": "bad",
    "refused": "bad",
    "error": "bad",
    "banner.error": "bad",
}
"""Which of a theme's colours a style has."""

_PALETTES = {
    "default": {"good": "ansigreen", "bad": "ansired", "line": "ansicyan", "soft": "ansimagenta"},
    "dark": {
        "faint": "ansibrightblack",
        "good": "ansibrightgreen",
        "bad": "ansibrightred",
        "line": "ansibrightcyan",
        "soft": "ansibrightmagenta",
    },
    "light": {
        "faint": "ansibrightblack",
        "good": "ansigreen",
        "bad": "ansired",
        "line": "ansiblue",
        "soft": "ansimagenta",
    },
    "plain": {},
}
"""The colours of each theme by role; a missing one is the terminal's default."""

_NICKNAME_COLOURS = {
    "default": ("ansired", "ansigreen", "ansimagenta", "ansicyan"),
    "dark": tuple(f"ansibright{colour}" for colour in ("red", "green", "yellow", "blue", "magenta", "cyan")),
    "light": ("ansired", "ansigreen", "ansiblue", "ansimagenta"),
    "plain": ("",),
}

_NICKNAME_STYLES = 12
"""How many styles nicknames have; a theme with fewer colours repeats them in bold."""


def nickname_style(username: str) -> str:
    """Return the style of an account, the same in every conversation."""
    return f"class:nick.{crc32(username.encode()) % _NICKNAME_STYLES}"


@cache
def theme_style(name: str) -> Style:
    """Return the theme of this name, or the default theme."""
    palette = _PALETTES.get(name, _PALETTES["default"])
    coloured = {
        style: f"{palette.get(role, '')} {_ATTRIBUTES.get(style, '')}"
        for style, role in _COLOUR_ROLES.items()
    }
    return Style.from_dict(_ATTRIBUTES | coloured | _nickname_styles(name))


def colour_depth() -> ColorDepth:
    return ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else ColorDepth.DEPTH_4_BIT


def _nickname_styles(name: str) -> dict[str, str]:
    colours = _NICKNAME_COLOURS.get(name, _NICKNAME_COLOURS["default"])
    styles = [*colours, *(f"{colour} bold" for colour in colours)]
    return {f"nick.{number}": styles[number % len(styles)] for number in range(_NICKNAME_STYLES)}
