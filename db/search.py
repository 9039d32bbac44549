"""Search: messages that hold every word of a query, newest first.

The counterparts are ``terms``, which knows what a query asks for, and ``documents``, which fills the index.

A search reads three things, in this order, so that no message can slip from one to the other in between:

1. which conversations the account may read, and up to where each is indexed;
2. what was said behind those marks: ``behind``;
3. the index, whose documents are candidates: the message as it stands now is held against the query.

In the index, SQLite walks from the newest document with the terms to older ones, for as long as it is asked
to. MySQL finds all of them before it shows the first, and to fetch each takes it much longer than to find it.
So there a search goes on in three steps, and mostly ends before the last:

1. the newest documents are looked through, where a common word is met soon;
2. as many documents as a rare word has are asked for, in no order: if there are no more, these are all;
3. of a common word, all of them are put in order.

A word may be common, but not where one looks. So the conversation is a term as well. MySQL goes through the
first term's documents one by one and is quick with what the others leave of them: it comes first where few
messages are searched, last where they are many, and not at all beside a rare word. And where most of what the
second step met was said in a conversation that is not searched, the third does without that one.

A single character is the beginning of very many terms, all of which both engines put together first. So
where few messages are searched, each is looked at for it instead; and elsewhere SQLite, too, looks through
the newest documents before it does so.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, literal, literal_column, select
from sqlalchemy.dialects import mysql

from db.behind import Matches, Readable, matches_behind, matching
from db.documents import END_OF_TIME, first_rowid
from db.pages import ask
from db.records import Rank, Stored
from db.schema import documents
from db.terms import Query, home

PAGE = 200
"""Candidates that are looked at together at first; when too few of them match, each page has more, up to"""
LARGEST = 4000

HOMES = 64
"""Conversations that the index is told to look in; with more of them, that costs more than it saves."""

FEW = 20_000
"""Messages in all the conversations that are looked in first: each of them is gone through."""

WALK = 500
"""Documents that are looked through one by one at first. It takes a millisecond."""

SPARSE = 200
"""One in so many of these must have the terms for looking through more of them."""

RARE = 1000
"""Documents of a rare word on MySQL, at most: fetching so many takes some milliseconds."""

NEWEST = Rank(END_OF_TIME)
"""Every message stands below it."""

_rank = attrgetter("rank")


class Found(NamedTuple):
    """What a search finds, newest first. Where there are, or may be, older ones, they stand below ``rest``,
    which is a time alone if the search stopped ``early``: before it had a page together.
    """

    messages: list[Stored]
    rest: Rank | None = None
    early: bool = False


def search(
    connection: Connection,
    account_id: int,
    query: Query,
    *,
    conversation_id: int | None = None,
    below: Rank = NEWEST,
    limit: int,
) -> Found:
    """The newest matches below a rank, in one conversation or in all that the account may read."""
    where = _readable(connection, account_id, conversation_id)
    found, floor = matches_behind(connection, where, query, below, limit)
    if where:
        found |= _matches_indexed(connection, where, query, below, limit, floor)
    newest = sorted((one for one in found.values() if one.sent_at >= floor), key=_rank, reverse=True)
    if len(newest) > limit:
        return Found(newest[:limit], newest[limit - 1].rank)
    return Found(newest, Rank(floor), early=True) if floor else Found(newest)


def _readable(connection: Connection, account_id: int, conversation_id: int | None) -> list[Readable]:
    question = (
        "SELECT id, head, coalesce(indexed.seq, 0) FROM memberships"
        " JOIN conversations ON id = memberships.conversation_id"
        " LEFT JOIN indexed ON indexed.conversation_id = id WHERE account_id = ?"
    )
    values = [account_id]
    if conversation_id is not None:
        question += " AND id = ?"
        values.append(conversation_id)
    return [Readable(*one) for one in ask(connection, question, *values)]


def _matches_indexed(
    connection: Connection, where: Sequence[Readable], query: Query, below: Rank, limit: int, floor: int
) -> Matches:
    """The newest matches in the index, below a rank and from the time ``floor`` on, among them the
    ``limit`` + 1 newest.

    Documents of one millisecond come in any order, so none is left before it is read whole.
    """
    found: Matches = {}
    for page in _candidates(connection, where, query.terms, first_rowid(below.ceiling)):
        found |= matching(connection, [(one.conversation_id, one.seq) for one in page], query, below)
        times = sorted((one.sent_at for one in found.values()), reverse=True)
        enough = max(floor, times[limit] if len(times) > limit else 0)
        if first_rowid(enough) > page[-1].rowid:
            break
    return found


class Candidate(NamedTuple):
    rowid: int
    conversation_id: int
    seq: int


def _candidates(
    connection: Connection, where: Sequence[Readable], terms: Sequence[str], below: int
) -> Iterator[list[Candidate]]:
    """Documents of these conversations that have all the terms, newest first, page by page."""
    ids = [one.conversation_id for one in where]
    homes = [home(id) for id in ids] if len(ids) <= HOMES else []
    few = bool(homes) and sum(one.indexed for one in where) <= FEW
    beginnings = [term for term in terms if term.endswith("*")]
    whole = [term for term in terms if term not in beginnings]
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite and (few or not beginnings):
        there = and_(_in_fts5(homes, whole), *_by_look(documents.c.terms, beginnings))
        yield from _pages(connection, ids, there, below)
    elif few:
        there = and_(_in_innodb([f"({' '.join(homes)})", *whole]), *_by_look(documents.c.terms, beginnings))
        yield from _pages(connection, ids, there, below)
    else:
        below = yield from _newest(connection, ids, terms, below)
        if is_sqlite:
            yield from _pages(connection, ids, _in_fts5(homes, terms), below)
        else:
            yield from _older(connection, ids, terms, below)


def _newest(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int
) -> Generator[list[Candidate], None, int]:
    """What looking through the newest documents finds, for as long as it finds much; and below what more is
    to be sought, which is also where the last look began.
    """
    size = WALK
    while True:
        found = _look_through(connection, ids, terms, below, size)
        yield from _parted(found)
        if len(found) * SPARSE < size:
            return below
        below, size = _floor(connection, below, size), min(2 * size, LARGEST)


def _look_through(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int, size: int
) -> list[Candidate]:
    """Of so many documents, those that have all the terms, newest first."""
    row = documents.c
    newest = select(documents).where(row.rowid < below).order_by(row.rowid.desc()).limit(size).subquery().c
    query = select(newest.rowid, newest.conversation_id, newest.seq).order_by(newest.rowid.desc())
    query = query.where(newest.conversation_id.in_(ids), *_by_look(newest.terms, terms))
    return [Candidate(*one) for one in connection.execute(query)]


def _older(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int
) -> Iterator[list[Candidate]]:
    """What MySQL finds: all at once, unless the terms are common."""
    row = documents.c
    query = select(row.rowid, row.conversation_id, row.seq).where(_in_innodb(terms)).limit(RARE + 1)
    found = [Candidate(*one) for one in connection.execute(query)]
    if len(found) > RARE:
        yield from _pages(connection, ids, _in_innodb([*terms, *_narrowing(found, ids)]), below)
        return
    mine = [one for one in found if one.rowid < below and one.conversation_id in ids]
    yield from _parted(sorted(mine, reverse=True))


def _narrowing(met: Sequence[Candidate], ids: Sequence[int]) -> list[str]:
    """A term that leaves less to put in order, going by some of it; none where that is not worth it."""
    ((elsewhere, count),) = Counter(one.conversation_id for one in met).most_common(1)
    if elsewhere not in ids and 2 * count > len(met):
        return [f"-{home(elsewhere)}"]
    return [home(id) for id in ids] if len(ids) == 1 else []


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


def _parted(found: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """In pages, what was found at once."""
    return ([*found[first : first + PAGE]] for first in range(0, len(found), PAGE))


def _floor(connection: Connection, below: int, size: int) -> int:
    """How far back the newest so many documents go; 0 if there are none."""
    newest = "SELECT rowid FROM documents WHERE rowid < ? ORDER BY rowid DESC LIMIT ?"
    [[floor]] = ask(connection, f"SELECT min(rowid) FROM ({newest}) AS newest", below, size)
    return floor or 0


def _in_fts5(homes: Sequence[str], terms: Sequence[str]) -> ColumnElement[bool]:
    """``("r01" OR "r02") AND "w0quick" AND "c00597d"*``: in one of these, all of those, of the last the
    beginning.
    """
    parts = [f'"{term.removesuffix("*")}"{"*" * term.endswith("*")}' for term in terms]
    if homes:
        anywhere = " OR ".join(f'"{one}"' for one in homes)
        parts.insert(0, f"({anywhere})")
    return literal_column("documents").bool_op("MATCH")(" AND ".join(parts))


def _in_innodb(terms: Sequence[str]) -> ColumnElement[bool]:
    """``+(r01 r02) +w0quick +c00597d* -r03``: the same, and not in the last one. What is asked for first
    should be rare.
    """
    sought = literal(" ".join(term if term.startswith("-") else f"+{term}" for term in terms))
    return mysql.match(documents.c.terms, against=sought, in_boolean_mode=True)


def _by_look(column: ColumnElement[str], terms: Sequence[str]) -> list[ColumnElement[bool]]:
    padded = " " + column + " "
    return [padded.like(f"% {term.removesuffix('*')}{'' if term.endswith('*') else ' '}%") for term in terms]
