"""Text on a grid of columns: which characters are drawn, how wide they are, and where lines break.

Text from users and servers passes through ``drawable_text`` before it is measured. ``column_count`` is the
only measure of width; ``widths`` has the characters that are narrow or wide. It counts grapheme clusters as
``wcwidth.wcswidth`` does: the vowel signs of Indic scripts make a cluster wider, a flag is narrower than its
two letters. Terminals disagree about joined emoji and skin tones, which are removed, and about the characters
in ``COMPLEX``, after which ``TerminalOutput`` sets the cursor.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from wcwidth import iter_graphemes

from chatroom.client.view.draw.widths import cached_by_width, character_widths, cluster_width, is_ambiguous
from chatroom.protocol.safe import safe_text

Fragment = tuple[str, str]
"""A style and its text."""

Row = list[Fragment]
"""One line of a pane, at most as wide as the pane."""

_SKIN_TONES = re.compile(r"(?<=\S)[\U0001f3fb-\U0001f3ff]")
"""A skin tone modifier after another character."""

_REGIONAL_INDICATOR = "[\U0001f1e6-\U0001f1ff]"
_FLAG = re.compile(f"({_REGIONAL_INDICATOR}{{2}})|{_REGIONAL_INDICATOR}")
"""Two regional indicators, which a terminal draws as one flag; or a single one."""

COMPLEX = re.compile(
    "[\u0900-\u0dff\u0e31\u0e33-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb3-\u0ebc\u0ec8-\u0ece\u0f00-\u109f\u1700-\u1cff\u200d\u20e3\ua800-\uabff\ufe0e\ufe0f"
    "\U00011000-\U00011fff\U0001d165-\U0001d172\U0001f000-\U0001ffff]"
)
"""Characters of scripts with clusters of more than one column, and of emoji."""

_NOT_AT_ROW_START = frozenset("，。、；：！？）】》」』〉〕…—～·%),.!?:;]}")
"""Characters that do not begin a row if the line can break elsewhere."""

_NOT_AT_ROW_END = frozenset("（【《「『〈“‘([{")
"""Characters that do not end a row."""

_ASCII_BREAK = re.compile(f"(?<= )(?=[^ {re.escape(''.join(sorted(_NOT_AT_ROW_START)))}])")
"""Where a line of ASCII text may break."""


_CLIP_MARK = "…"
"""In place of the end of a text that is too long."""


def drawable_text(text: str, *, lines: bool = False) -> str:
    """Return untrusted text as it is drawn. ``lines`` keeps its line feeds."""
    if text.isascii() and text.isprintable():
        return text
    return safe_text(_FLAG.sub(_drawable_flag, _SKIN_TONES.sub("", text)), lines=lines)


def _drawable_flag(match: re.Match[str]) -> str:
    """Return a flag as it is, and a single regional indicator, whose width varies, as the plain letter."""
    return match[1] or chr(ord("A") + ord(match[0]) - ord("\U0001f1e6"))


def column_count(text: str) -> int:
    """Return how many columns drawn text takes."""
    if text.isascii():
        return len(text)
    return _complex_width(text) if COMPLEX.search(text) else character_widths(text)


@cached_by_width(maxsize=4096)
def _complex_width(text: str) -> int:
    return sum(unit.columns for unit in text_units(text))


def clip_text(text: str, width: int) -> str:
    """Return drawn text in at most ``width`` columns; ``…`` replaces the end of a longer text."""
    if column_count(text) <= width:
        return text
    clipped, used = "", 0
    room = width - column_count(_CLIP_MARK)
    for unit in text_units(text):
        if used + unit.columns > room:
            break
        clipped, used = clipped + unit.text, used + unit.columns
    return clipped + _CLIP_MARK if room >= 0 else ""


def fit_text(text: str, width: int) -> str:
    """Return drawn text in exactly ``width`` columns."""
    clipped = clip_text(text, width)
    return clipped + " " * (width - column_count(clipped))


class TextSpan(NamedTuple):
    """A part of a text, from ``start`` to before ``end``."""

    start: int
    end: int


def wrap_text(text: str, width: int, indent: int = 0, head: int = 0) -> list[TextSpan]:
    """Return the rows of drawn text: the first is ``width`` columns wide, the others ``indent`` fewer.

    A row ends at a line feed, between words, or beside a wide character; a word longer than a row is cut.
    Blanks at a break belong to no row. The first ``head`` characters stay together if they fit. There is at
    least one span.
    """
    head_width = column_count(text[:head])
    if head_width > width // 2:
        head = head_width = 0
    spans: list[TextSpan] = []
    start = head
    for line in text[head:].split("\n"):
        room = width - indent if spans else width - head_width
        spans += (TextSpan(start + a, start + b) for a, b in _wrap_line(line, room, width - indent))
        start += len(line) + 1
    return [TextSpan(0, spans[0].end), *spans[1:]]


def cut_row(row: Row, span: TextSpan) -> Row:
    """Return the part of a row that ``span`` selects from its text."""
    fragments: Row = []
    at = 0
    for style, text in row:
        part = text[max(0, span.start - at) : max(0, span.end - at)]
        if part:
            fragments.append((style, part))
        at += len(text)
    return fragments


def wrap_row(row: Row, width: int, indent: int = 0, head: int = 0) -> list[Row]:
    """Wrap a row of any length, with or without line feeds. All rows but the first are indented."""
    first, *others = wrap_text("".join(text for _, text in row), width, indent, head)
    margin = [("", " " * indent)] if indent else []
    return [cut_row(row, first), *(margin + cut_row(row, span) for span in others)]


class TextUnit(NamedTuple):
    """A part of a text, where it starts in the text, and its width."""

    text: str
    start: int
    columns: int

    @property
    def columns_without_blanks(self) -> int:
        """Columns without trailing blanks."""
        return self.columns - len(self.text) + len(self.text.rstrip(" "))


def text_units(text: str) -> Iterator[TextUnit]:
    """Yield the parts that are never split: the grapheme clusters.

    Only a text that consists of marks has a unit of zero columns.
    """
    if text.isascii():
        yield from (TextUnit(character, at, 1) for at, character in enumerate(text))
        return
    start = end = used = 0
    for cluster in iter_graphemes(text):
        width = cluster_width(cluster)
        if width and used:
            yield TextUnit(text[start:end], start, used)
            start, used = end, 0
        end += len(cluster)
        used = width if width or not used else cluster_width(text[start:end])
    if start < end:
        yield TextUnit(text[start:], start, used)


def _line_words(line: str) -> Iterator[TextUnit]:
    """Yield the parts that are split only if they are longer than a row, with the blanks after them."""
    if line.isascii():
        at = 0
        for word in _ASCII_BREAK.split(line):
            yield TextUnit(word, at, len(word))
            at += len(word)
        return
    before = TextUnit("", 0, 0)
    start = used = 0
    for unit in text_units(line):
        if used and _may_begin_row(unit, before):
            yield TextUnit(line[start : unit.start], start, used)
            start, used = unit.start, 0
        used += unit.columns
        before = unit
    yield TextUnit(line[start:], start, used)


def _may_begin_row(unit: TextUnit, before: TextUnit) -> bool:
    """Return whether a row may begin with ``unit``. Straight quotes stay with both their neighbours."""
    if unit.text == " " or unit.text in _NOT_AT_ROW_START:
        return False
    if before.text == " ":
        return True
    if before.text in _NOT_AT_ROW_END or '"' in (unit.text, before.text):
        return False
    return any(part.columns > 1 and not is_ambiguous(part.text) for part in (unit, before))


def _wrap_line(line: str, first: int, rest: int) -> Iterator[TextSpan]:
    if column_count(line.rstrip(" ")) <= first:  # the usual case
        yield _line_span(line, 0, len(line))
        return
    # Where the row starts, how many columns it uses, and how many it has.
    row, used, room = 0, 0, first
    for word in _line_words(line):
        if used and used + word.columns_without_blanks > room:
            yield _line_span(line, row, word.start)
            row, used, room = word.start, 0, rest
        if word.columns_without_blanks <= room:
            used += word.columns
            continue
        for unit in text_units(word.text):
            if unit.columns_without_blanks and used and used + unit.columns > room:
                at = word.start + unit.start
                yield _line_span(line, row, at)
                row, used, room = at, 0, rest
            used += unit.columns
    yield _line_span(line, row, len(line))


def _line_span(line: str, start: int, end: int) -> TextSpan:
    return TextSpan(start, start + len(line[start:end].rstrip(" ")))
