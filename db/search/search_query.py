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

from chatroom.db.queries.raw_select import execute_select
from chatroom.db.records import MessageRank, StoredMessage
from chatroom.db.schema import documents
from chatroom.db.search.search_index import MAX_TIME_MS, first_rowid
from chatroom.db.search.tokenizer import ParsedQuery, conversation_term
from chatroom.db.search.unindexed_tail import Matches, ReadableConversation, matches_among, matches_in_tail
from sqlalchemy import ColumnElement, Connection, and_, literal, literal_column, select
from sqlalchemy.dialects import mysql

FIRST_PAGE_SIZE = 200
"""Candidates that are looked at together at first; when too few of them match, each page has more, up to"""
MAX_PAGE_SIZE = 4000

MAX_CONVERSATION_TERMS = 64
"""Conversations that the index is told to look in; with more of them, that costs more than it saves."""

SMALL_SCOPE_MESSAGES = 20_000
"""Messages in all the conversations that are looked in first: each of them is gone through."""

FIRST_SCAN_SIZE = 500
"""Documents that are looked through one by one at first. It takes a millisecond."""

MAX_DOCUMENTS_PER_MATCH = 200
"""One in so many of these must have the terms for looking through more of them."""

MAX_RARE_DOCUMENTS = 1000
"""Documents of a rare word on MySQL, at most: fetching so many takes some milliseconds."""

HIGHEST_RANK = MessageRank(MAX_TIME_MS)
"""Every message stands below it."""

_rank = attrgetter("rank")


class SearchMatches(NamedTuple):
    """The matches of a search, newest first. If older matches exist or may exist, they rank below
    ``continue_below``. A search that ``stopped_early`` has read its share of messages before a page was full;
    then ``continue_below`` is a time only.
    """

    messages: list[StoredMessage]
    continue_below: MessageRank | None = None
    stopped_early: bool = False


def search_messages(
    connection: Connection,
    account_id: int,
    query: ParsedQuery,
    *,
    conversation_id: int | None = None,
    below: MessageRank = HIGHEST_RANK,
    limit: int,
) -> SearchMatches:
    """The newest matches below a rank, in one conversation or in all that the account may read."""
    where = _readable_conversations(connection, account_id, conversation_id)
    found, floor = matches_in_tail(connection, where, query, below, limit)
    if where:
        found |= _matches_indexed(connection, where, query, below, limit, floor)
    newest = sorted((one for one in found.values() if one.sent_at >= floor), key=_rank, reverse=True)
    if len(newest) > limit:
        return SearchMatches(newest[:limit], newest[limit - 1].rank)
    return SearchMatches(newest, MessageRank(floor), stopped_early=True) if floor else SearchMatches(newest)


def _readable_conversations(
    connection: Connection, account_id: int, conversation_id: int | None
) -> list[ReadableConversation]:
    question = (
        "SELECT id, head, coalesce(indexed.seq, 0) FROM memberships"
        " JOIN conversations ON id = memberships.conversation_id"
        " LEFT JOIN indexed ON indexed.conversation_id = id WHERE account_id = ?"
    )
    values = [account_id]
    if conversation_id is not None:
        question += " AND id = ?"
        values.append(conversation_id)
    return [ReadableConversation(*one) for one in execute_select(connection, question, *values)]


def _matches_indexed(
    connection: Connection,
    where: Sequence[ReadableConversation],
    query: ParsedQuery,
    below: MessageRank,
    limit: int,
    floor: int,
) -> Matches:
    """The newest matches in the index, below a rank and from the time ``floor`` on, among them the
    ``limit`` + 1 newest.

    Documents of one millisecond come in any order, so none is left before it is read whole.
    """
    found: Matches = {}
    for page in _candidate_pages(connection, where, query.terms, first_rowid(below.ceiling)):
        found |= matches_among(connection, [(one.conversation_id, one.seq) for one in page], query, below)
        times = sorted((one.sent_at for one in found.values()), reverse=True)
        enough = max(floor, times[limit] if len(times) > limit else 0)
        if first_rowid(enough) > page[-1].rowid:
            break
    return found


class MatchCandidate(NamedTuple):
    rowid: int
    conversation_id: int
    seq: int


def _candidate_pages(
    connection: Connection, where: Sequence[ReadableConversation], terms: Sequence[str], below: int
) -> Iterator[list[MatchCandidate]]:
    """Documents of these conversations that have all the terms, newest first, page by page."""
    ids = [one.conversation_id for one in where]
    homes = [conversation_term(id) for id in ids] if len(ids) <= MAX_CONVERSATION_TERMS else []
    few = bool(homes) and sum(one.indexed for one in where) <= SMALL_SCOPE_MESSAGES
    beginnings = [term for term in terms if term.endswith("*")]
    whole = [term for term in terms if term not in beginnings]
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite and (few or not beginnings):
        there = and_(_fts5_condition(homes, whole), *_like_conditions(documents.c.terms, beginnings))
        yield from _paged_candidates(connection, ids, there, below)
    elif few:
        there = and_(
            _innodb_condition([f"({' '.join(homes)})", *whole]),
            *_like_conditions(documents.c.terms, beginnings),
        )
        yield from _paged_candidates(connection, ids, there, below)
    else:
        below = yield from _newest_candidates(connection, ids, terms, below)
        if is_sqlite:
            yield from _paged_candidates(connection, ids, _fts5_condition(homes, terms), below)
        else:
            yield from _older_candidates(connection, ids, terms, below)


def _newest_candidates(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int
) -> Generator[list[MatchCandidate], None, int]:
    """What looking through the newest documents finds, for as long as it finds much; and below what more is
    to be sought, which is also where the last look began.
    """
    size = FIRST_SCAN_SIZE
    while True:
        found = _scan_newest(connection, ids, terms, below, size)
        yield from _split_pages(found)
        if len(found) * MAX_DOCUMENTS_PER_MATCH < size:
            return below
        below, size = _time_floor(connection, below, size), min(2 * size, MAX_PAGE_SIZE)


def _scan_newest(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int, size: int
) -> list[MatchCandidate]:
    """Of so many documents, those that have all the terms, newest first."""
    row = documents.c
    newest = select(documents).where(row.rowid < below).order_by(row.rowid.desc()).limit(size).subquery().c
    query = select(newest.rowid, newest.conversation_id, newest.seq).order_by(newest.rowid.desc())
    query = query.where(newest.conversation_id.in_(ids), *_like_conditions(newest.terms, terms))
    return [MatchCandidate(*one) for one in connection.execute(query)]


def _older_candidates(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int
) -> Iterator[list[MatchCandidate]]:
    """What MySQL finds: all at once, unless the terms are common."""
    row = documents.c
    query = (
        select(row.rowid, row.conversation_id, row.seq)
        .where(_innodb_condition(terms))
        .limit(MAX_RARE_DOCUMENTS + 1)
    )
    found = [MatchCandidate(*one) for one in connection.execute(query)]
    if len(found) > MAX_RARE_DOCUMENTS:
        yield from _paged_candidates(
            connection, ids, _innodb_condition([*terms, *_narrowing_terms(found, ids)]), below
        )
        return
    mine = [one for one in found if one.rowid < below and one.conversation_id in ids]
    yield from _split_pages(sorted(mine, reverse=True))


def _narrowing_terms(met: Sequence[MatchCandidate], ids: Sequence[int]) -> list[str]:
    """A term that leaves less to put in order, going by some of it; none where that is not worth it."""
    ((elsewhere, count),) = Counter(one.conversation_id for one in met).most_common(1)
    if elsewhere not in ids and 2 * count > len(met):
        return [f"-{conversation_term(elsewhere)}"]
    return [conversation_term(id) for id in ids] if len(ids) == 1 else []


def _paged_candidates(
    connection: Connection, ids: Sequence[int], matching: ColumnElement[bool], below: int
) -> Iterator[list[MatchCandidate]]:
    row = documents.c
    query = select(row.rowid, row.conversation_id, row.seq).order_by(row.rowid.desc())
    query = query.where(matching, row.conversation_id.in_(ids))
    size = FIRST_PAGE_SIZE
    while rows := connection.execute(query.where(row.rowid < below).limit(size)).all():
        yield [MatchCandidate(*row) for row in rows]
        if len(rows) < size:
            return
        below, size = rows[-1].rowid, min(4 * size, MAX_PAGE_SIZE)


def _split_pages(found: Sequence[MatchCandidate]) -> Iterator[list[MatchCandidate]]:
    """In pages, what was found at once."""
    return ([*found[first : first + FIRST_PAGE_SIZE]] for first in range(0, len(found), FIRST_PAGE_SIZE))


def _time_floor(connection: Connection, below: int, size: int) -> int:
    """How far back the newest so many documents go; 0 if there are none."""
    newest = "SELECT rowid FROM documents WHERE rowid < ? ORDER BY rowid DESC LIMIT ?"
    [[floor]] = execute_select(connection, f"SELECT min(rowid) FROM ({newest}) AS newest", below, size)
    return floor or 0


def _fts5_condition(homes: Sequence[str], terms: Sequence[str]) -> ColumnElement[bool]:
    """``("r01" OR "r02") AND "w0quick" AND "c00597d"*``: in one of these, all of those, of the last the
    beginning.
    """
    parts = [f'"{term.removesuffix("*")}"{"*" * term.endswith("*")}' for term in terms]
    if homes:
        anywhere = " OR ".join(f'"{one}"' for one in homes)
        parts.insert(0, f"({anywhere})")
    return literal_column("documents").bool_op("MATCH")(" AND ".join(parts))


def _innodb_condition(terms: Sequence[str]) -> ColumnElement[bool]:
    """``+(r01 r02) +w0quick +c00597d* -r03``: the same, and not in the last one. What is asked for first
    should be rare.
    """
    sought = literal(" ".join(term if term.startswith("-") else f"+{term}" for term in terms))
    return mysql.match(documents.c.terms, against=sought, in_boolean_mode=True)


def _like_conditions(column: ColumnElement[str], terms: Sequence[str]) -> list[ColumnElement[bool]]:
    padded = " " + column + " "
    return [padded.like(f"% {term.removesuffix('*')}{'' if term.endswith('*') else ' '}%") for term in terms]
