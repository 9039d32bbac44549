"""An account's own seat with its unread count, as every listing has it.

``unread`` counts the messages of others after ``read``: all text and action messages after it, which is the
difference of two stored counters (``conversations.spoken`` and ``messages.spoken``, or
``conversations.purged_spoken`` if that message was removed), minus the account's own, which are counted. That
count is a separate query because MariaDB scans only the part of a conversation after a seq if the seq is a
literal in the query; compared with a column of another table, it would scan the whole conversation.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from chatroom.db.queries.messages import SPOKEN_KINDS, SeqRange
from chatroom.db.queries.raw_select import MAX_CONDITIONS
from chatroom.db.records import SeatRecord
from chatroom.db.schema import accounts, conversations, memberships, messages

AnyRow = Row[*tuple[Any, ...]]

MAX_COUNTED_RANGE = 10_000
"""Own messages further than this before the head are not subtracted. The count is large in any case, and
counting takes 5 ms for this many.
"""

holder = accounts.alias("holder")
"""The account that has the seat."""

_spoken_at_read = (
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
    memberships.c.moderator,
    (conversations.c.spoken - func.coalesce(_spoken_at_read, conversations.c.purged_spoken)).label("behind"),
)
"""For a query that joins ``conversations`` and (perhaps as outer joins) ``memberships`` and ``holder``, and
that also selects ``conversation_id`` and ``head``.
"""


def seats_from_rows(connection: Connection, rows: Sequence[AnyRow]) -> dict[int, SeatRecord]:
    """The seats by conversation, from the rows of such a query for one account."""
    seated = [row for row in rows if row.account_id is not None]
    behind = [
        SeqRange(row.conversation_id, max(row.read_seq, row.head - MAX_COUNTED_RANGE), row.head)
        for row in seated
        if row.behind
    ]
    own = _count_own(connection, seated[0].account_id, behind) if behind else {}
    return {
        row.conversation_id: _seat_record(row, row.behind - own.get(row.conversation_id, 0)) for row in seated
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
        moderator=row.moderator,
    )


def _count_own(connection: Connection, account_id: int, ranges: Sequence[SeqRange]) -> dict[int, int]:
    """The number of the account's own messages in ranges of conversations, by conversation."""
    counts: dict[int, int] = {}
    for start in range(0, len(ranges), MAX_CONDITIONS):
        counts |= _count_own_chunk(connection, account_id, ranges[start : start + MAX_CONDITIONS])
    return counts


def _count_own_chunk(connection: Connection, account_id: int, ranges: Sequence[SeqRange]) -> dict[int, int]:
    row = messages.c
    behind = (
        and_(row.conversation_id == part.conversation_id, row.seq > part.after, row.seq <= part.upto)
        for part in ranges
    )
    query = (
        select(row.conversation_id, func.count().label("own"))
        .where(or_(*behind))
        .group_by(row.conversation_id)
    )
    # The sum keeps SQLite from using the index of the cids, which would scan all messages of the account.
    query = query.where(row.account_id + 0 == account_id, row.kind.in_(SPOKEN_KINDS))
    return {row.conversation_id: row.own for row in connection.execute(query)}
