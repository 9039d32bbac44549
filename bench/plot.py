"""Draw figures as SVG: bars for comparisons, lines for curves."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from math import ceil, floor, log10

from bench.figures import Figure

WIDTH, LABEL, BAR, GAP, MARGIN = 860, 230, 20, 34, 16
"""Pixels: width of the picture, width of names, height of a bar, space between scenarios, margin."""

PANEL, TALL, INSET = 420, 270, 56
"""Pixels: width and height of a panel, and the space of its axes."""

OURS, MARIADB, FLOOR, PEER = "#3b7dd8", "#e08a3c", "#9aa3af", "#8a94a3"
"""The colours of our figures on SQLite and on MariaDB, of the floors and of the peers."""


def bars(figures: Sequence[Figure]) -> str:
    """Draw a group of bars for each scenario, scaled to its best figure."""
    parts, top = [], MARGIN
    for name, group in groupby(figures, lambda figure: figure.scenario):
        members = list(group)
        parts.append(_text(MARGIN, top + 14, f"{name}, {members[0].unit}", weight="bold"))
        top += GAP - 10
        best = max(figure.value for figure in members) or 1.0
        for figure in members:
            parts.append(_bar(figure, top, best))
            top += BAR + 4
        top += GAP - 14
    return _svg(parts, top)


def lines(figures: Sequence[Figure]) -> str:
    """Draw a panel for each scenario, two in a row, with logarithmic axes."""
    names = list(dict.fromkeys(figure.scenario for figure in figures))
    parts = []
    for number, name in enumerate(names):
        x, y = MARGIN + number % 2 * PANEL, MARGIN + number // 2 * TALL
        members = [figure for figure in figures if figure.scenario == name]
        parts.append(f'<g transform="translate({x} {y})">{"".join(_panel(name, members))}</g>')
    return _svg(parts, 2 * MARGIN + TALL * ceil(len(names) / 2))


def _panel(name: str, figures: Sequence[Figure]) -> Iterable[str]:
    width, height = PANEL - INSET - MARGIN, TALL - 84
    across = _axis([figure.at or 1.0 for figure in figures], width)
    up = _axis([figure.value for figure in figures], height)
    yield _text(0, 12, f"{figures[0].unit} against {name}", weight="bold")
    for value, place in across.ticks:
        yield _line([(INSET + place, 24), (INSET + place, 24 + height)], "#e5e8ec", 1)
        yield _text(INSET + place, 40 + height, _short(value), anchor="middle")
    for value, place in up.ticks:
        yield _line([(INSET, 24 + height - place), (INSET + width, 24 + height - place)], "#e5e8ec", 1)
        yield _text(INSET - 6, 28 + height - place, _short(value), anchor="end")
    for number, system in enumerate(dict.fromkeys(figure.system for figure in figures)):
        points = [
            (INSET + across.place(figure.at or 1.0), 24 + height - up.place(figure.value))
            for figure in figures
            if figure.system == system
        ]
        colour = _colour(system, floor=system.startswith("floor"))
        yield _line(points, colour, 2)
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        yield _text(INSET + number % 2 * 180, 56 + height + number // 2 * 15, f"— {system}", colour=colour)


class _Axis:
    """Maps values to pixels, between powers of ten. Zero is at the start of the axis."""

    def __init__(self, low: int, high: int, length: float) -> None:
        self._low, self._length = low, length
        self._powers = max(high - low, 1)
        self.ticks = [(10.0**power, self.place(10.0**power)) for power in range(low, low + self._powers + 1)]

    def place(self, value: float) -> float:
        return (log10(value) - self._low) / self._powers * self._length if value else 0.0


def _axis(values: Sequence[float], length: float) -> _Axis:
    powers = [log10(value) for value in values if value] or [0.0]
    return _Axis(floor(min(powers)), ceil(max(powers)), length)


def _bar(figure: Figure, top: int, best: float) -> str:
    length = (WIDTH - LABEL - 110 - MARGIN) * figure.value / best
    colour = _colour(figure.system, figure.floor)
    return (
        _text(MARGIN, top + 15, figure.system)
        + f'<rect x="{LABEL}" y="{top}" width="{max(length, 1):.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
        + _text(LABEL + length + 6, top + 15, f"{figure.value:,.0f}")
    )


def _colour(system: str, floor: bool) -> str:
    if floor:
        return FLOOR
    if not system.startswith("chatroom"):
        return PEER
    return MARIADB if system.endswith("MariaDB") else OURS


def _line(points: Sequence[tuple[float, float]], colour: str, width: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(
    x: float, y: float, words: str, weight: str = "normal", anchor: str = "start", colour: str = "#222222"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(words)}</text>"
    )


def _short(value: float) -> str:
    """1,000,000 -> 1M, 0.1 -> 0.1"""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _svg(parts: Iterable[str], height: int) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )
