"""A conversation from end to end, in long pages, for whoever keeps a copy of it. ``messages`` reads what fits
on a screen.

A page here is twenty of those, so what counts is the single row: names of authors are looked up once for all.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from chatroom.db.queries import revisions
from chatroom.db.queries.accounts import usernames_by_id
from chatroom.db.queries.raw_select import execute_select
from chatroom.db.records import StoredMessage
from chatroom.db.schema import conversations
from sqlalchemy import Connection, select

ROWS_PER_QUERY = 250
"""Rows that are asked for at once; what of them is beyond the length of a page is read for nothing."""

MAX_PAGE_CHARACTERS = 1 << 20
"""Code points in the texts of a page. The last one may go beyond, or a page might be empty."""

QUESTION = (
    "SELECT seq, account_id, nickname, kind, text, sent_at, cid, target FROM messages"
    " WHERE conversation_id = ? AND seq > ? ORDER BY seq LIMIT ?"
)
AUTHOR, TEXT = 1, 4
"""Their places among these."""


def export_page(
    connection: Connection, conversation_id: int, *, after: int, limit: int
) -> tuple[list[StoredMessage], bool]:
    """Messages behind a seq, ascending, as they stand now; and whether there are more."""
    rows = _select_rows(connection, conversation_id, after, limit)
    if not rows:
        return [], False
    names = usernames_by_id(connection, {row[AUTHOR] for row in rows})
    said = [
        StoredMessage(conversation_id, seq, author, names[author], nickname, kind, text, sent_at, cid, target)
        for seq, author, nickname, kind, text, sent_at, cid, target in rows
    ]
    found = _limit_bytes(revisions.latest_states(connection, said))
    return found, found[-1].seq < _head_of(connection, conversation_id)


def _select_rows(connection: Connection, conversation_id: int, after: int, limit: int) -> list[Sequence[Any]]:
    found: list[Sequence[Any]] = []
    length = 0
    while limit and length < MAX_PAGE_CHARACTERS:
        rows = execute_select(connection, QUESTION, conversation_id, after, min(ROWS_PER_QUERY, limit))
        if not rows:
            break
        found += rows
        after = rows[-1][0]
        limit -= len(rows)
        length += sum(len(row[TEXT]) for row in rows)
    return found


def _limit_bytes(found: list[StoredMessage]) -> list[StoredMessage]:
    lengths = list(accumulate(len(one.text) for one in found))
    return found[: bisect_left(lengths, MAX_PAGE_CHARACTERS) + 1]


def _head_of(connection: Connection, conversation_id: int) -> int:
    row = conversations.c
    head: int = connection.execute(select(row.head).where(row.id == conversation_id)).scalar_one()
    return head
