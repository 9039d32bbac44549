"""The banner: a box above the history with the latest important note.

It takes no key from the input. Enter, Esc or the next note removes it. The note is in the history too.
"""

from chatroom.client.model.state import ClientNote
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, fit_text, wrap_row, wrap_text
from chatroom.client.view.draw.widths import line_text
from chatroom.client.view.history.message_rows import note_text

BANNER_NOTES = frozenset(
    {
        "announcement",
        "logged_in",
        "entered_room",
        "entered_direct",
        "left_room",
        "left_direct",
        "resigned",
        "created",
        "befriended",
        "befriended_by",
        "saved",
        "no_reply",
        "view.no_mention",
        "view.nothing_unread",
    }
)
"""Notes that are shown in the banner though they are not errors."""

BANNER_ONLY_NOTES = frozenset({"logged_in", "entered_room", "entered_direct"})
"""Notes that stand only in the banner: the title and the history tell them afterwards."""

FRAMED_FROM = 16
"""Lines of a history above which the banner has a frame."""

MAX_COLUMNS = 60
"""Columns of the box."""

_HISTORY_LINES = 2
"""Lines of a small history that the banner leaves."""

_FRAME = 4
"""Columns of the box in addition to its text."""


def belongs_in_banner(note: ClientNote) -> bool:
    return note.is_serious or note.key in BANNER_NOTES


def banner_rows(note: ClientNote, width: int, height: int = FRAMED_FROM) -> list[Row]:
    """Return the rows of the banner. They are above the history and cover nothing.

    ``height`` is that of the pane. A box in the middle, or on a small screen only the text.
    """
    style = "class:banner.error" if note.is_serious else "class:banner"
    text = note_text(note)
    if height < FRAMED_FROM or width < MAX_COLUMNS // 2:
        mark = "-!- " if note.is_serious else "--- "
        rows = wrap_row([(style, f"{mark}{text}")], width, min(len(mark), width // 4), len(mark))
        return rows[: max(1, height - _HISTORY_LINES)]
    text_width = max(1, min(width, MAX_COLUMNS) - _FRAME)
    lines = [text[start:end] for start, end in wrap_text(text, text_width)]
    hint = f" {i18n.translate('banner.close')} "
    inside = max(column_count(hint), *map(column_count, lines))
    box = [
        line_text(f"╭{'─' * (inside + 2)}╮"),
        *(f"{line_text('│')} {fit_text(line, inside)} {line_text('│')}" for line in lines),
        line_text(f"╰{'─' * (inside + 1 - column_count(hint))}{hint}─╯"),
    ]
    margin = " " * ((width - inside - _FRAME) // 2)
    return [[("", margin), (style, row)] for row in box]
