"""What just happened, in a box above the history that nobody overlooks.

It takes no key from the input: it goes with the next Enter or Esc, or when the next thing happens. What
it says stands in the history too.
"""

from client import words
from client.model.state import Note
from client.view.messages import note_text
from client.view.text import Row, columns, fit, wrap

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


def is_announced(note: Note) -> bool:
    return note.is_serious or note.key in ANNOUNCED


def banner_rows(note: Note, width: int) -> list[Row]:
    """The box, in the middle of rows of its own: it covers nothing."""
    style = "class:banner.error" if note.is_serious else "class:banner"
    text = note_text(note)
    room = max(1, min(width, MOST_COLUMNS) - _FRAME)
    lines = [text[start:end] for start, end in wrap(text, room)]
    hint = f" {words.say('banner.close')} "
    inside = max(columns(hint), *map(columns, lines))
    box = [
        f"╭{'─' * (inside + 2)}╮",
        *(f"│ {fit(line, inside)} │" for line in lines),
        f"╰{'─' * (inside + 1 - columns(hint))}{hint}─╯",
    ]
    margin = " " * ((width - inside - _FRAME) // 2)
    return [[("", margin), (style, row)] for row in box]
