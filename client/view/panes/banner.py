"""The banner: a box above the history with the latest important note.

It takes no key from the input. Enter, Esc or the next note removes it. The note is in the history too.
"""

from chatroom.client.model.state import ClientNote
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, fit_text, wrap_text
from chatroom.client.view.history.message_rows import note_text

BANNER_NOTES = frozenset(
    {
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
        "view.no_mention",
        "view.nothing_unread",
    }
)
"""Notes that are shown in the banner though they are not errors."""

MAX_COLUMNS = 60
"""Columns of the box."""

_FRAME = 4
"""Columns of the box besides its text."""


def belongs_in_banner(note: ClientNote) -> bool:
    return note.is_serious or note.key in BANNER_NOTES


def banner_rows(note: ClientNote, width: int) -> list[Row]:
    """Return the rows of the box, centered. They are above the history and cover nothing."""
    style = "class:banner.error" if note.is_serious else "class:banner"
    text = note_text(note)
    text_width = max(1, min(width, MAX_COLUMNS) - _FRAME)
    lines = [text[start:end] for start, end in wrap_text(text, text_width)]
    hint = f" {i18n.translate('banner.close')} "
    inside = max(column_count(hint), *map(column_count, lines))
    box = [
        f"╭{'─' * (inside + 2)}╮",
        *(f"│ {fit_text(line, inside)} │" for line in lines),
        f"╰{'─' * (inside + 1 - column_count(hint))}{hint}─╯",
    ]
    margin = " " * ((width - inside - _FRAME) // 2)
    return [[("", margin), (style, row)] for row in box]
