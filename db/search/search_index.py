"""Writes the search index: ``read_slice`` reads messages that are not indexed yet, ``store_slice`` stores
them, slice by slice.

``search_query`` reads the index; ``tokenizer`` splits texts into terms.

* Each conversation is indexed from its beginning up to a mark in ``indexed``. Search reads the messages after
  the mark directly, so a message is found as soon as it is stored.
* A slice is read on a reader's connection, including all work on the texts. Storing it is a few statements.
* ``store_slice`` moves a mark only from where ``read_slice`` found it. If another server process was faster,
  it raises ``AlreadyExists`` and changes nothing: nothing is indexed twice, and no process waits for another.
* Documents and marks are stored in one transaction, so a killed process continues where it was.
* A document is a text or action message. An edit is a document too, of the message that it changes; search
  checks whether its text is still current.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection, insert

from chatroom.db.errors import AlreadyExists, duplicates_as_already_exists
from chatroom.db.queries import raw_insert, raw_select
from chatroom.db.queries.messages import SPOKEN_KINDS
from chatroom.db.schema import indexed
from chatroom.db.search.tokenizer import conversation_term, index_terms

MAX_SLICE_CONVERSATIONS = 50
"""Conversations in one slice."""

MAX_SLICE_CHARACTERS = 60_000
"""Characters in the texts of one slice. Storing their terms takes some ten milliseconds."""

TIE_BITS = 20
"""Low bits of a rowid, which distinguish the documents of one millisecond."""

MAX_TIME_MS = (1 << 63 - TIE_BITS) - 1
"""The last millisecond that a document can have, in the year 2248."""

MAX_ROWID_SHIFT = 8
"""How far from its computed rowid the document of a message, or of one of its edits, is looked for."""


class IndexMark(NamedTuple):
    """A conversation's mark before (``None``: there was none) and after a slice."""

    conversation_id: int
    before: int | None
    after: int


class IndexDocument(NamedTuple):
    """A message, its time, and the terms of its text."""

    conversation_id: int
    seq: int
    sent_at: int
    terms: str


@dataclass(frozen=True, slots=True)
class IndexSlice:
    """What one transaction adds to the index: ``size`` of the ``unindexed`` messages."""

    marks: list[IndexMark]
    documents: list[IndexDocument]
    unindexed: int

    @property
    def size(self) -> int:
        return sum(mark.after - (mark.before or 0) for mark in self.marks)


TEXT_LENGTHS_SQL = (
    "SELECT seq, length(text) FROM messages WHERE conversation_id = ? AND seq > ? AND seq <= ? ORDER BY seq"
)

UNINDEXED_SQL = "head - COALESCE(indexed.seq, 0)"
UNINDEXED_CONVERSATIONS_SQL = (
    f"SELECT id, indexed.seq, head, SUM({UNINDEXED_SQL}) OVER () FROM conversations"
    " LEFT JOIN indexed ON indexed.conversation_id = id"
    f" WHERE {UNINDEXED_SQL} > 0 ORDER BY {UNINDEXED_SQL} LIMIT ?"
)
"""The conversations with unindexed messages, those with the fewest first."""

INDEXED_KINDS = "', '".join((*SPOKEN_KINDS, "edit"))
INDEXED_MESSAGES_SQL = (
    "SELECT messages.conversation_id, messages.seq, messages.sent_at, source.text FROM messages AS source"
    " JOIN messages ON messages.conversation_id = source.conversation_id"
    " AND messages.seq = CASE source.kind WHEN 'edit' THEN source.target ELSE source.seq END"
    " WHERE source.conversation_id = ? AND source.seq > ? AND source.seq <= ?"
    f" AND source.kind IN ('{INDEXED_KINDS}')"
)
"""The texts in a range of a conversation and the messages to which they belong: an edit belongs to its
target.
"""


def first_rowid(sent_at: int) -> int:
    """Documents of this time or later have this ``rowid`` or a greater one; earlier documents have a smaller
    one.
    """
    return min(max(sent_at, 0), MAX_TIME_MS) << TIE_BITS


def sent_at_of(rowid: int) -> int:
    """The time of a document."""
    return rowid >> TIE_BITS


def read_slice(connection: Connection, limit: int) -> IndexSlice | None:
    """Read the next slice, of at most ``limit`` messages. Returns ``None`` when everything is indexed.

    Conversations with few unindexed messages come first, so that one with many does not delay the others.
    """
    marks, unindexed = _next_marks(connection, limit)
    if not marks:
        return None
    marks = _limit_text(connection, marks)
    query = " UNION ALL ".join([INDEXED_MESSAGES_SQL] * len(marks))
    ranges = [(id, before or 0, after) for id, before, after in marks]
    rows = raw_select.execute_select(connection, query, *chain.from_iterable(ranges))
    new_documents = [IndexDocument(id, seq, sent_at, index_terms(text)) for id, seq, sent_at, text in rows]
    return IndexSlice(marks, new_documents, unindexed)


def _limit_text(connection: Connection, marks: list[IndexMark]) -> list[IndexMark]:
    """Shorten a slice whose texts are longer than ``MAX_SLICE_CHARACTERS``; one message always remains."""
    left = MAX_SLICE_CHARACTERS
    limited: list[IndexMark] = []
    for mark in marks:
        lengths = raw_select.execute_select(
            connection, TEXT_LENGTHS_SQL, mark.conversation_id, mark.before or 0, mark.after
        )
        for seq, length in lengths:
            left -= length
            if left < 0 and (limited or seq > (mark.before or 0) + 1):
                if seq - 1 > (mark.before or 0):
                    limited.append(mark._replace(after=seq - 1))
                return limited
        limited.append(mark)
    return limited


def _next_marks(connection: Connection, limit: int) -> tuple[list[IndexMark], int]:
    """The marks of the next slice, and the number of all unindexed messages."""
    marks: list[IndexMark] = []
    unindexed = 0
    for id, before, head, total in raw_select.execute_select(
        connection, UNINDEXED_CONVERSATIONS_SQL, MAX_SLICE_CONVERSATIONS
    ):
        unindexed = int(total)  # MySQL's SUM is a Decimal
        after = min(head, (before or 0) + limit)
        marks.append(IndexMark(id, before, after))
        limit -= after - (before or 0)
        if not limit:
            break
    return marks, unindexed


def store_slice(connection: Connection, slice: IndexSlice) -> None:
    """Store a slice in the index. Raises ``AlreadyExists`` if part of it is indexed already; then the caller
    must roll back.
    """
    _move_marks(connection, [mark for mark in slice.marks if mark.before is not None])
    _insert_marks(connection, [mark for mark in slice.marks if mark.before is None])
    stored = [document for document in slice.documents if document.terms]
    if stored:
        raw_insert.insert_documents(connection, document_rows(connection, stored))


def _move_marks(connection: Connection, marks: Sequence[IndexMark]) -> None:
    if marks and raw_insert.move_marks(connection, marks) != len(marks):
        raise AlreadyExists


def _insert_marks(connection: Connection, marks: Sequence[IndexMark]) -> None:
    if marks:
        rows = [{"conversation_id": mark.conversation_id, "seq": mark.after} for mark in marks]
        with duplicates_as_already_exists():
            connection.execute(insert(indexed), rows)


def document_rows(
    connection: Connection, new_documents: Sequence[IndexDocument]
) -> list[raw_insert.RowValues]:
    """The rows of documents in the order of their rowids, which is fastest in SQLite."""
    rowids = [_document_rowid(document) for document in new_documents]
    taken = raw_insert.taken_rowids(connection, rowids)
    rows: list[raw_insert.RowValues] = []
    for (conversation_id, seq, _, terms), rowid in zip(new_documents, rowids, strict=True):
        free = _free_rowid(connection, rowid, taken)
        taken.add(free)
        rows.append((free, f"{conversation_term(conversation_id)} {terms}", conversation_id, seq))
    return sorted(rows)


def _document_rowid(document: IndexDocument) -> int:
    """A rowid within the document's millisecond, usually one that is free."""
    return first_rowid(document.sent_at) + (document.conversation_id * 8191 + document.seq) % (1 << TIE_BITS)


def _free_rowid(connection: Connection, rowid: int, taken: set[int]) -> int:
    while rowid in taken:
        rowid += 1
        taken |= raw_insert.taken_rowids(connection, [rowid])
    return rowid


def delete_documents(
    connection: Connection, conversation_id: int, messages: Iterable[tuple[int, int]]
) -> None:
    """Delete the documents of a conversation's messages, each given by seq and time.

    A document that was stored further than ``MAX_ROWID_SHIFT`` from its computed rowid may remain. It refers
    to no message, so search does not return it.
    """
    rowids = [_document_rowid(IndexDocument(conversation_id, seq, sent_at, "")) for seq, sent_at in messages]
    candidates = [rowid + shift for rowid in rowids for shift in range(MAX_ROWID_SHIFT)]
    raw_insert.delete_documents(connection, conversation_id, candidates)
