"""What just happened, in a box above the history that nobody overlooks.

It takes no key from the input: it goes with the next Enter or Esc, or when the next thing happens. What
it says stands in the history too.
"""

from chatroom.client.model.state import ClientNote
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import Row, column_count, fit_text, wrap_text
from chatroom.client.view.history.message_rows import note_text

ANNOUNCED = frozenset(
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
"""The notes that are announced though they are no errors."""

MOST_COLUMNS = 60
"""Of the box."""

_FRAME = 4
"""Columns that a box takes beside its text."""


def is_announced(note: ClientNote) -> bool:
    return note.is_serious or note.key in ANNOUNCED


def banner_rows(note: ClientNote, width: int) -> list[Row]:
    """The box, in the middle of rows of its own: it covers nothing."""
    style = "class:banner.error" if note.is_serious else "class:banner"
    text = note_text(note)
    room = max(1, min(width, MOST_COLUMNS) - _FRAME)
    lines = [text[start:end] for start, end in wrap_text(text, room)]
    hint = f" {i18n.translate('banner.close')} "
    inside = max(column_count(hint), *map(column_count, lines))
    box = [
        f"╭{'─' * (inside + 2)}╮",
        *(f"│ {fit_text(line, inside)} │" for line in lines),
        f"╰{'─' * (inside + 1 - column_count(hint))}{hint}─╯",
    ]
    margin = " " * ((width - inside - _FRAME) // 2)
    return [[("", margin), (style, row)] for row in box]
