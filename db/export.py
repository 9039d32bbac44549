"""A conversation from end to end, in long pages, for whoever keeps a copy of it. ``messages`` reads what fits
on a screen.

A page here is twenty of those, so what counts is the single row: names of authors are looked up once for all.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, select

from db import revisions
from db.accounts import usernames
from db.pages import ask
from db.records import Stored
from db.schema import conversations

SLICE = 250
"""Rows that are asked for at once; what of them is beyond the length of a page is read for nothing."""

MOST_TEXT = 1 << 20
"""Code points in the texts of a page. The last one may go beyond, or a page might be empty."""

QUESTION = (
    "SELECT seq, account_id, nickname, kind, text, sent_at, cid, target FROM messages"
    " WHERE conversation_id = ? AND seq > ? ORDER BY seq LIMIT ?"
)
AUTHOR, TEXT = 1, 4
"""Their places among these."""


def page(
    connection: Connection, conversation_id: int, *, after: int, limit: int
) -> tuple[list[Stored], bool]:
    """Messages behind a seq, ascending, as they stand now; and whether there are more."""
    rows = _rows(connection, conversation_id, after, limit)
    if not rows:
        return [], False
    names = usernames(connection, {row[AUTHOR] for row in rows})
    said = [
        Stored(conversation_id, seq, author, names[author], nickname, kind, text, sent_at, cid, target)
        for seq, author, nickname, kind, text, sent_at, cid, target in rows
    ]
    found = _cut(revisions.latest(connection, said))
    return found, found[-1].seq < _head(connection, conversation_id)


def _rows(connection: Connection, conversation_id: int, after: int, limit: int) -> list[Sequence[Any]]:
    found: list[Sequence[Any]] = []
    length = 0
    while limit and length < MOST_TEXT:
        rows = ask(connection, QUESTION, conversation_id, after, min(SLICE, limit))
        if not rows:
            break
        found += rows
        after = rows[-1][0]
        limit -= len(rows)
        length += sum(len(row[TEXT]) for row in rows)
    return found


def _cut(found: list[Stored]) -> list[Stored]:
    lengths = list(accumulate(len(one.text) for one in found))
    return found[: bisect_left(lengths, MOST_TEXT) + 1]


def _head(connection: Connection, conversation_id: int) -> int:
    row = conversations.c
    head: int = connection.execute(select(row.head).where(row.id == conversation_id)).scalar_one()
    return head
