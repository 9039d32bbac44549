"""One message, pending line or note -> the rows that show it. The counterpart is ``story``, which orders
them.

A message reads ``--2022-12-15 20:07:40-- BOB:Hello World!``, in the time of this place; every row after
its first is indented, so that nothing which somebody wrote can pass for a message of somebody else. So are
the rows of what belongs to it: above it what it answers, below it who reacted.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from chatroom.client.model.state import ClientNote, DeliveryState, PendingMessage
from chatroom.client.text import dates, i18n, message_text
from chatroom.client.view.draw.text import Fragment, Row, clip_text, column_count, drawable_text, wrap_row
from chatroom.client.view.draw.theme import nickname_style
from chatroom.protocol.values import CHANGE_KINDS, SPOKEN_KINDS, Message
from msgspec import UNSET

INDENT = 4
"""Of the rows of a message after its first; in a very narrow pane, less."""

TALL = 16
"""A message of more rows than this may be folded."""

FOLDED_TO = 12
"""Rows of a folded message that are shown."""

NAMED = 3
"""So many of those who reacted alike are named; more are counted."""

LINK = re.compile(
    r"""https?://[^\s<>"'，。；：！？、（）【】《》「」…]*[^\s<>"'，。；：！？、（）【】《》「」….,;:!?)\]]"""
)
"""The address of a page in a text, without what ends the sentence around it."""


class MessageStyle(NamedTuple):
    """What changes the rows of a message without being in it."""

    width: int
    language: str
    mine: bool = False  # I wrote it
    mention: bool = False  # it names me
    posing: bool = False  # its nickname is the name of another account, so the account is shown beside it
    follows: bool = False  # what the same person said stands right above it, and need not be named again
    folded: bool = False  # if it is tall, its end is hidden
    unfolds: str = ""  # by which key it is shown
    selected: bool = False  # commands are to be about it


@lru_cache(maxsize=2048)
def message_rows(message: Message, looks: MessageStyle) -> list[Row]:
    """None at all for a kind of message that we do not know, or that changes another."""
    body = _body_row(message, looks)
    if not body:
        return []
    head = [("", " " * _text_indent(looks.width))] if looks.follows else _head_row(message, looks)
    first: Row = [("class:chosen" if looks.selected else style, text) for style, text in head]
    rows = wrap_with_head([*first, *body], looks.width, first)
    hidden = len(rows) - FOLDED_TO
    if looks.folded and len(rows) > TALL:
        more = i18n.translate("view.more_rows", count=hidden) + key_hint(looks.unfolds)
        rows[FOLDED_TO:] = [_hint_row(more, looks.width)]
    return rows


def key_hint(name: str) -> str:
    """Behind what a key does, which one it is; nothing where there is none."""
    return i18n.translate("view.by_key", name=name) if name else ""


def _head_row(message: Message, looks: MessageStyle) -> Row:
    """When it was said, and by whom."""
    nickname = drawable_text(message.nickname)
    if looks.posing:
        nickname += f"({drawable_text(message.username)})"
    style = "class:me" if looks.mine else nickname_style(message.username)
    before, after = ("* ", " ") if message.kind == "action" else ("", ":")
    stamp = ("class:time", f"--{dates.clock(message.time)}-- ")
    return [stamp, ("class:action", before), (style, nickname), ("class:text", after)]


def quote_rows(quoted: Message | None, width: int) -> list[Row]:
    """Above an answer, what it answers; ``None`` where that is not here."""
    if quoted is None:
        said = i18n.translate("view.quote_elsewhere")
    else:
        said = f"{drawable_text(quoted.nickname)}: {drawable_text(message_text.message_body(quoted))}"
    return [_hint_row(f"┌ {said}", width)]


def reaction_rows(message: Message, width: int) -> list[Row]:
    """Below a message, who reacted how."""
    if message.reactions is UNSET:
        return []
    said = "  ".join(
        f"{drawable_text(reaction)} {_reactor_names(names)}" for reaction, names in message.reactions.items()
    )
    return wrap_row([("", " " * _text_indent(width)), ("class:reaction", said)], width, _text_indent(width))


def _reactor_names(names: list[str]) -> str:
    return drawable_text(" ".join(names)) if len(names) <= NAMED else str(len(names))


def _hint_row(text: str, width: int) -> Row:
    return [("class:hint", clip_text(" " * _text_indent(width) + text, width))]


def pending_rows(pending: PendingMessage, nickname: str, width: int) -> list[Row]:
    """A line of mine that the server has not confirmed, with how it stands."""
    refused = pending.delivery is DeliveryState.REFUSED
    style = "class:refused" if refused else "class:pending"
    before, after = ("* ", " ") if pending.kind == "action" else ("", ":")
    head: Row = [(style, f"--{dates.local(pending.written_at)}-- {before}{drawable_text(nickname)}{after}")]
    is_change = pending.kind in CHANGE_KINDS
    text = drawable_text(
        message_text.change_text(pending.kind, pending.text) if is_change else pending.text, lines=True
    )
    return wrap_with_head([*head, (style, text), *_pending_status(pending, style)], width, head)


def _pending_status(pending: PendingMessage, style: str) -> Row:
    """Why a line of mine is not yet among the messages. One that is stored says nothing: it is on its way."""
    if pending.delivery is DeliveryState.REFUSED:
        return [
            (style, f" [{i18n.translate('view.refused', why=i18n.refusal(pending.error, pending.facts))}]")
        ]
    return [] if pending.seq else [(style, f" [{i18n.translate('view.sending')}]")]


def note_line(note: ClientNote) -> Row:
    """Something that the client itself says, on a line of any length."""
    style, mark = ("class:error", "-!-") if note.is_serious else ("class:note", "---")
    return [(style, f"{mark} "), (style, note_text(note))]


def note_rows(note: ClientNote, width: int) -> list[Row]:
    line = note_line(note)
    return wrap_with_head(line, width, line[:1])


def note_text(note: ClientNote) -> str:
    return drawable_text(i18n.translate(note.key, **note.facts), lines=True)


def ruler_row(style: str, label: str, width: int) -> Row:
    """A line across the pane with a word in it."""
    before = max(0, min(4, width - column_count(label) - 2))
    after = max(0, width - before - column_count(label) - 2)
    return [(style, f"{'─' * before} {label} {'─' * after}")]


def wrap_with_head(row: Row, width: int, head: Iterable[Fragment]) -> list[Row]:
    """Wrap a row whose head should not be torn."""
    return wrap_row(row, width, _text_indent(width), sum(len(text) for _, text in head))


def _text_indent(width: int) -> int:
    return min(INDENT, width // 4)


def _body_row(message: Message, looks: MessageStyle) -> Row:
    """What was said or happened; empty where that is nothing to show."""
    if message.deleted is True:
        return [("class:hint", i18n.translate("said.deleted"))]
    if message.kind in SPOKEN_KINDS:
        style = "class:mention" if looks.mention else "class:text"
        edited = [] if message.edited is UNSET else [("class:hint", f" {i18n.translate('said.edited')}")]
        return [*_link_fragments(drawable_text(message.text, lines=True), style), *edited]
    if message.kind in CHANGE_KINDS or not message_text.is_shown(message):
        return []
    return [("class:notice", drawable_text(message_text.message_body(message)))]


def _link_fragments(text: str, style: str) -> Row:
    """A text in which the addresses of pages can be told by their look."""
    found: Row = []
    at = 0
    for link in LINK.finditer(text):
        found += [(style, text[at : link.start()]), (f"{style} class:link", link[0])]
        at = link.end()
    return [part for part in (*found, (style, text[at:])) if part[1]] or [(style, "")]
