"""The rows of one message, pending line or note.

``columns`` lays out their starts: time, name, text. All rows of a message but the first are indented, so that
no text can imitate a message of another user. The quoted message above it and the reactions below it are
indented too.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import UNSET

from chatroom.client.model.state import ClientNote, DeliveryState, PendingMessage
from chatroom.client.text import dates, i18n, message_text
from chatroom.client.text.links import find_links
from chatroom.client.view.draw.link_text import link_style, split_style
from chatroom.client.view.draw.text import Fragment, Row, clip_text, column_count, drawable_text, wrap_row
from chatroom.client.view.draw.theme import nickname_style
from chatroom.client.view.draw.widths import cached_by_width, line_text
from chatroom.client.view.history.columns import REPORT_COLUMNS, TextColumns
from chatroom.client.view.history.markdown import markdown_row
from chatroom.protocol.values import CHANGE_KINDS, SPOKEN_KINDS, Message

COLLAPSE_ABOVE_ROWS = 16
"""A message of more rows than this is collapsed."""

COLLAPSED_ROWS = 12
"""Rows that are shown of a collapsed message."""

NOTICE_MARK = "--"
"""In place of a name, before the notice that a user has joined, left, and so on."""

CONTINUED_MARK = "·"
"""In place of a name that is not repeated, where no time shows that a message begins."""

QUOTE_STYLE = "class:hint class:quoted"
"""The style of the row above a reply, which leads to the original (Alt-J, a click)."""

MAX_MARKED_TERMS = 20
"""Words of a search that are marked."""

MAX_NAMED_REACTORS = 3
"""If more accounts gave the same reaction, they are counted instead of named."""


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
    columns: TextColumns = REPORT_COLUMNS
    markdown: bool = False
    marked_terms: tuple[str, ...] = ()  # words of a search that are marked


@cached_by_width(maxsize=2048)
def message_rows(message: Message, options: MessageStyle) -> list[Row]:
    """Return no rows for an unknown kind, and for a message that changes another one."""
    body = _body_row(message, options)
    if not body:
        return []
    head = _head_row(message, options)
    first: Row = [("class:chosen" if options.selected else style, text) for style, text in head]
    rows = wrap_with_head([*first, *body], options.width, first, options.columns)
    hidden = len(rows) - COLLAPSED_ROWS
    if options.collapse and len(rows) > COLLAPSE_ABOVE_ROWS:
        more = i18n.translate("view.more_rows", count=hidden) + expand_hint(options.expand_key)
        rows[COLLAPSED_ROWS:] = [_hint_row(more, options.width, options.columns)]
    return rows


def key_hint(name: str) -> str:
    """Return the name of a key in brackets, or an empty text if there is no key."""
    return i18n.translate("view.by_key", name=name) if name else ""


def expand_hint(name: str) -> str:
    """Return the hint that this key expands what is collapsed; empty without a key."""
    return i18n.translate("view.expand", name=name) if name else ""


def _head_row(message: Message, options: MessageStyle) -> Row:
    """Return the time, and the author of what is no notice: those begin with the name."""
    columns = options.columns
    if options.continues_author:
        return _continued_head(message, options)
    time = columns.wire_stamp(message.time)
    if message.kind not in SPOKEN_KINDS and message.deleted is not True:
        return (
            columns.mark_row("class:notice", NOTICE_MARK, time)
            if columns.name_columns
            else [("class:time", time)]
        )
    nickname = _shown_nickname(message, options)
    style = "class:me" if options.mine else nickname_style(message.username)
    if message.kind == "action":
        return [*columns.mark_row("class:action", "*", time), (style, nickname), ("class:text", " ")]
    return [("class:time", time + columns.padding(nickname)), (style, nickname), ("class:colon", ":")]


def _continued_head(message: Message, options: MessageStyle) -> Row:
    """Return the start of a message by the author of the one above: the time only.

    Without a time, a mark shows where the message begins.
    """
    columns = options.columns
    if not columns.name_columns:
        indent = columns.indent(options.width)
        return [("class:time", f"{CONTINUED_MARK} ".rjust(indent)[-indent:] if indent > 1 else " " * indent)]
    mark = "" if columns.time_format != "none" else CONTINUED_MARK
    return columns.mark_row("class:time", mark, columns.wire_stamp(message.time))


def _shown_nickname(message: Message, options: MessageStyle) -> str:
    """Return the nickname; with the account, if the nickname is the name of another account."""
    account = f"({drawable_text(message.username)})" if options.imitates_account else ""
    return drawable_text(message.nickname) + account


def quote_rows(
    quoted: Message | None,
    width: int,
    columns: TextColumns = REPORT_COLUMNS,
    *,
    is_removed: bool = False,
) -> list[Row]:
    """Return the row above a reply. ``quoted`` is ``None`` if that message is not loaded or was removed."""
    if quoted is None:
        quote = i18n.translate("view.quote_removed" if is_removed else "view.quote_elsewhere")
    else:
        quote = f"{drawable_text(quoted.nickname)}: {drawable_text(message_text.message_body(quoted))}"
    return [[(QUOTE_STYLE, text) for _, text in _hint_row(f"{line_text('┌')} {quote}", width, columns)]]


def reaction_rows(message: Message, width: int, columns: TextColumns = REPORT_COLUMNS) -> list[Row]:
    """Return the rows below a message that show its reactions."""
    if message.reactions is UNSET:
        return []
    reactions = "  ".join(
        f"{drawable_text(reaction)} {_reactor_names(names)}" for reaction, names in message.reactions.items()
    )
    indent = columns.indent(width)
    return wrap_row([("", " " * indent), ("class:reaction", reactions)], width, indent)


def _reactor_names(names: list[str]) -> str:
    return drawable_text(" ".join(names)) if len(names) <= MAX_NAMED_REACTORS else str(len(names))


def _hint_row(text: str, width: int, columns: TextColumns) -> Row:
    return [("class:hint", clip_text(" " * columns.indent(width) + text, width))]


def pending_rows(
    pending: PendingMessage, nickname: str, width: int, columns: TextColumns = REPORT_COLUMNS
) -> list[Row]:
    """Return the rows of a line that the server has not confirmed, with its status."""
    refused = pending.delivery is DeliveryState.REFUSED
    style = "class:refused" if refused else "class:pending"
    time, nickname = columns.stamp(dates.local(pending.written_at)), drawable_text(nickname)
    if pending.kind == "action":
        head = [*columns.mark_row(style, "*", time), (style, f"{nickname} ")]
    else:
        head = [("class:time", time), (style, f"{columns.padding(nickname)}{nickname}:")]
    is_change = pending.kind in CHANGE_KINDS
    text = drawable_text(
        message_text.change_text(pending.kind, pending.text) if is_change else pending.text, lines=True
    )
    return wrap_with_head([*head, (style, text), *_pending_status(pending, style)], width, head, columns)


def _pending_status(pending: PendingMessage, style: str) -> Row:
    """Return the status of a pending line: refused or sending; nothing if the server has stored it."""
    if pending.delivery is DeliveryState.REFUSED:
        why = i18n.refusal(pending.error, pending.facts)
        return [(style, f" [{i18n.translate('view.refused', why=why)}]")]
    return [] if pending.seq else [(style, f" [{i18n.translate('view.sending')}]")]


def note_line(note: ClientNote) -> Row:
    """Return a message of the client itself, as a line of any length."""
    style, mark = _note_mark(note)
    return [(style, f"{mark} "), (style, note_text(note))]


def _note_mark(note: ClientNote) -> Fragment:
    return ("class:error", "-!-") if note.is_serious else ("class:note", "---")


def note_rows(note: ClientNote, width: int, columns: TextColumns = REPORT_COLUMNS) -> list[Row]:
    style, mark = _note_mark(note)
    head = columns.mark_row(style, mark)
    return wrap_with_head([*head, (style, note_text(note))], width, head, columns)


def note_text(note: ClientNote) -> str:
    return drawable_text(i18n.translate(note.key, **note.facts), lines=True)


def ruler_row(style: str, label: str, width: int) -> Row:
    """Return a horizontal line with a label."""
    before = max(0, min(4, width - column_count(label) - 2))
    after = max(0, width - before - column_count(label) - 2)
    line = line_text("─")
    return [(style, f"{line * before} {label} {line * after}")]


def wrap_with_head(
    row: Row, width: int, head: Iterable[Fragment], columns: TextColumns = REPORT_COLUMNS
) -> list[Row]:
    """Wrap a row; its head stays in one piece if it fits."""
    return wrap_row(row, width, columns.indent(width), sum(len(text) for _, text in head))


def _body_row(message: Message, options: MessageStyle) -> Row:
    """Return the text of a message; empty for a kind that is not shown."""
    if message.deleted is True:
        return [("class:hint", i18n.translate("said.deleted"))]
    if message.kind in SPOKEN_KINDS:
        style = "class:mention" if options.mention else "class:text"
        edited = [] if message.edited is UNSET else [("class:hint", i18n.translate("said.edited"))]
        text = drawable_text(message.text, lines=True)
        row = markdown_row(text, style) if options.markdown else [(style, text)]
        row = [part for style, text in row for part in _link_fragments(text, style)]
        return [*marked_row(row, options.marked_terms), *edited]
    if message.kind in CHANGE_KINDS or not message_text.is_shown(message):
        return []
    return [("class:notice", message_text.notice_text(message, _shown_nickname(message, options)))]


def marked_row(row: Row, terms: tuple[str, ...]) -> Row:
    """Return a row in which the words of a search are marked."""
    if not terms:
        return row
    pattern = re.compile("|".join(map(re.escape, terms[:MAX_MARKED_TERMS])), re.IGNORECASE)
    marked: Row = []
    for style, text in row:
        plain, target = split_style(style)
        end = f" [{target}]" if target else ""
        for part in re.split(f"({pattern.pattern})", text, flags=re.IGNORECASE):
            is_match = pattern.fullmatch(part) is not None
            marked.append((f"{plain} class:match{end}" if is_match else style, part))
    return [part for part in marked if part[1]]


def _link_fragments(text: str, style: str) -> Row:
    """Return the text as fragments in which links have their style and target."""
    fragments: Row = []
    at = 0
    for link in find_links(text):
        fragments += [
            (style, text[at : link.start]),
            (link_style(style, link.target), text[link.start : link.end]),
        ]
        at = link.end
    return [part for part in (*fragments, (style, text[at:])) if part[1]] or [(style, "")]
