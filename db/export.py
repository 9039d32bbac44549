"""A conversation from end to end, in long pages, for whoever keeps a copy of it. ``messages`` reads what fits
on a screen.

A page here is twenty of those, so what counts is the single row: the driver's, without a type, a name or a
statement of SQLAlchemy's for it. What was done to messages later is looked up for the page as a whole, and
only what was changed takes the way that ``revisions`` goes for everybody.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, Row, select

from db import revisions
from db.accounts import usernames
from db.records import Stored
from db.schema import conversations

SLICE = 250
"""Rows that are asked for at once; what of them is beyond the length of a page is read for nothing."""

MOST_TEXT = 1 << 20
"""Code points in the texts of a page. The last one may go beyond, or a page might be empty."""

COLUMNS = "seq, account_id, nickname, kind, text, sent_at, cid, target"
AUTHOR, TEXT = 1, 4
"""Their places among these. By its name a value takes as long to find as the rest of its row to read."""


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
    found = _cut(_as_they_stand(connection, said))
    return found, found[-1].seq < _head(connection, conversation_id)


def _rows(
    connection: Connection, conversation_id: int, after: int, limit: int
) -> list[Row[*tuple[Any, ...]]]:
    found: list[Row[*tuple[Any, ...]]] = []
    length = 0
    while limit and length < MOST_TEXT:
        rows = _slice(connection, conversation_id, after, min(SLICE, limit))
        if not rows:
            break
        found += rows
        after = rows[-1][0]
        limit -= len(rows)
        length += sum(len(row[TEXT]) for row in rows)
    return found


def _slice(
    connection: Connection, conversation_id: int, after: int, count: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    return connection.exec_driver_sql(
        f"SELECT {COLUMNS} FROM messages"
        f" WHERE conversation_id = {mark} AND seq > {mark} ORDER BY seq LIMIT {mark}",
        (conversation_id, after, count),
    ).all()


def _as_they_stand(connection: Connection, said: list[Stored]) -> list[Stored]:
    id, first, last = said[0].conversation_id, said[0].seq, said[-1].seq
    touched = revisions.touched(connection, id, first, last)
    changed = [one for one in said if one.kind == "edit" or one.seq in touched]
    if not changed:
        return said
    latest = {one.seq: one for one in revisions.latest(connection, changed)}
    return [latest.get(one.seq, one) for one in said]


def _cut(found: list[Stored]) -> list[Stored]:
    lengths = list(accumulate(len(one.text) for one in found))
    return found[: bisect_left(lengths, MOST_TEXT) + 1]


def _head(connection: Connection, conversation_id: int) -> int:
    row = conversations.c
    head: int = connection.execute(select(row.head).where(row.id == conversation_id)).scalar_one()
    return head
