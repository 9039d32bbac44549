"""Searches messages that contain every word of a query, newest first.

``tokenizer`` parses the query; ``search_index`` fills the index.

A search reads in this order, so that no message is missed between the steps:

1. which conversations the account may read, and up to where each is indexed;
2. the messages after those marks (``unindexed_tail``);
3. the index. Its documents are candidates: the current text of each message is compared with the query.

In the index, SQLite walks from the newest matching document to older ones, as far as needed. MySQL finds all
matches before it returns the first, and fetching each takes much longer than finding it. So on MySQL a search
has three steps and mostly ends before the last:

1. scan the newest documents, among which a common word appears soon;
2. fetch as many documents as a rare word has, unordered: if there are no more, these are all;
3. for a common word, sort all of its documents.

A word may be common overall, but not in the searched conversations. Therefore the conversation is a term too.
MySQL walks the documents of the first term and quickly filters them by the others: the conversation's term
comes first if few messages are searched, last if many are, and is left out for a rare word. If most documents
of the second step belong to a conversation that is not searched, the third step excludes that conversation.

A single character is the prefix of very many terms, and both engines merge all of them first. If few messages
are searched, each is checked for it instead; otherwise SQLite, too, scans the newest documents first.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, literal, literal_column, select
from sqlalchemy.dialects import mysql

from chatroom.db.queries.raw_select import execute_select
from chatroom.db.records import MessageRank, StoredMessage
from chatroom.db.schema import documents
from chatroom.db.search.index_erasure import pending_keys
from chatroom.db.search.search_budget import SearchBudget
from chatroom.db.search.search_index import MAX_TIME_MS, first_rowid, sent_at_of
from chatroom.db.search.tokenizer import ParsedQuery, conversation_term
from chatroom.db.search.unindexed_tail import Matches, ReadableConversation, matches_among, matches_in_tail

FIRST_PAGE_SIZE = 200
"""Candidates on the first page. If too few of them match, the pages grow up to ``MAX_PAGE_SIZE``."""
MAX_PAGE_SIZE = 4000

CANDIDATES_PER_STEP = 25
"""Candidates that are compared with the query between two looks at the budget."""

MAX_CONVERSATION_TERMS = 64
"""Conversations that are given to the index as terms; more would cost more than they save."""

SMALL_SCOPE_MESSAGES = 20_000
"""If the searched conversations have no more indexed messages than this, each message is checked."""

FIRST_SCAN_SIZE = 500
"""Documents of the first scan. It takes a millisecond."""

MAX_DOCUMENTS_PER_MATCH = 200
"""The scan continues while at least one in so many documents matches."""

MAX_RARE_DOCUMENTS = 1000
"""Most documents of a rare word on MySQL: fetching them takes some milliseconds."""

HIGHEST_RANK = MessageRank(MAX_TIME_MS)
"""All messages rank below it."""

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
    budget: SearchBudget | None = None,
) -> SearchMatches:
    """The newest matches below a rank, in one conversation or in all that the account may read."""
    budget = budget or SearchBudget()
    scope = _readable_conversations(connection, account_id, conversation_id)
    matches, floor = matches_in_tail(connection, scope, query, below, limit, budget)
    if scope:
        indexed, floor = _matches_indexed(connection, scope, query, below, limit, floor, budget)
        matches |= indexed
        matches |= _matches_being_replaced(connection, scope, query, below, budget)
    newest = sorted((match for match in matches.values() if match.sent_at >= floor), key=_rank, reverse=True)
    if len(newest) > limit:
        return SearchMatches(newest[:limit], newest[limit - 1].rank)
    return SearchMatches(newest, MessageRank(floor), stopped_early=True) if floor else SearchMatches(newest)


def _readable_conversations(
    connection: Connection, account_id: int, conversation_id: int | None
) -> list[ReadableConversation]:
    query = (
        "SELECT id, head, coalesce(indexed.seq, 0) FROM memberships"
        " JOIN conversations ON id = memberships.conversation_id"
        " LEFT JOIN indexed ON indexed.conversation_id = id WHERE account_id = ?"
    )
    values = [account_id]
    if conversation_id is not None:
        query += " AND id = ?"
        values.append(conversation_id)
    return [ReadableConversation(*row) for row in execute_select(connection, query, *values)]


def _matches_being_replaced(
    connection: Connection,
    scope: Sequence[ReadableConversation],
    query: ParsedQuery,
    below: MessageRank,
    budget: SearchBudget,
) -> Matches:
    """The matches whose documents are being replaced, as far as the budget allows. SQLite replaces them and
    shows the new ones in one transaction.
    """
    matches: Matches = {}
    if connection.dialect.name == "sqlite":
        return matches
    keys = pending_keys(connection, [conversation.conversation_id for conversation in scope])
    for first in range(0, len(keys), CANDIDATES_PER_STEP):
        if budget.is_spent():
            break
        matches |= matches_among(connection, keys[first : first + CANDIDATES_PER_STEP], query, below)
    return matches


def _matches_indexed(
    connection: Connection,
    scope: Sequence[ReadableConversation],
    query: ParsedQuery,
    below: MessageRank,
    limit: int,
    floor: int,
    budget: SearchBudget,
) -> tuple[Matches, int]:
    """The newest matches in the index, below a rank and not before ``floor``. They include the ``limit`` + 1
    newest. Also returns the time at or after which these are all: ``floor``, or later if the budget is spent.

    Documents of one millisecond are unordered, so a millisecond is always read completely.
    """
    matches: Matches = {}
    for page in _candidate_pages(connection, scope, query.terms, first_rowid(below.ceiling)):
        for first in range(0, len(page), CANDIDATES_PER_STEP):
            step = page[first : first + CANDIDATES_PER_STEP]
            keys = [(candidate.conversation_id, candidate.seq) for candidate in step]
            matches |= matches_among(connection, keys, query, below)
            back_to = sent_at_of(step[-1].rowid) + 1
            if budget.is_spent() and floor < back_to < below.ceiling:
                return matches, back_to
        times = sorted((match.sent_at for match in matches.values()), reverse=True)
        oldest_needed = max(floor, times[limit] if len(times) > limit else 0)
        if first_rowid(oldest_needed) > page[-1].rowid:
            break
    return matches, floor


class MatchCandidate(NamedTuple):
    rowid: int
    conversation_id: int
    seq: int


def _candidate_pages(
    connection: Connection, scope: Sequence[ReadableConversation], terms: Sequence[str], below: int
) -> Iterator[list[MatchCandidate]]:
    """Pages of the documents in these conversations that have all terms, newest first."""
    ids = [conversation.conversation_id for conversation in scope]
    conversation_terms = [conversation_term(id) for id in ids] if len(ids) <= MAX_CONVERSATION_TERMS else []
    is_small = (
        bool(conversation_terms)
        and sum(conversation.indexed for conversation in scope) <= SMALL_SCOPE_MESSAGES
    )
    prefixes = [term for term in terms if term.endswith("*")]
    whole = [term for term in terms if term not in prefixes]
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite and (is_small or not prefixes):
        condition = and_(
            _fts5_condition(conversation_terms, whole), *_like_conditions(documents.c.terms, prefixes)
        )
        yield from _paged_candidates(connection, ids, condition, below)
    elif is_small:
        condition = and_(
            _innodb_condition([f"({' '.join(conversation_terms)})", *whole]),
            *_like_conditions(documents.c.terms, prefixes),
        )
        yield from _paged_candidates(connection, ids, condition, below)
    else:
        below = yield from _newest_candidates(connection, ids, terms, below)
        if is_sqlite:
            yield from _paged_candidates(connection, ids, _fts5_condition(conversation_terms, terms), below)
        else:
            yield from _older_candidates(connection, ids, terms, below)


def _newest_candidates(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int
) -> Generator[list[MatchCandidate], None, int]:
    """Yield matches of scans from the newest documents on, while the scans find many. Returns the rowid below
    which the search must continue, which is where the last scan began.
    """
    size = FIRST_SCAN_SIZE
    while True:
        matches = _scan_newest(connection, ids, terms, below, size)
        yield from _split_pages(matches)
        if len(matches) * MAX_DOCUMENTS_PER_MATCH < size:
            return below
        below, size = _time_floor(connection, below, size), min(2 * size, MAX_PAGE_SIZE)


def _scan_newest(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int, size: int
) -> list[MatchCandidate]:
    """The documents with all terms among the ``size`` newest ones."""
    row = documents.c
    newest = select(documents).where(row.rowid < below).order_by(row.rowid.desc()).limit(size).subquery().c
    query = select(newest.rowid, newest.conversation_id, newest.seq).order_by(newest.rowid.desc())
    query = query.where(newest.conversation_id.in_(ids), *_like_conditions(newest.terms, terms))
    return [MatchCandidate(*row) for row in connection.execute(query)]


def _older_candidates(
    connection: Connection, ids: Sequence[int], terms: Sequence[str], below: int
) -> Iterator[list[MatchCandidate]]:
    """MySQL's matches: all at once, unless the terms are common."""
    row = documents.c
    query = (
        select(row.rowid, row.conversation_id, row.seq)
        .where(_innodb_condition(terms))
        .limit(MAX_RARE_DOCUMENTS + 1)
    )
    candidates = [MatchCandidate(*row) for row in connection.execute(query)]
    if len(candidates) > MAX_RARE_DOCUMENTS:
        yield from _paged_candidates(
            connection, ids, _innodb_condition([*terms, *_narrowing_terms(candidates, ids)]), below
        )
        return
    in_scope = [
        candidate for candidate in candidates if candidate.rowid < below and candidate.conversation_id in ids
    ]
    yield from _split_pages(sorted(in_scope, reverse=True))


def _narrowing_terms(sample: Sequence[MatchCandidate], ids: Sequence[int]) -> list[str]:
    """A term that reduces the documents to sort, derived from a sample; none if it does not pay."""
    ((most_common, count),) = Counter(candidate.conversation_id for candidate in sample).most_common(1)
    if most_common not in ids and 2 * count > len(sample):
        return [f"-{conversation_term(most_common)}"]
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


def _split_pages(candidates: Sequence[MatchCandidate]) -> Iterator[list[MatchCandidate]]:
    """Split candidates into pages."""
    return (
        [*candidates[first : first + FIRST_PAGE_SIZE]] for first in range(0, len(candidates), FIRST_PAGE_SIZE)
    )


def _time_floor(connection: Connection, below: int, size: int) -> int:
    """The rowid of the oldest of the ``size`` newest documents; 0 if there are none."""
    newest = "SELECT rowid FROM documents WHERE rowid < ? ORDER BY rowid DESC LIMIT ?"
    [[floor]] = execute_select(connection, f"SELECT min(rowid) FROM ({newest}) AS newest", below, size)
    return floor or 0


def _fts5_condition(conversation_terms: Sequence[str], terms: Sequence[str]) -> ColumnElement[bool]:
    """``("r01" OR "r02") AND "w0quick" AND "c00597d"*``: one of the conversations and all terms; the last one
    is a prefix.
    """
    parts = [f'"{term.removesuffix("*")}"{"*" * term.endswith("*")}' for term in terms]
    if conversation_terms:
        any_conversation = " OR ".join(f'"{term}"' for term in conversation_terms)
        parts.insert(0, f"({any_conversation})")
    return literal_column("documents").bool_op("MATCH")(" AND ".join(parts))


def _innodb_condition(terms: Sequence[str]) -> ColumnElement[bool]:
    """``+(r01 r02) +w0quick +c00597d* -r03``: the same, and not in the last conversation. The first term
    should be rare.
    """
    against = literal(" ".join(term if term.startswith("-") else f"+{term}" for term in terms))
    return mysql.match(documents.c.terms, against=against, in_boolean_mode=True)


def _like_conditions(column: ColumnElement[str], terms: Sequence[str]) -> list[ColumnElement[bool]]:
    padded = " " + column + " "
    return [padded.like(f"% {term.removesuffix('*')}{'' if term.endswith('*') else ' '}%") for term in terms]
