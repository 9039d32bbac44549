"""An account's own seat, as every listing carries it, with what is unread.

``unread`` counts what others said behind ``read``: all that was said behind it, which two numbers kept by
the writer tell (``conversations.spoken`` and ``messages.spoken``), less what the account said itself, which
is counted. That count is a query of its own, because MariaDB can walk just the part of a conversation behind
a seq only when the seq stands in the query; compared with another table's column, it would walk the whole.
"""

from collections.abc import Sequence
from typing import Any

from chatroom.db.queries.messages import SPOKEN_KINDS, SeqRange
from chatroom.db.queries.raw_select import MAX_CONDITIONS
from chatroom.db.records import SeatRecord
from chatroom.db.schema import accounts, conversations, memberships, messages
from sqlalchemy import Connection, Row, and_, func, or_, select

AnyRow = Row[*tuple[Any, ...]]

MAX_COUNTED_RANGE = 10_000
"""Own messages further than this behind the head are not told apart any more: whoever is that far behind
reads a large number either way, and counting takes 5 ms for so many."""

holder = accounts.alias("holder")
"""The account whose seat it is."""

_said_when_read = (
    select(messages.c.spoken)
    .where(messages.c.conversation_id == conversations.c.id, messages.c.seq == memberships.c.read_seq)
    .correlate(conversations, memberships)
    .scalar_subquery()
)

SEAT_COLUMNS = (
    memberships.c.account_id,
    holder.c.username,
    memberships.c.nickname,
    memberships.c.entered,
    memberships.c.read_seq,
    (conversations.c.spoken - func.coalesce(_said_when_read, 0)).label("behind"),
)
"""For a query that joins ``conversations``, ``memberships`` and ``holder``, the last two perhaps in vain,
and also selects ``conversation_id`` and ``head``."""


def seats_from_rows(connection: Connection, rows: Sequence[AnyRow]) -> dict[int, SeatRecord]:
    """The seats in the rows of such a query for one account, by conversation."""
    taken = [row for row in rows if row.account_id is not None]
    behind = [
        SeqRange(row.conversation_id, max(row.read_seq, row.head - MAX_COUNTED_RANGE), row.head)
        for row in taken
        if row.behind
    ]
    own = _count_own(connection, taken[0].account_id, behind) if behind else {}
    return {
        row.conversation_id: _seat_record(row, row.behind - own.get(row.conversation_id, 0)) for row in taken
    }


def _seat_record(row: AnyRow, unread: int) -> SeatRecord:
    return SeatRecord(
        conversation_id=row.conversation_id,
        account_id=row.account_id,
        username=row.username,
        nickname=row.nickname,
        entered=row.entered,
        read=row.read_seq,
        unread=unread,
    )


def _count_own(connection: Connection, account_id: int, stretches: Sequence[SeqRange]) -> dict[int, int]:
    """How much the account said in stretches of conversations, by conversation."""
    counts: dict[int, int] = {}
    for start in range(0, len(stretches), MAX_CONDITIONS):
        counts |= _count_own_chunk(connection, account_id, stretches[start : start + MAX_CONDITIONS])
    return counts


def _count_own_chunk(
    connection: Connection, account_id: int, stretches: Sequence[SeqRange]
) -> dict[int, int]:
    row = messages.c
    behind = (
        and_(row.conversation_id == one.conversation_id, row.seq > one.after, row.seq <= one.upto)
        for one in stretches
    )
    query = (
        select(row.conversation_id, func.count().label("said"))
        .where(or_(*behind))
        .group_by(row.conversation_id)
    )
    # The sum keeps SQLite from walking all messages of the account, by the index of the cids.
    query = query.where(row.account_id + 0 == account_id, row.kind.in_(SPOKEN_KINDS))
    return {row.conversation_id: row.said for row in connection.execute(query)}
