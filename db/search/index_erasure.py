"""Removes the words of erased messages from the search index, in small steps.

``db.erasures`` lists the messages. The documents of a message, and of its edits, are replaced by one for
its current text, or by none. That happens after the index has reached the change that erased the text: then
no slice that was read before the change can be stored any more.

SQLite's index keeps the words of a deleted document until its segments are merged. ``merge_step`` merges them
into one, a few pages at a time. InnoDB keeps such words in its index files until ``OPTIMIZE TABLE``, which
locks the table; that is left to the operator.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, and_, delete, or_, select, update

from chatroom.db.queries import raw_insert, raw_select
from chatroom.db.queries.messages import messages_at
from chatroom.db.queries.revisions import latest_states
from chatroom.db.records import MessageKey
from chatroom.db.schema import documents, erasures, indexed, messages
from chatroom.db.search.search_index import IndexDocument, document_rows, first_rowid
from chatroom.db.search.tokenizer import index_terms

MERGED_PAGES = 64
"""Pages of SQLite's index that one step of a merge writes."""

PENDING_SQL = (
    "SELECT erasures.conversation_id, erasures.seq, unindex_after FROM erasures"
    " LEFT JOIN indexed ON indexed.conversation_id = erasures.conversation_id"
    " WHERE unindex_after <= COALESCE(indexed.seq, 0) ORDER BY unindex_after LIMIT ?"
)

MAX_PENDING_KEYS = 1000
"""Messages that a search reads directly because their documents are being replaced."""


class PendingErasure(NamedTuple):
    """A message whose words are in the index, and the seq up to which they are."""

    conversation_id: int
    seq: int
    unindex_after: int


def pending_erasures(connection: Connection, limit: int) -> list[PendingErasure]:
    """Messages whose words can be removed from the index now."""
    return [PendingErasure(*row) for row in raw_select.execute_select(connection, PENDING_SQL, limit)]


def pending_keys(connection: Connection, conversation_ids: Iterable[int]) -> list[MessageKey]:
    """Messages of these conversations whose documents are being replaced, which is over in seconds. On MySQL
    a document may be found only some time after its transaction, so these messages are searched directly.
    """
    row, stored = erasures.c, messages.c
    is_message = and_(stored.conversation_id == row.conversation_id, stored.seq == row.seq)
    is_indexed = and_(indexed.c.conversation_id == row.conversation_id, indexed.c.seq >= row.unindex_after)
    query = select(row.conversation_id, row.seq, stored.kind, stored.target)
    query = query.join_from(erasures, messages, is_message).join(indexed, is_indexed)
    rows = connection.execute(query.where(row.conversation_id.in_(conversation_ids)).limit(MAX_PENDING_KEYS))
    return list({(id, target if kind == "edit" else seq) for id, seq, kind, target in rows})


def replace_documents(connection: Connection, pending: Sequence[PendingErasure]) -> None:
    """Replace the documents of these messages by documents of their current texts."""
    stored = messages_at(connection, [(erasure.conversation_id, erasure.seq) for erasure in pending])
    row = documents.c
    for message in stored:
        in_millisecond = row.rowid.between(first_rowid(message.sent_at), first_rowid(message.sent_at + 1) - 1)
        of_message = and_(row.conversation_id == message.conversation_id, row.seq == message.seq)
        connection.execute(delete(documents).where(in_millisecond, of_message))
    current = [
        IndexDocument(message.conversation_id, message.seq, message.sent_at, index_terms(message.text))
        for message in latest_states(connection, stored)
        if message.kind != "edit"
    ]
    if with_terms := [document for document in current if document.terms]:
        raw_insert.insert_documents(connection, document_rows(connection, with_terms))


def mark_removed(connection: Connection, pending: Sequence[PendingErasure]) -> None:
    """Note that the index does not hold the words of these messages any more, unless another change was
    made meanwhile.
    """
    row = erasures.c
    done = [
        and_(row.conversation_id == id, row.seq == seq, row.unindex_after == after)
        for id, seq, after in pending
    ]
    connection.execute(update(erasures).where(or_(*done)).values(unindex_after=None))


def merge_step(connection: Connection, *, begin: bool) -> bool:
    """Continue to merge the segments of SQLite's index into one; with ``begin``, start. Returns whether there
    is more to merge.
    """
    driver = connection.connection.dbapi_connection
    assert driver is not None
    before = driver.total_changes
    pages = -MERGED_PAGES if begin else MERGED_PAGES
    connection.exec_driver_sql("INSERT INTO documents (documents, rank) VALUES ('merge', ?)", (pages,))
    return bool(driver.total_changes - before >= 2)


def truncate_wal(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, which holds earlier versions of pages."""
    connection = engine.raw_connection()
    try:
        for mode in ("PASSIVE", "TRUNCATE"):  # the first copies most pages without a lock
            connection.cursor().execute(f"PRAGMA wal_checkpoint({mode})").close()
    finally:
        connection.close()
