"""The messages that are not in the index yet: search reads them directly.

``search_query`` calls this module; ``search_index`` moves the marks that separate indexed messages from the
rest.

A burst may leave hundreds of thousands of messages unindexed for a while. They are read from the newest on,
from all conversations together, until there are enough matches for a page or ``MAX_TAIL_MESSAGES`` were read.
In the second case the result says how far back the search got, and the client continues from there.

Messages are matched by their original text first, and only matches are looked up in their current state. An
edit gives an older message a new text; edits are found through the table ``revisions`` instead.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from chatroom.db.queries.messages import SPOKEN_KINDS, MessageKey, last_seq_before, messages_at
from chatroom.db.queries.revisions import latest_states
from chatroom.db.records import MessageRank, StoredMessage
from chatroom.db.schema import messages, revisions
from chatroom.db.search.search_index import MAX_TIME_MS
from chatroom.db.search.tokenizer import ParsedQuery
from sqlalchemy import Connection, Row, and_, select

FIRST_PAGE_SIZE = 200
"""Messages of a conversation that are read together at first; then each page has more, up to"""
MAX_PAGE_SIZE = 4000

MAX_TAIL_MESSAGES = 30_000
"""Messages that are read for one request. It takes a tenth of a second or two."""

Matches = dict[MessageKey, StoredMessage]

_sent_at = attrgetter("sent_at")


class ReadableConversation(NamedTuple):
    """A conversation that the account may read, and the last seq that the index has of it."""

    conversation_id: int
    head: int
    indexed: int


def matches_in_tail(
    connection: Connection,
    where: Sequence[ReadableConversation],
    query: ParsedQuery,
    below: MessageRank,
    limit: int,
) -> tuple[Matches, int]:
    """The newest matches behind the marks and below a rank, among them the ``limit`` + 1 newest; and the time
    from which on these are all, 0 if there are no others.
    """
    before = below.ceiling
    tails = [one for one in where if one.head > one.indexed]
    found = matches_among(connection, _edited_places(connection, tails), query, below)
    said = merge(*(_tail_messages(connection, tail, before) for tail in tails), key=_sent_at, reverse=True)
    read = 0
    while page := list(islice(said, FIRST_PAGE_SIZE)):
        likely = [(one.conversation_id, one.seq) for one in page if query.matches(one.text)]
        found |= matches_among(connection, likely, query, below)
        read, back_to = read + len(page), page[-1].sent_at + 1
        if sum(one.sent_at >= back_to for one in found.values()) > limit:
            break
        if read >= MAX_TAIL_MESSAGES and back_to < before:  # or the next request would be this one again
            return found, back_to
    return found, 0


def matches_among(
    connection: Connection, places: Iterable[MessageKey], query: ParsedQuery, below: MessageRank
) -> Matches:
    """Those of these messages that stand below a rank, and match as they are now."""
    older = [one for one in messages_at(connection, places) if one.rank < below]
    current = latest_states(connection, older)
    return {(one.conversation_id, one.seq): one for one in current if query.matches(one.text)}


def _edited_places(connection: Connection, tails: Iterable[ReadableConversation]) -> list[MessageKey]:
    """Messages whose text is from behind the mark, wherever they are themselves."""
    row = revisions.c
    edit = and_(messages.c.conversation_id == row.conversation_id, messages.c.seq == row.seq)
    query = select(row.conversation_id, row.target).join_from(revisions, messages, edit)
    query = query.where(messages.c.kind == "edit")
    return [
        (id, target)
        for tail in tails
        for id, target in connection.execute(
            query.where(row.conversation_id == tail.conversation_id, row.seq > tail.indexed)
        )
    ]


def _tail_messages(
    connection: Connection, tail: ReadableConversation, before: int
) -> Iterator[Row[*tuple[Any, ...]]]:
    """What was said behind a mark and before a time, newest first."""
    row = messages.c
    query = select(row.conversation_id, row.seq, row.sent_at, row.text).order_by(row.seq.desc())
    query = query.where(row.conversation_id == tail.conversation_id, row.kind.in_(SPOKEN_KINDS))
    last = tail.head if before == MAX_TIME_MS else last_seq_before(connection, tail.conversation_id, before)
    below, size = last + 1, FIRST_PAGE_SIZE
    while page := connection.execute(query.where(row.seq > tail.indexed, row.seq < below).limit(size)).all():
        yield from page
        if len(page) < size:
            return
        below, size = page[-1].seq, min(4 * size, MAX_PAGE_SIZE)
