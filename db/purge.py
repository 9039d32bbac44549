"""Deletes the messages of removed rooms, and those that are older than the retention, in small steps.

A conversation may hold a million messages, and there is only one writer. Therefore ``rooms.remove_room`` only
removes the room. The row of the conversation is kept forever, so that its id is never reused.

Retention: ``read_step`` reads, on a reader's connection, the oldest messages of a conversation that may go;
``delete_step`` deletes them. A conversation's messages are deleted from its beginning, and ``first_seq``
moves in the same transaction; ``head`` and all seqs stay. So a message exists if its seq is at least
``first_seq``. Two rules keep deleted words out of the search index:

* Only indexed messages are deleted, so that no slice that was read before can index them later.
* The documents of a message are those of its edits, too. If an edit is not indexed yet, or the documents are
  being replaced, the message waits.

Edits are messages of their own and remain, but their texts are erased: they are those of deleted messages.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, select, update

from chatroom.db import erasures, schema
from chatroom.db.queries import raw_select
from chatroom.db.queries.messages import SPOKEN_KINDS, lock_heads, messages_at
from chatroom.db.schema import conversations, messages, revisions, rooms
from chatroom.db.search import search_index

DAY_MS = 24 * 60 * 60 * 1000

MAX_STEP_EDITS = 20
"""Edits whose texts one step erases; each takes three statements."""

_seq_of = itemgetter(0)


def purge_slice(connection: Connection, limit: int) -> bool:
    """Delete up to ``limit`` messages of a removed room. Returns ``False`` if there was nothing to delete."""
    conversation_id = _closed_conversation(connection)
    if conversation_id is None:
        return False
    lock_heads(connection, [conversation_id])
    row = messages.c
    query = select(row.seq, row.sent_at).where(row.conversation_id == conversation_id)
    deleted = [(seq, sent_at) for seq, sent_at in connection.execute(query.order_by(row.seq).limit(limit))]
    if not deleted:  # another server process was faster
        return True
    search_index.delete_documents(connection, conversation_id, deleted)
    _delete_rows(connection, conversation_id, deleted[0][0], deleted[-1][0])
    erasures.note_unindexing(connection, conversation_id)
    return True


def _closed_conversation(connection: Connection) -> int | None:
    """The id of the conversation of a removed room that still has messages."""
    row = conversations.c
    query = select(row.id).join(rooms, rooms.c.conversation_id == row.id, isouter=True)
    query = query.where(row.kind == "room", rooms.c.conversation_id.is_(None))
    has_messages = exists().where(messages.c.conversation_id == row.id)
    return connection.execute(query.where(has_messages).order_by(row.id).limit(1)).scalar_one_or_none()


def _delete_rows(connection: Connection, conversation_id: int, first: int, last: int) -> None:
    """Delete messages of a conversation, and what is stored about them."""
    for table, seq in (
        (revisions, revisions.c.target),
        (schema.erasures, schema.erasures.c.seq),
        (messages, messages.c.seq),
    ):
        in_conversation = table.c.conversation_id == conversation_id
        connection.execute(delete(table).where(in_conversation, seq.between(first, last)))


class ExpiredConversation(NamedTuple):
    """A conversation with messages older than its retention: those before ``cutoff``, in milliseconds since
    1970, may go.
    """

    id: int
    cutoff: int


@dataclass(frozen=True, slots=True)
class PurgeStep:
    """The oldest messages of a conversation, by seq and time, to delete in one transaction; and the messages
    that edit them.
    """

    conversation_id: int
    messages: Sequence[tuple[int, int]]
    spoken: Sequence[tuple[int, int]]  # seq and author of the text and action messages among them
    last_spoken: int  # the counter ``spoken`` of the last one
    edits: Sequence[int]

    @property
    def first(self) -> int:
        return self.messages[0][0]

    @property
    def last(self) -> int:
        return self.messages[-1][0]

    def count_unread(self, account_id: int, read: int) -> int:
        """The number of these messages that were unread for an account that has read up to ``read``."""
        unread = self.spoken[bisect_right(self.spoken, read, key=_seq_of) :]
        return sum(author != account_id for _, author in unread)


RETAINED_DAYS_SQL = "CASE WHEN rooms.retention_days < {0} THEN rooms.retention_days ELSE {0} END"
"""The smaller of the room's number of days and the server's. A private chat has only the server's."""

EXPIRED_SQL = (
    "SELECT conversations.id, {days} AS days FROM conversations"
    " LEFT JOIN rooms ON rooms.conversation_id = conversations.id"
    " JOIN messages ON messages.conversation_id = conversations.id AND messages.seq = first_seq"
    " WHERE conversations.id > ? AND conversations.id <= ?"
    " AND (conversations.kind = 'direct' OR rooms.conversation_id IS NOT NULL)"
    " AND messages.sent_at < ? - {day} * {days} ORDER BY conversations.id"
)

STEP_SQL = (
    "SELECT messages.seq, messages.sent_at, messages.kind, messages.account_id, messages.spoken"
    " FROM conversations JOIN messages ON messages.conversation_id = conversations.id"
    " JOIN indexed ON indexed.conversation_id = conversations.id"
    " WHERE conversations.id = ? AND messages.seq >= first_seq AND messages.seq <= indexed.seq"
    " AND messages.sent_at < ? ORDER BY messages.seq LIMIT ?"
)

STEP_EDITS_SQL = (
    "SELECT revisions.target, revisions.seq, COALESCE(indexed.seq, 0) FROM revisions"
    " JOIN messages ON messages.conversation_id = revisions.conversation_id AND messages.seq = revisions.seq"
    " LEFT JOIN indexed ON indexed.conversation_id = revisions.conversation_id"
    " WHERE revisions.conversation_id = ? AND revisions.target BETWEEN ? AND ? AND messages.kind = 'edit'"
    " ORDER BY revisions.target"
)


UNERASED_SQL = (
    "SELECT MIN(seq) FROM erasures"
    " WHERE conversation_id = ? AND seq BETWEEN ? AND ? AND unindex_after IS NOT NULL"
)
"""The first message whose documents are being replaced (``search.index_erasure``)."""


def last_conversation(connection: Connection) -> int:
    """The highest id of a conversation."""
    [[last]] = raw_select.execute_select(connection, "SELECT COALESCE(MAX(id), 0) FROM conversations")
    return int(last)


def expired_conversations(
    connection: Connection, now: int, server_days: int, *, after: int, upto: int
) -> list[ExpiredConversation]:
    """The conversations among these ids that have messages older than their retention. ``server_days`` is the
    server's number of days, 0 for none.
    """
    days = RETAINED_DAYS_SQL.format(server_days) if server_days else "rooms.retention_days"
    query = EXPIRED_SQL.format(days=days, day=DAY_MS)
    rows = raw_select.execute_select(connection, query, after, upto, now)
    return [ExpiredConversation(id, now - DAY_MS * days) for id, days in rows]


def next_step(
    connection: Connection, conversation_id: int, now: int, server_days: int, *, limit: int
) -> PurgeStep | None:
    """The next messages of a conversation to delete, at most ``limit``, under its current retention. Returns
    ``None`` if there are none.
    """
    expired = expired_conversations(
        connection, now, server_days, after=conversation_id - 1, upto=conversation_id
    )
    return read_step(connection, expired[0], limit) if expired else None


def read_step(connection: Connection, expired: ExpiredConversation, limit: int) -> PurgeStep | None:
    """The next messages to delete, at most ``limit``. Returns ``None`` if there are none, or if the search
    index lacks them.
    """
    rows = raw_select.execute_select(connection, STEP_SQL, expired.id, expired.cutoff, limit)
    if not rows:
        return None
    extent = expired.id, rows[0][0], rows[-1][0]
    edits = raw_select.execute_select(connection, STEP_EDITS_SQL, *extent)
    [[unerased]] = raw_select.execute_select(connection, UNERASED_SQL, *extent)
    end = next(
        (target for count, (target, seq, mark) in enumerate(edits) if seq > mark or count >= MAX_STEP_EDITS),
        rows[-1][0] + 1,
    )
    rows = [row for row in rows if row[0] < min(end, unerased or end)]
    if not rows:
        return None
    last = rows[-1][0]
    return PurgeStep(
        expired.id,
        [(seq, sent_at) for seq, sent_at, *_ in rows],
        [(seq, account_id) for seq, _, kind, account_id, _ in rows if kind in SPOKEN_KINDS],
        rows[-1][4],
        [seq for target, seq, _ in edits if target <= last < seq],
    )


def delete_step(connection: Connection, step: PurgeStep, now: int) -> bool:
    """Delete the messages of a step from a locked conversation, after their documents. Returns ``False`` if
    another server process was faster.
    """
    row, id = conversations.c, step.conversation_id
    moved = connection.execute(
        update(conversations)
        .where(row.id == id, row.first_seq == step.first)
        .values(first_seq=step.last + 1, purged_spoken=step.last_spoken)
    )
    if not moved.rowcount:
        return False
    _erase_edits(connection, id, step.edits, now)
    _delete_rows(connection, id, step.first, step.last)
    erasures.note_unindexing(connection, id)
    return True


def _erase_edits(connection: Connection, conversation_id: int, seqs: Collection[int], now: int) -> None:
    for edit in messages_at(connection, [(conversation_id, seq) for seq in seqs]):
        erasures.erase_texts(connection, [edit], now, unindex_after=edit.seq)
