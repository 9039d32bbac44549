"""Long pages of a conversation, for exports. ``messages`` reads the short pages for the screen.

Such a page is as long as twenty short ones, so the cost of a row matters: the names of authors are looked up
once for the page.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, select

from chatroom.db.queries import revisions
from chatroom.db.queries.accounts import usernames_by_id
from chatroom.db.queries.raw_select import SELECTED_FIELDS, execute_select
from chatroom.db.records import StoredMessage, compile_function
from chatroom.db.schema import conversations

ROWS_PER_QUERY = 250
"""Rows of one SELECT. The rows beyond the end of a page are read in vain."""

MAX_PAGE_CHARACTERS = 1 << 18
"""Code points in the texts of a page. The last message may exceed it, so that a page is never empty."""

PAGE_SQL = (
    f"SELECT {', '.join('account_id' if field == 'username' else field for field in SELECTED_FIELDS)}"
    " FROM messages WHERE conversation_id = ? AND seq > ? ORDER BY seq LIMIT ?"
)
"""Selects the author's id in place of the name."""

USERNAME, TEXT, SEQ = map(SELECTED_FIELDS.index, ("username", "text", "seq"))
"""Positions in a row."""

_messages_from_rows: Callable[[Sequence[Sequence[Any]], dict[int, str]], list[StoredMessage]] = (
    compile_function(
        "lambda rows, names: [StoredMessage("
        f"{', '.join('names[username]' if field == 'username' else field for field in SELECTED_FIELDS)})"
        f" for {', '.join(SELECTED_FIELDS)} in rows]"
    )
)


def export_page(
    connection: Connection, conversation_id: int, *, after: int, limit: int
) -> tuple[list[StoredMessage], bool]:
    """Messages after a seq, ascending, in their current state; and whether there are more."""
    rows = _select_rows(connection, conversation_id, after, limit)
    if not rows:
        return [], False
    names = usernames_by_id(connection, {row[USERNAME] for row in rows})
    stored = _messages_from_rows(rows, names)
    page = _limit_text(revisions.latest_states(connection, stored))
    return page, page[-1].seq < _head_of(connection, conversation_id)


def _select_rows(connection: Connection, conversation_id: int, after: int, limit: int) -> list[Sequence[Any]]:
    selected: list[Sequence[Any]] = []
    length = 0
    while limit and length < MAX_PAGE_CHARACTERS:
        rows = execute_select(connection, PAGE_SQL, conversation_id, after, min(ROWS_PER_QUERY, limit))
        if not rows:
            break
        selected += rows
        after = rows[-1][SEQ]
        limit -= len(rows)
        length += sum(len(row[TEXT]) for row in rows)
    return selected


def _limit_text(page: list[StoredMessage]) -> list[StoredMessage]:
    lengths = list(accumulate(len(message.text) for message in page))
    return page[: bisect_left(lengths, MAX_PAGE_CHARACTERS) + 1]


def _head_of(connection: Connection, conversation_id: int) -> int:
    row = conversations.c
    head: int = connection.execute(select(row.head).where(row.id == conversation_id)).scalar_one()
    return head
