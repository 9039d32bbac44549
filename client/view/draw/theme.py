"""Colours: the terminal's own sixteen, never a background of ours, and none at all if ``NO_COLOR`` says
so.

A style is named after what it marks; the counterpart is every function that makes rows. ``default``
keeps to colours that can be read on black and on white.
"""

import os
from functools import cache
from zlib import crc32

from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

_SHAPES = {
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
"""What marks things also where there is no colour."""

_USES = {
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
"""Which of a theme's colours they have."""

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
"""Each theme's colours by what they are for; one that is missing is the terminal's own."""

_NICKNAMES = {
    "default": ("ansired", "ansigreen", "ansimagenta", "ansicyan"),
    "dark": tuple(f"ansibright{colour}" for colour in ("red", "green", "yellow", "blue", "magenta", "cyan")),
    "light": ("ansired", "ansigreen", "ansiblue", "ansimagenta"),
    "plain": ("",),
}

_COLOURS = 12
"""How many styles people are told apart by; a theme with fewer colours uses them again, bold."""


def nickname_style(username: str) -> str:
    """An account's style, the same in every conversation and on every day."""
    return f"class:nick.{crc32(username.encode()) % _COLOURS}"


@cache
def theme_style(name: str) -> Style:
    """The theme of that name; the default one for a name that is none."""
    palette = _PALETTES.get(name, _PALETTES["default"])
    coloured = {shape: f"{palette.get(use, '')} {_SHAPES.get(shape, '')}" for shape, use in _USES.items()}
    return Style.from_dict(_SHAPES | coloured | _nickname_styles(name))


def colour_depth() -> ColorDepth:
    return ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else ColorDepth.DEPTH_4_BIT


def _nickname_styles(name: str) -> dict[str, str]:
    colours = _NICKNAMES.get(name, _NICKNAMES["default"])
    styles = [*colours, *(f"{colour} bold" for colour in colours)]
    return {f"nick.{number}": styles[number % len(styles)] for number in range(_COLOURS)}
