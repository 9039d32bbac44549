"""Figures as bars, in an SVG written by hand: a group for each scenario, to the scale of its best figure."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from bench.figures import Figure

WIDTH, LABEL, BAR, GAP, MARGIN = 860, 230, 20, 34, 16
"""Pixels: the picture's width, the names' width, a bar's height, between two scenarios, around everything."""

OURS, FLOOR, PEER = "#3b7dd8", "#c9ced6", "#8a94a3"
"""The colours of our own bars, the floors' and the peers'."""


def plot(figures: Sequence[Figure]) -> str:
    groups = [(name, list(group)) for name, group in groupby(figures, lambda figure: figure.scenario)]
    parts, top = [], MARGIN
    for name, group in groups:
        parts.append(_text(MARGIN, top + 14, f"{name}, {group[0].unit}", weight="bold"))
        top += GAP - 10
        best = max(figure.value for figure in group) or 1.0
        for figure in group:
            parts.append(_bar(figure, top, best))
            top += BAR + 4
        top += GAP - 14
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        f'font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f"{body}\n</svg>\n"
    )


def _bar(figure: Figure, top: int, best: float) -> str:
    length = (WIDTH - LABEL - 110 - MARGIN) * figure.value / best
    colour = FLOOR if figure.floor else OURS if figure.who.startswith("chatroom") else PEER
    return (
        _text(MARGIN, top + 15, figure.who)
        + f'<rect x="{LABEL}" y="{top}" width="{max(length, 1):.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
        + _text(LABEL + length + 6, top + 15, f"{figure.value:,.0f}")
    )


def _text(x: float, y: float, words: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" fill="#222222">{escape(words)}</text>'
