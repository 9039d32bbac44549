"""The index of search as it is written: ``read_slice`` what is not in it yet, ``store_slice`` that, slice
by slice.

The counterpart is ``search``, which reads it; ``terms`` says what a document consists of.

* What is indexed of a conversation is a beginning, and ``indexed`` says up to which seq. Behind it ``search``
  reads the messages themselves, so a message is found as soon as it is stored.
* A slice is gathered on a reader's connection, with all the work on the texts; storing it is a few
  statements.
* ``store_slice`` moves a mark only from where ``read_slice`` found it. When another server process was
faster it raises
  ``AlreadyExists`` and has done nothing: nothing is indexed twice, and no process waits for another.
* Documents and marks are of one transaction: whoever is killed goes on where it was.
* A document is a message that people would call one. An edit is a document too, of the message that it
  changes; whether that one still reads so is for ``search`` to look up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from chatroom.db.errors import AlreadyExists, duplicates_as_already_exists
from chatroom.db.queries import raw_insert, raw_select
from chatroom.db.queries.messages import SPOKEN_KINDS
from chatroom.db.schema import documents, indexed
from chatroom.db.search.tokenizer import conversation_term, index_terms
from sqlalchemy import Connection, delete, insert

MAX_SLICE_CONVERSATIONS = 50
"""Conversations in one slice."""

TIE_BITS = 20
"""How far a time is shifted to make place for what tells the documents of one millisecond apart."""

MAX_TIME_MS = (1 << 63 - TIE_BITS) - 1
"""The last millisecond of which a document can be, in the year 2248."""

MAX_ROWID_SHIFT = 8
"""How far from its place the document of a message, or of one of its edits, is looked for."""


class IndexMark(NamedTuple):
    """A conversation's mark, where it was (``None``: there was none), and where it goes."""

    conversation_id: int
    before: int | None
    after: int


class IndexDocument(NamedTuple):
    """The message that it stands for, that one's time, and the terms of its text."""

    conversation_id: int
    seq: int
    sent_at: int
    terms: str


@dataclass(frozen=True, slots=True)
class IndexSlice:
    """What goes into the index in one transaction: of the ``unindexed`` messages not there yet, ``size``."""

    marks: list[IndexMark]
    documents: list[IndexDocument]
    unindexed: int

    @property
    def size(self) -> int:
        return sum(mark.after - (mark.before or 0) for mark in self.marks)


UNINDEXED_SQL = "head - COALESCE(indexed.seq, 0)"
UNINDEXED_CONVERSATIONS_SQL = (
    f"SELECT id, indexed.seq, head, SUM({UNINDEXED_SQL}) OVER () FROM conversations"
    " LEFT JOIN indexed ON indexed.conversation_id = id"
    f" WHERE {UNINDEXED_SQL} > 0 ORDER BY {UNINDEXED_SQL} LIMIT ?"
)
"""Which conversations lack something in the index, those that lack little first."""

INDEXED_KINDS = "', '".join((*SPOKEN_KINDS, "edit"))
INDEXED_MESSAGES_SQL = (
    "SELECT messages.conversation_id, messages.seq, messages.sent_at, said.text FROM messages AS said"
    " JOIN messages ON messages.conversation_id = said.conversation_id"
    " AND messages.seq = CASE said.kind WHEN 'edit' THEN said.target ELSE said.seq END"
    " WHERE said.conversation_id = ? AND said.seq > ? AND said.seq <= ?"
    f" AND said.kind IN ('{INDEXED_KINDS}')"
)
"""What was said in a stretch of a conversation, and of which messages it is the text: an edit says another
one's."""


def first_rowid(sent_at: int) -> int:
    """Documents of this time or a later one have this ``rowid`` or a greater one, all others a smaller."""
    return min(max(sent_at, 0), MAX_TIME_MS) << TIE_BITS


def read_slice(connection: Connection, limit: int) -> IndexSlice | None:
    """The next slice, of at most so many messages. ``None`` when everything is indexed.

    Conversations that lack little come first: one with a long past does not keep the others waiting.
    """
    marks, lacking = _next_marks(connection, limit)
    if not marks:
        return None
    question = " UNION ALL ".join([INDEXED_MESSAGES_SQL] * len(marks))
    stretches = [(id, before or 0, after) for id, before, after in marks]
    found = raw_select.execute_select(connection, question, *chain.from_iterable(stretches))
    written = [IndexDocument(id, seq, sent_at, index_terms(text)) for id, seq, sent_at, text in found]
    return IndexSlice(marks, written, lacking)


def _next_marks(connection: Connection, most: int) -> tuple[list[IndexMark], int]:
    """Where the next slice goes, and how many messages there are in all that are not indexed."""
    marks: list[IndexMark] = []
    lacking = 0
    for id, before, head, total in raw_select.execute_select(
        connection, UNINDEXED_CONVERSATIONS_SQL, MAX_SLICE_CONVERSATIONS
    ):
        lacking = int(total)  # MySQL adds up to a Decimal
        after = min(head, (before or 0) + most)
        marks.append(IndexMark(id, before, after))
        most -= after - (before or 0)
        if not most:
            break
    return marks, lacking


def store_slice(connection: Connection, slice: IndexSlice) -> None:
    """Put a slice into the index. Raises ``AlreadyExists`` when part of it is there already; then undo it
    all."""
    _move_marks(connection, [mark for mark in slice.marks if mark.before is not None])
    _insert_marks(connection, [mark for mark in slice.marks if mark.before is None])
    written = [document for document in slice.documents if document.terms]
    if written:
        raw_insert.insert_documents(connection, _document_rows(connection, written))


def _move_marks(connection: Connection, marks: Sequence[IndexMark]) -> None:
    if marks and raw_insert.move_marks(connection, marks) != len(marks):
        raise AlreadyExists


def _insert_marks(connection: Connection, marks: Sequence[IndexMark]) -> None:
    if marks:
        rows = [{"conversation_id": mark.conversation_id, "seq": mark.after} for mark in marks]
        with duplicates_as_already_exists():
            connection.execute(insert(indexed), rows)


def _document_rows(connection: Connection, written: Sequence[IndexDocument]) -> list[raw_insert.RowValues]:
    """The rows of documents, in the order that costs SQLite least."""
    wanted = [_document_rowid(document) for document in written]
    taken = raw_insert.taken_rowids(connection, wanted)
    rows: list[raw_insert.RowValues] = []
    for (conversation_id, seq, _, found), rowid in zip(written, wanted, strict=True):
        free = _free_rowid(connection, rowid, taken)
        taken.add(free)
        rows.append((free, f"{conversation_term(conversation_id)} {found}", conversation_id, seq))
    return sorted(rows)


def _document_rowid(document: IndexDocument) -> int:
    """Any number of the document's millisecond, best one that no other document has."""
    return first_rowid(document.sent_at) + (document.conversation_id * 8191 + document.seq) % (1 << TIE_BITS)


def _free_rowid(connection: Connection, rowid: int, taken: set[int]) -> int:
    while rowid in taken:
        rowid += 1
        taken |= raw_insert.taken_rowids(connection, [rowid])
    return rowid


def delete_documents(connection: Connection, conversation_id: int, gone: Iterable[tuple[int, int]]) -> None:
    """Remove the documents of messages of a conversation, each told by its seq and its time.

    A document that stands further from its place than any but a flood would move it may be left behind. It
    leads to no message, so nobody finds it.
    """
    places = [_document_rowid(IndexDocument(conversation_id, seq, sent_at, "")) for seq, sent_at in gone]
    near = [place + step for place in places for step in range(MAX_ROWID_SHIFT)]
    change = delete(documents).where(documents.c.rowid.in_(near))
    connection.execute(change.where(documents.c.conversation_id == conversation_id))
