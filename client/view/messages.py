"""One message, pending line or note -> the rows that show it. The counterpart is ``story``, which orders
them.

A message reads ``--2022-12-15 20:07:40-- BOB:Hello World!``, in the time of this place; every row after
its first is indented, so that nothing which somebody wrote can pass for a message of somebody else.
"""

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from client import lines, words
from client.model.state import Delivery, Note, Pending
from client.view.text import Fragment, Row, columns, drawn, wrap_row
from client.view.theme import nickname_style
from protocol.values import TEXT_KINDS, Message, parse_time

INDENT = 4
"""Of the rows of a message after its first; in a very narrow pane, less."""


class Looks(NamedTuple):
    """What changes the rows of a message without being in it."""

    width: int
    language: str
    mine: bool  # I wrote it
    mention: bool  # it names me
    posing: bool  # its nickname is the name of another account, so the account is shown beside it


def local_time(milliseconds: int) -> str:
    """``2022-12-15 20:07:40`` where this terminal stands."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds // 1000))


@lru_cache(maxsize=8192)
def message_time(message_time: str) -> str:
    """A message's time, in the words of ``local_time``."""
    return local_time(parse_time(message_time))


@lru_cache(maxsize=2048)
def message_rows(message: Message, looks: Looks) -> list[Row]:
    """None at all for a kind of message that we do not know."""
    body = _body(message, looks)
    if body is None:
        return []
    nickname = drawn(message.nickname)
    if looks.posing:
        nickname += f"({drawn(message.username)})"
    stamp = f"--{message_time(message.time)}-- "
    style = "class:me" if looks.mine else nickname_style(message.username)
    before, after = ("* ", " ") if message.kind == "action" else ("", ":")
    head: Row = [("class:time", stamp), ("class:action", before), (style, nickname), ("class:text", after)]
    return wrapped([*head, body], looks.width, head)


def pending_rows(pending: Pending, nickname: str, width: int) -> list[Row]:
    """A line of mine that the server has not confirmed, with how it stands."""
    refused = pending.delivery is Delivery.REFUSED
    style = "class:refused" if refused else "class:pending"
    before, after = ("* ", " ") if pending.kind == "action" else ("", ":")
    head: Row = [(style, f"--{local_time(pending.written_at)}-- {before}{drawn(nickname)}{after}")]
    text = drawn(pending.text, lines=True)
    return wrapped([*head, (style, text), *_standing(pending, style)], width, head)


def _standing(pending: Pending, style: str) -> Row:
    """Why a line of mine is not yet among the messages. One that is stored says nothing: it is on its way."""
    if pending.delivery is Delivery.REFUSED:
        return [(style, f" [{words.say('view.refused', why=words.say(pending.error))}]")]
    return [] if pending.seq else [(style, f" [{words.say('view.sending')}]")]


def note_line(note: Note) -> Row:
    """Something that the client itself says, on a line of any length."""
    style = "class:error" if note.error else "class:note"
    return [(style, f"{'-!-' if note.error else '---'} "), (style, note_text(note))]


def note_rows(note: Note, width: int) -> list[Row]:
    line = note_line(note)
    return wrapped(line, width, line[:1])


def note_text(note: Note) -> str:
    return drawn(words.say(note.key, **note.facts), lines=True)


def ruler(style: str, label: str, width: int) -> Row:
    """A line across the pane with a word in it."""
    before = max(0, min(4, width - columns(label) - 2))
    after = max(0, width - before - columns(label) - 2)
    return [(style, f"{'─' * before} {label} {'─' * after}")]


def wrapped(row: Row, width: int, head: Iterable[Fragment]) -> list[Row]:
    """Wrap a row whose head should not be torn."""
    return wrap_row(row, width, min(INDENT, width // 4), sum(len(text) for _, text in head))


def _body(message: Message, looks: Looks) -> Fragment | None:
    """What was said or happened."""
    if message.kind in TEXT_KINDS:
        return "class:mention" if looks.mention else "class:text", drawn(message.text, lines=True)
    return ("class:notice", drawn(lines.body(message))) if lines.is_shown(message) else None
