"""Text on a grid of columns: what of it is drawn, how wide that is, and where its lines break.

Everything that comes from elsewhere passes through ``drawable_text`` before it is measured. The counterpart
is
prompt_toolkit's screen, which places one code point after the other and adds up their widths; so a
sequence of emoji is drawn without what joins it (``safe`` sees to that) or tints it, because a terminal
that made one picture of it would take fewer columns than were counted.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatroom.protocol.safe import safe_text
from prompt_toolkit.utils import get_cwidth

Fragment = tuple[str, str]
"""A style and the text that has it."""

Row = list[Fragment]
"""One line of a pane, at most as wide as the pane."""

_TINTS = re.compile(r"(?<=\S)[\U0001f3fb-\U0001f3ff]")
"""What gives the emoji before it another skin."""

_LETTER = "[\U0001f1e6-\U0001f1ff]"
_FLAG = re.compile(f"({_LETTER}{{2}})|{_LETTER}")
"""Two letters of a kind of their own, which a terminal makes one picture of; or one that is left over."""

_PIECE = re.compile(f"{_LETTER}{{2}}|.", re.DOTALL)
"""A flag, or any one code point."""

_NEVER_FIRST = frozenset("，。、；：！？）】》」』〉〕…—～·%),.!?:;]}")
"""What does not begin a row, where it can be helped."""

_NEVER_LAST = frozenset("（【《「『〈“‘([{")
"""What does not end one."""

_BETWEEN_WORDS = re.compile(f"(?<= )(?=[^ {re.escape(''.join(sorted(_NEVER_FIRST)))}])")
"""Where a row of ASCII may end."""


def drawable_text(text: str, *, lines: bool = False) -> str:
    """Anybody's text -> what of it goes to the screen; ``lines`` keeps its line feeds."""
    if text.isascii() and text.isprintable():
        return text
    return safe_text(_FLAG.sub(_drawable_flag, _TINTS.sub("", text)), lines=lines)


def _drawable_flag(found: re.Match[str]) -> str:
    """A flag; of a letter that is left over, about whose width nobody agrees, the plain letter."""
    return found[1] or chr(ord("A") + ord(found[0]) - ord("\U0001f1e6"))


def column_count(text: str) -> int:
    """How many columns drawn text takes."""
    if text.isascii():
        return len(text)
    return sum(map(get_cwidth, _FLAG.sub("  ", text)))  # the widths of a flag's letters do not add up to its


def clip_text(text: str, width: int) -> str:
    """Drawn text in at most so many columns, its end replaced by ``…`` where it is too long."""
    if column_count(text) <= width:
        return text
    kept, used = "", 0
    for unit in text_units(text):
        if used + unit.columns > width - 1:
            break
        kept, used = kept + unit.text, used + unit.columns
    return kept + "…" if width > 0 else ""


def fit_text(text: str, width: int) -> str:
    """Drawn text in exactly so many columns."""
    clipped = clip_text(text, width)
    return clipped + " " * (width - column_count(clipped))


class TextSpan(NamedTuple):
    """A part of a text, from ``start`` to before ``end``."""

    start: int
    end: int


def wrap_text(text: str, width: int, indent: int = 0, head: int = 0) -> list[TextSpan]:
    """Where drawn text breaks into rows: the first ``width`` columns wide, the others ``indent`` fewer.

    A row ends at a line feed, between words, or beside a wide character; a word longer than a row is cut. The
    blanks at which a row breaks belong to no row. The first ``head`` characters stay together where they
    fit. There is always at least one span.
    """
    lead = column_count(text[:head])
    if lead > width // 2:
        head = lead = 0
    spans: list[TextSpan] = []
    start = head
    for line in text[head:].split("\n"):
        room = width - indent if spans else width - lead
        spans += (TextSpan(start + a, start + b) for a, b in _wrap_line(line, room, width - indent))
        start += len(line) + 1
    return [TextSpan(0, spans[0].end), *spans[1:]]


def cut_row(row: Row, span: TextSpan) -> Row:
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
    first, *others = wrap_text("".join(text for _, text in row), width, indent, head)
    margin = [("", " " * indent)] if indent else []
    return [cut_row(row, first), *(margin + cut_row(row, span) for span in others)]


class TextUnit(NamedTuple):
    """A part of a text, and where it begins there."""

    text: str
    start: int
    columns: int

    @property
    def tight(self) -> int:
        """Columns without the blanks at its end."""
        return self.columns - len(self.text) + len(self.text.rstrip(" "))


def text_units(text: str) -> Iterator[TextUnit]:
    """What is never torn apart: a code point and the marks on it, the two letters of a flag.

    Only a text of nothing but marks has a unit without columns.
    """
    if text.isascii():
        yield from (TextUnit(character, at, 1) for at, character in enumerate(text))
        return
    start = end = used = 0
    for piece in _PIECE.findall(text):
        width = column_count(piece)
        if width and used:
            yield TextUnit(text[start:end], start, used)
            start, used = end, 0
        end += len(piece)
        used += width
    if start < end:
        yield TextUnit(text[start:], start, used)


def _line_words(line: str) -> Iterator[TextUnit]:
    """What is torn only where it is longer than a row, with the blanks behind it."""
    if line.isascii():
        at = 0
        for word in _BETWEEN_WORDS.split(line):
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
    """A straight quotation mark may open or close, so among wide characters it stays with both its sides."""
    if unit.text == " " or unit.text in _NEVER_FIRST:
        return False
    if before.text == " ":
        return True
    if before.text in _NEVER_LAST or '"' in (unit.text, before.text):
        return False
    return max(unit.columns, before.columns) > 1


def _wrap_line(line: str, first: int, rest: int) -> Iterator[TextSpan]:
    if column_count(line.rstrip(" ")) <= first:  # as most do
        yield _line_span(line, 0, len(line))
        return
    row, used, room = 0, 0, first  # where the row begins, how many of its columns are taken, and of how many
    for word in _line_words(line):
        if used and used + word.tight > room:
            yield _line_span(line, row, word.start)
            row, used, room = word.start, 0, rest
        if word.tight <= room:
            used += word.columns
            continue
        for unit in text_units(word.text):
            if unit.tight and used and used + unit.columns > room:
                at = word.start + unit.start
                yield _line_span(line, row, at)
                row, used, room = at, 0, rest
            used += unit.columns
    yield _line_span(line, row, len(line))


def _line_span(line: str, start: int, end: int) -> TextSpan:
    return TextSpan(start, start + len(line[start:end].rstrip(" ")))
