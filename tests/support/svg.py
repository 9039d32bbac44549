"""A pyte screen as SVG: one text element for each run of cells of one style.

Each text has its length, and a wide character has the size of its two cells, so that any monospaced font
gives the same layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

import pyte
from wcwidth import wcwidth

CELL, LINE, MARGIN, BAR = 9, 21, 14, 30
"""Pixels: a cell's width, a line's height, the frame around the screen, the bar above it."""


@dataclass(frozen=True)
class Paper:
    """The colours of a terminal, by pyte's names, one of which is misspelled there."""

    ink: str
    ground: str
    colours: Mapping[str, str]

    def colour(self, name: str, default: str) -> str:
        """Return pyte's name of a colour, or its six hexadecimal digits, in the notation of SVG."""
        return default if name == "default" else self.colours.get(name, f"#{name}")


DARK = Paper(
    "#d4d7dd", "#1b1e24",
    {
        "black": "#2a2e36", "red": "#e0646c", "green": "#8fbf73", "brown": "#d9b26a",
        "blue": "#6ba4e0", "magenta": "#c08adf", "cyan": "#63b6c1", "white": "#c6cad2",
        "brightblack": "#6e7683", "brightred": "#f08a90", "brightgreen": "#aede94", "brightbrown": "#efcf8e",
        "brightblue": "#93c1f2", "brightmagenta": "#d7aef0", "bfightmagenta": "#d7aef0",
        "brightcyan": "#8fd3dc", "brightwhite": "#f4f6f9",
    },
)  # fmt: skip

LIGHT = Paper(
    "#2b2f36", "#fbfaf6",
    {
        "black": "#1f2228", "red": "#b8303a", "green": "#3f7d20", "brown": "#94650a",
        "blue": "#2563b0", "magenta": "#8a3ea6", "cyan": "#1a7581", "white": "#c9ccd2",
        "brightblack": "#7d838e", "brightred": "#d2454f", "brightgreen": "#57993a", "brightbrown": "#b07f22",
        "brightblue": "#3f7fd0", "brightmagenta": "#a65bc2", "bfightmagenta": "#a65bc2",
        "brightcyan": "#2f93a0", "brightwhite": "#ffffff",
    },
)  # fmt: skip


@dataclass(frozen=True)
class _Style:
    colour: str
    background: str
    bold: bool
    italic: bool
    underlined: bool


@dataclass(frozen=True)
class _Run:
    """Characters of one style and one width, from a column on."""

    column: int
    cells: int
    text: str
    style: _Style


def render(screen: pyte.Screen, title: str = "", paper: Paper = DARK) -> str:
    """Return the screen with its cursor as the text of an SVG file."""
    width = screen.columns * CELL + 2 * MARGIN
    height = screen.lines * LINE + 2 * MARGIN + BAR
    body = "\n".join(_line(screen, number, paper) for number in range(screen.lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="{paper.ground}"/>\n'
        f"{_bar(width, title, paper)}\n"
        f'<g transform="translate({MARGIN} {MARGIN + BAR})" xml:space="preserve" font-size="15" '
        f"font-family=\"'DejaVu Sans Mono','Noto Sans Mono CJK SC',Menlo,Consolas,monospace\">\n"
        f"{body}\n</g>\n</svg>\n"
    )


def _bar(width: int, title: str, paper: Paper) -> str:
    colours = paper.colours
    lamps = "".join(
        f'<circle cx="{20 + 20 * place}" cy="20" r="6" fill="{colour}"/>'
        for place, colour in enumerate((colours["red"], colours["brown"], colours["green"]))
    )
    words = f'<text x="{width / 2:g}" y="25" text-anchor="middle" fill="{colours["brightblack"]}" '
    return f'{lamps}{words}font-size="13" font-family="sans-serif">{escape(title)}</text>'


def _line(screen: pyte.Screen, number: int, paper: Paper) -> str:
    runs = _runs(screen, number, paper)
    marked = (run for run in runs if run.style.background != paper.ground)
    return "".join([*(_backdrop(run, number) for run in marked), *(_text(run, number) for run in runs)])


def _runs(screen: pyte.Screen, number: int, paper: Paper) -> list[_Run]:
    """Return a line of the screen as runs. The cell after a wide character is empty and belongs to it."""
    cells = screen.buffer[number]
    columns = [column for column in range(screen.columns) if cells[column].data]
    runs = []
    for (style, wide), group in groupby(columns, lambda column: _kind(screen, number, column, paper)):
        place = list(group)
        if style.background == paper.ground and not style.underlined:
            while place and cells[place[-1]].data.isspace():
                place.pop()
        if place:
            text = "".join(cells[column].data for column in place)
            runs.append(_Run(place[0], len(place) * (2 if wide else 1), text, style))
    return runs


def _kind(screen: pyte.Screen, number: int, column: int, paper: Paper) -> tuple[_Style, bool]:
    character = screen.buffer[number][column]
    cursor = not screen.cursor.hidden and (screen.cursor.y, screen.cursor.x) == (number, column)
    return _style(character, cursor, paper), wcwidth(character.data[0]) == 2


def _style(character: Any, cursor: bool, paper: Paper) -> _Style:
    colour, background = paper.colour(character.fg, paper.ink), paper.colour(character.bg, paper.ground)
    if bool(character.reverse) != cursor:
        colour, background = background, colour
    return _Style(colour, background, character.bold, character.italics, character.underscore)


def _backdrop(run: _Run, number: int) -> str:
    return (
        f'<rect x="{run.column * CELL}" y="{number * LINE}" width="{run.cells * CELL}" height="{LINE}" '
        f'fill="{run.style.background}"/>'
    )


def _text(run: _Run, number: int) -> str:
    marks = [
        f' font-size="{2 * CELL}"' * (run.cells > len(run.text)),
        ' font-weight="bold"' * run.style.bold,
        ' font-style="italic"' * run.style.italic,
        ' text-decoration="underline"' * run.style.underlined,
    ]
    return (
        f'<text x="{run.column * CELL}" y="{number * LINE + 16}" textLength="{run.cells * CELL}" '
        f'fill="{run.style.colour}"{"".join(marks)}>{escape(run.text)}</text>'
    )
