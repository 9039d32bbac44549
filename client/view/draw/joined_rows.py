"""Rows that continue the row above, so that a terminal copies both as one line.

A terminal joins rows that it has wrapped itself. So the last character of the row above is written once more,
and the next one wraps.
"""

from chatroom.client.view.draw.text import Row, TextSpan, text_units

JOINED = "class:joined"
"""The style of a row that continues the row above."""


class JoinSequence(str):
    """Goes to the end of the row above, whose last character is ``last``, and lets the next one wrap."""

    def __new__(cls, last: str, column: int) -> "JoinSequence":
        return super().__new__(cls, f"\x1b[A\x1b[{column + 1}G\x1b[?7h{last}")


def unbroken_rows(row: Row, width: int) -> list[Row]:
    """Cut a row of any length into full rows, without regard to words and without an indent."""
    text = "".join(part for _, part in row)
    spans, start, used = [], 0, 0
    for unit in text_units(text):
        if used + unit.columns > width and used:
            spans.append(TextSpan(start, unit.start))
            start, used = unit.start, 0
        used += unit.columns
    spans.append(TextSpan(start, len(text)))
    return [[(JOINED if span.start else "", text[span.start : span.end])] for span in spans]


def join_sequence(above: Row, row: Row, end: int) -> JoinSequence | None:
    """Return what joins a row to a full row above it, both of ``end`` columns; ``None`` for other rows."""
    if not above or not row or row[0][0] != JOINED:
        return None
    units = list(text_units(above[0][1]))
    if sum(unit.columns for unit in units) != end:  # a wide character did not fit
        return None
    return JoinSequence(units[-1].text, end - units[-1].columns)
