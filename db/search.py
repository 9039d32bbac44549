"""Search: messages that hold every word of a query, newest first.

The counterparts are ``terms``, which knows what a query asks for, and ``documents``, which fills the index.

A search reads three things, in this order, so that no message can slip from one to the other in between:

1. which conversations the account may read, and up to where each is indexed;
2. what was said behind those marks: the messages themselves;
3. the index, whose documents are candidates: the message as it stands now is held against the query.

In the index, SQLite walks from the newest document with the terms to older ones, for as long as it is asked
to. MySQL finds all of them before it shows the first, which takes long for a word that is in every tenth
message; but such a word is met soon by looking through the newest documents, so that is done first.

A word may be common, but not where one looks. So the conversation is a term as well, and asked for whenever
that is cheap.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, literal, literal_column, select
from sqlalchemy.dialects import mysql

from db import messages
from db.documents import END_OF_TIME, first_rowid, said, subjects
from db.messages import Place
from db.records import Stored
from db.revisions import latest
from db.schema import conversations, documents, indexed, memberships
from db.schema import messages as kept
from db.terms import Query, home

PAGE = 200
"""Candidates that are looked at together at first; when too few of them match, each page has more, up to"""
LARGEST = 4000

HOMES = 64
"""Conversations that SQLite is told to look in; with more of them, that costs more than it saves."""

FEW = 30_000
"""Messages in all the conversations that MySQL is told to look in: it goes through every one of them."""

WALK = 2000
"""Documents that are looked through one by one on MySQL: a few milliseconds, less than finding a common word
takes."""


class Readable(NamedTuple):
    """A conversation that the account may read, and the last seq that the index has of it."""

    conversation_id: int
    head: int
    indexed: int


def search(
    connection: Connection,
    account_id: int,
    query: Query,
    *,
    conversation_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> tuple[list[Stored], bool]:
    """The newest messages that match, in one conversation or in all that the account may read; and whether
    there are more.

    ``before`` is a time in milliseconds: only what is older. Within one millisecond the order is that of the
    conversations' ids.
    """
    time = END_OF_TIME if before is None else before
    where = _readable(connection, account_id, conversation_id)
    found: dict[Place, Stored] = {}
    for readable in where:
        if readable.head > readable.indexed:
            found |= {_place(one): one for one in _behind(connection, readable, query, time, limit)}
    if where:
        found |= {_place(one): one for one in _indexed(connection, where, query, time, limit)}
    newest = sorted(found.values(), key=_order, reverse=True)
    return newest[:limit], len(newest) > limit


def _place(message: Stored) -> Place:
    return message.conversation_id, message.seq


def _order(message: Stored) -> tuple[int, int, int]:
    return message.sent_at, message.conversation_id, message.seq


def _readable(connection: Connection, account_id: int, conversation_id: int | None) -> list[Readable]:
    row = conversations.c
    query = select(row.id, row.head, func.coalesce(indexed.c.seq, 0))
    query = query.join_from(memberships, conversations).join(indexed, isouter=True)
    query = query.where(memberships.c.account_id == account_id)
    if conversation_id is not None:
        query = query.where(row.id == conversation_id)
    return [Readable(*found) for found in connection.execute(query)]


# What is not indexed yet


def _behind(
    connection: Connection, readable: Readable, query: Query, before: int, limit: int
) -> list[Stored]:
    """The newest matches behind a conversation's mark, among them the ``limit`` + 1 newest.

    An edit tells of an older message: what it finds does not count before the search has come so far back.
    """
    found: dict[int, Stored] = {}
    seq = readable.head + 1
    while sum(one >= seq for one in found) <= limit:
        page = _page_behind(connection, readable, seq, before)
        for one in latest(connection, messages.at(connection, [place for _, place in page])):
            if query.matches(one.text):
                found[one.seq] = one
        if len(page) < PAGE:
            break
        seq = page[-1][0]
    return list(found.values())


def _page_behind(
    connection: Connection, readable: Readable, seq: int, before: int
) -> list[tuple[int, Place]]:
    """What was said before a seq, newest first: its own seq, and where the message is whose text it is."""
    query = subjects(readable.conversation_id, readable.indexed).where(said.c.seq < seq)
    query = query.where(kept.c.sent_at < before).order_by(said.c.seq.desc()).limit(PAGE)
    columns = said.c.seq.label("said"), kept.c.conversation_id, kept.c.seq
    rows = connection.execute(query.with_only_columns(*columns, maintain_column_froms=True))
    return [(said_at, (id, seq)) for said_at, id, seq in rows]


# What is


def _indexed(
    connection: Connection, where: Sequence[Readable], query: Query, before: int, limit: int
) -> list[Stored]:
    """The newest matches in the index, among them the ``limit`` + 1 newest.

    Documents of one millisecond come in any order, so none is left before it is read whole.
    """
    found: dict[Place, Stored] = {}
    for page in _candidates(connection, where, query.terms, first_rowid(before)):
        current = latest(
            connection, messages.at(connection, {(one.conversation_id, one.seq) for one in page})
        )
        found |= {_place(one): one for one in current if query.matches(one.text)}
        times = sorted((one.sent_at for one in found.values()), reverse=True)
        if len(times) > limit and first_rowid(times[limit]) > page[-1].rowid:
            break
    return list(found.values())


class Candidate(NamedTuple):
    rowid: int
    conversation_id: int
    seq: int


def _candidates(
    connection: Connection, where: Sequence[Readable], terms: Sequence[str], below: int
) -> Iterator[list[Candidate]]:
    """Documents of these conversations that have all the terms, newest first, page by page."""
    ids = [one.conversation_id for one in where]
    homes = [home(id) for id in ids]
    if connection.dialect.name == "sqlite":
        yield from _pages(connection, ids, _in_fts5(homes if len(ids) <= HOMES else [], terms), below)
    elif sum(one.indexed for one in where) <= FEW:
        yield from _pages(connection, ids, _in_innodb(homes, terms), below)
    else:
        floor = _floor(connection, below)
        yield from _pages(connection, ids, and_(documents.c.rowid >= floor, *_by_look(terms)), below)
        yield from _pages(connection, ids, _in_innodb([], terms), floor)


def _pages(
    connection: Connection, ids: Sequence[int], matching: ColumnElement[bool], below: int
) -> Iterator[list[Candidate]]:
    row = documents.c
    query = select(row.rowid, row.conversation_id, row.seq).order_by(row.rowid.desc())
    query = query.where(matching, row.conversation_id.in_(ids))
    size = PAGE
    while rows := connection.execute(query.where(row.rowid < below).limit(size)).all():
        yield [Candidate(*row) for row in rows]
        if len(rows) < size:
            return
        below, size = rows[-1].rowid, min(4 * size, LARGEST)


def _floor(connection: Connection, below: int) -> int:
    """How far back the newest ``WALK`` documents go."""
    row = documents.c
    newest = select(row.rowid).where(row.rowid < below).order_by(row.rowid.desc()).limit(WALK).subquery()
    return connection.execute(select(func.min(newest.c.rowid))).scalar_one() or 0


def _in_fts5(homes: Sequence[str], terms: Sequence[str]) -> ColumnElement[bool]:
    """``("r01" OR "r02") AND "w0quick" AND "c00597d"*``: in one of these, all of those, of the last the
    beginning.
    """
    parts = [f'"{term.removesuffix("*")}"{"*" * term.endswith("*")}' for term in terms]
    if homes:
        anywhere = " OR ".join(f'"{one}"' for one in homes)
        parts.insert(0, f"({anywhere})")
    return literal_column("documents").bool_op("MATCH")(" AND ".join(parts))


def _in_innodb(homes: Sequence[str], terms: Sequence[str]) -> ColumnElement[bool]:
    """``+(r01 r02) +w0quick +c00597d*``: the same."""
    anywhere = [f"+({' '.join(homes)})"] if homes else []
    sought = literal(" ".join([*anywhere, *(f"+{term}" for term in terms)]))
    return mysql.match(documents.c.terms, against=sought, in_boolean_mode=True)


def _by_look(terms: Sequence[str]) -> list[ColumnElement[bool]]:
    row = func.concat(" ", documents.c.terms, " ")
    return [row.like(f"% {term.removesuffix('*')}{'' if term.endswith('*') else ' '}%") for term in terms]
