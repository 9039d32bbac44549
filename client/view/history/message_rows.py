"""The rows of one message, pending line or note.

A message is drawn as ``--2022-12-15 20:07:40-- BOB:Hello World!``, in local time. Its other rows are
indented, so that no text can imitate a message of another user. The quoted message above it and the
reactions below it are indented too.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from msgspec import UNSET

from chatroom.client.model.state import ClientNote, DeliveryState, PendingMessage
from chatroom.client.text import dates, i18n, message_text
from chatroom.client.view.draw.text import Fragment, Row, clip_text, column_count, drawable_text, wrap_row
from chatroom.client.view.draw.theme import nickname_style
from chatroom.protocol.values import CHANGE_KINDS, SPOKEN_KINDS, Message

INDENT = 4
"""Columns before the rows of a message after its first; fewer in a very narrow pane."""

COLLAPSE_ABOVE_ROWS = 16
"""A message of more rows than this is collapsed."""

COLLAPSED_ROWS = 12
"""Rows that are shown of a collapsed message."""

MAX_NAMED_REACTORS = 3
"""If more accounts gave the same reaction, they are counted instead of named."""

LINK_PATTERN = re.compile(
    r"""https?://[^\s<>"'，。；：！？、（）【】《》「」…]*[^\s<>"'，。；：！？、（）【】《》「」….,;:!?)\]]"""
)
"""A web address in a text, without the punctuation after it."""


class MessageStyle(NamedTuple):
    """Everything besides the message itself that its rows depend on."""

    width: int
    language: str
    mine: bool = False  # by this user
    mention: bool = False  # it mentions this user
    imitates_account: bool = False  # its nickname looks like another account, so its account is shown too
    continues_author: bool = False  # the message above is by the same author, so the name is left out
    collapse: bool = False  # hide the end of a long message
    expand_key: str = ""  # the name of the key that shows it
    selected: bool = False


@lru_cache(maxsize=2048)
def message_rows(message: Message, options: MessageStyle) -> list[Row]:
    """Return no rows for an unknown kind, and for a message that changes another one."""
    body = _body_row(message, options)
    if not body:
        return []
    head = (
        [("", " " * _text_indent(options.width))] if options.continues_author else _head_row(message, options)
    )
    first: Row = [("class:chosen" if options.selected else style, text) for style, text in head]
    rows = wrap_with_head([*first, *body], options.width, first)
    hidden = len(rows) - COLLAPSED_ROWS
    if options.collapse and len(rows) > COLLAPSE_ABOVE_ROWS:
        more = i18n.translate("view.more_rows", count=hidden) + expand_hint(options.expand_key)
        rows[COLLAPSED_ROWS:] = [_hint_row(more, options.width)]
    return rows


def key_hint(name: str) -> str:
    """Return the name of a key in brackets, or an empty text if there is no key."""
    return i18n.translate("view.by_key", name=name) if name else ""


def expand_hint(name: str) -> str:
    """Return the hint that this key expands what is collapsed; empty without a key."""
    return i18n.translate("view.expand", name=name) if name else ""


def _head_row(message: Message, options: MessageStyle) -> Row:
    """Return the time, and the author of what is no notice: those begin with the name."""
    stamp = ("class:time", f"--{dates.clock(message.time)}-- ")
    if message.kind not in SPOKEN_KINDS and message.deleted is not True:
        return [stamp]
    nickname = _shown_nickname(message, options)
    style = "class:me" if options.mine else nickname_style(message.username)
    before, after = ("* ", " ") if message.kind == "action" else ("", ":")
    return [stamp, ("class:action", before), (style, nickname), ("class:text", after)]


def _shown_nickname(message: Message, options: MessageStyle) -> str:
    """Return the nickname; with the account, if the nickname is the name of another account."""
    account = f"({drawable_text(message.username)})" if options.imitates_account else ""
    return drawable_text(message.nickname) + account


def quote_rows(quoted: Message | None, width: int) -> list[Row]:
    """Return the row above a reply. ``quoted`` is ``None`` if that message is not loaded."""
    if quoted is None:
        quote = i18n.translate("view.quote_elsewhere")
    else:
        quote = f"{drawable_text(quoted.nickname)}: {drawable_text(message_text.message_body(quoted))}"
    return [_hint_row(f"┌ {quote}", width)]


def reaction_rows(message: Message, width: int) -> list[Row]:
    """Return the rows below a message that show its reactions."""
    if message.reactions is UNSET:
        return []
    reactions = "  ".join(
        f"{drawable_text(reaction)} {_reactor_names(names)}" for reaction, names in message.reactions.items()
    )
    return wrap_row(
        [("", " " * _text_indent(width)), ("class:reaction", reactions)], width, _text_indent(width)
    )


def _reactor_names(names: list[str]) -> str:
    return drawable_text(" ".join(names)) if len(names) <= MAX_NAMED_REACTORS else str(len(names))


def _hint_row(text: str, width: int) -> Row:
    return [("class:hint", clip_text(" " * _text_indent(width) + text, width))]


def pending_rows(pending: PendingMessage, nickname: str, width: int) -> list[Row]:
    """Return the rows of a line that the server has not confirmed, with its status."""
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
    """Return the status of a pending line: refused or sending; nothing if the server has stored it."""
    if pending.delivery is DeliveryState.REFUSED:
        why = i18n.refusal(pending.error, pending.facts)
        return [(style, f" [{i18n.translate('view.refused', why=why)}]")]
    return [] if pending.seq else [(style, f" [{i18n.translate('view.sending')}]")]


def note_line(note: ClientNote) -> Row:
    """Return a message of the client itself, as a line of any length."""
    style, mark = ("class:error", "-!-") if note.is_serious else ("class:note", "---")
    return [(style, f"{mark} "), (style, note_text(note))]


def note_rows(note: ClientNote, width: int) -> list[Row]:
    line = note_line(note)
    return wrap_with_head(line, width, line[:1])


def note_text(note: ClientNote) -> str:
    return drawable_text(i18n.translate(note.key, **note.facts), lines=True)


def ruler_row(style: str, label: str, width: int) -> Row:
    """Return a horizontal line with a label."""
    before = max(0, min(4, width - column_count(label) - 2))
    after = max(0, width - before - column_count(label) - 2)
    return [(style, f"{'─' * before} {label} {'─' * after}")]


def wrap_with_head(row: Row, width: int, head: Iterable[Fragment]) -> list[Row]:
    """Wrap a row; its head stays in one piece if it fits."""
    return wrap_row(row, width, _text_indent(width), sum(len(text) for _, text in head))


def _text_indent(width: int) -> int:
    return min(INDENT, width // 4)


def _body_row(message: Message, options: MessageStyle) -> Row:
    """Return the text of a message; empty for a kind that is not shown."""
    if message.deleted is True:
        return [("class:hint", i18n.translate("said.deleted"))]
    if message.kind in SPOKEN_KINDS:
        style = "class:mention" if options.mention else "class:text"
        edited = [] if message.edited is UNSET else [("class:hint", i18n.translate("said.edited"))]
        return [*_link_fragments(drawable_text(message.text, lines=True), style), *edited]
    if message.kind in CHANGE_KINDS or not message_text.is_shown(message):
        return []
    return [("class:notice", message_text.notice_text(message, _shown_nickname(message, options)))]


def _link_fragments(text: str, style: str) -> Row:
    """Return the text as fragments in which web addresses have the style of a link."""
    fragments: Row = []
    at = 0
    for link in LINK_PATTERN.finditer(text):
        fragments += [(style, text[at : link.start()]), (f"{style} class:link", link[0])]
        at = link.end()
    return [part for part in (*fragments, (style, text[at:])) if part[1]] or [(style, "")]
