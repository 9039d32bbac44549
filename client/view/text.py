"""Text on a grid of columns: what of it is drawn, how wide that is, and where its lines break.

Everything that comes from elsewhere passes through ``drawn`` before it is measured. The counterpart is
prompt_toolkit's screen, which places one code point after the other and adds up their widths; so a
sequence of emoji is drawn without what joins it (``safe`` sees to that) or tints it, because a terminal
that made one picture of it would take fewer columns than were counted.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from prompt_toolkit.utils import get_cwidth

from protocol.safe import safe

Fragment = tuple[str, str]
"""A style and the text that has it."""

Row = list[Fragment]
"""One line of a pane, at most as wide as the pane."""

_TINTS = re.compile(r"(?<=\S)[\U0001f3fb-\U0001f3ff]")
"""What gives the emoji before it another skin."""

_NEVER_FIRST = frozenset("，。、；：！？）】》」』〉〕…—～·%),.!?:;]}")
"""What does not begin a row, where it can be helped."""


def drawn(text: str, *, lines: bool = False) -> str:
    """Anybody's text -> what of it goes to the screen; ``lines`` keeps its line feeds."""
    if text.isascii() and text.isprintable():
        return text
    return safe(_TINTS.sub("", text), lines=lines)


def columns(text: str) -> int:
    """How many columns drawn text takes."""
    return len(text) if text.isascii() else sum(map(get_cwidth, text))


def clip(text: str, width: int) -> str:
    """Drawn text in at most so many columns, its end replaced by ``…`` where it is too long."""
    if columns(text) <= width:
        return text
    kept, used = "", 0
    for unit in _units(text):
        if used + unit.columns > width - 1:
            break
        kept, used = kept + unit.text, used + unit.columns
    return kept + "…" if width > 0 else ""


def fit(text: str, width: int) -> str:
    """Drawn text in exactly so many columns."""
    clipped = clip(text, width)
    return clipped + " " * (width - columns(clipped))


class Span(NamedTuple):
    """A part of a text, from ``start`` to before ``end``."""

    start: int
    end: int


def wrap(text: str, width: int, indent: int = 0, head: int = 0) -> list[Span]:
    """Where drawn text breaks into rows: the first ``width`` columns wide, the others ``indent`` fewer.

    A row ends at a line feed, between words, or beside a wide character; a word longer than a row is cut. The
    blanks at which a row breaks belong to no row. The first ``head`` characters stay together where they
    fit. There is always at least one span.
    """
    lead = columns(text[:head])
    if lead > width // 2:
        head = lead = 0
    spans: list[Span] = []
    start = head
    for line in text[head:].split("\n"):
        room = width - indent if spans else width - lead
        spans += (Span(start + a, start + b) for a, b in _wrap_line(line, room, width - indent))
        start += len(line) + 1
    return [Span(0, spans[0].end), *spans[1:]]


def cut(row: Row, span: Span) -> Row:
    """The part of a long row that a span of its whole text names."""
    found: Row = []
    at = 0
    for style, text in row:
        part = text[max(0, span.start - at) : max(0, span.end - at)]
        if part:
            found.append((style, part))
        at += len(text)
    return found


def wrap_row(row: Row, width: int, indent: int = 0, head: int = 0) -> list[Row]:
    """A row of any length, maybe with line feeds -> rows that fit; the indent is before all but the first."""
    first, *others = wrap("".join(text for _, text in row), width, indent, head)
    margin = [("", " " * indent)] if indent else []
    return [cut(row, first), *(margin + cut(row, span) for span in others)]


class _Unit(NamedTuple):
    """A code point and the marks on it: what never is torn apart."""

    text: str
    start: int
    columns: int

    @property
    def blank(self) -> bool:
        return self.text == " "


def _units(text: str) -> Iterator[_Unit]:
    start = used = 0
    for at, character in enumerate(text):
        width = get_cwidth(character)
        if width and used:
            yield _Unit(text[start:at], start, used)
            start, used = at, 0
        used += width
    if start < len(text):
        yield _Unit(text[start:], start, used)


def _wrap_line(line: str, first: int, rest: int) -> Iterator[Span]:
    if len(line) <= first and line.isascii():
        yield Span(0, len(line))
        return
    units = list(_units(line))
    row = at = chance = used = 0  # units: where the row begins, which is looked at, where a row may begin
    room = first
    while at < len(units):
        if _may_begin_row(units, at):
            chance = at
        if used + units[at].columns > room and at > row and not units[at].blank:
            chance = chance if chance > row else at
            yield _span(line, units[row].start, units[chance].start)
            row, at, used, room = chance, chance, 0, rest
        else:
            used += units[at].columns
            at += 1
    yield _span(line, units[row].start if units else 0, len(line))


def _may_begin_row(units: list[_Unit], at: int) -> bool:
    if at == 0 or units[at].blank or units[at].text in _NEVER_FIRST:
        return False
    return units[at - 1].blank or max(units[at].columns, units[at - 1].columns) > 1


def _span(line: str, start: int, end: int) -> Span:
    return Span(start, start + len(line[start:end].rstrip(" ")))
