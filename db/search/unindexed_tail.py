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

from sqlalchemy import Connection, Row, and_, select

from chatroom.db.queries.messages import SPOKEN_KINDS, last_seq_before, messages_at
from chatroom.db.queries.revisions import latest_states
from chatroom.db.records import MessageKey, MessageRank, StoredMessage
from chatroom.db.schema import messages, revisions
from chatroom.db.search.search_budget import SearchBudget
from chatroom.db.search.search_index import MAX_TIME_MS
from chatroom.db.search.tokenizer import ParsedQuery

FIRST_PAGE_SIZE = 200
"""Messages of a conversation on the first page. Later pages grow up to ``MAX_PAGE_SIZE``."""
MAX_PAGE_SIZE = 800

MAX_TAIL_MESSAGES = 30_000
"""Messages that are read for one request. It takes a tenth of a second or two."""

Matches = dict[MessageKey, StoredMessage]

_sent_at = attrgetter("sent_at")


class ReadableConversation(NamedTuple):
    """A conversation that the account may read, and the last indexed seq."""

    conversation_id: int
    head: int
    indexed: int


def matches_in_tail(
    connection: Connection,
    scope: Sequence[ReadableConversation],
    query: ParsedQuery,
    below: MessageRank,
    limit: int,
    budget: SearchBudget,
) -> tuple[Matches, int]:
    """The newest matches after the marks and below a rank; they include the ``limit`` + 1 newest. Also
    returns the time at or after which these are all, 0 if there are no others.
    """
    before = below.ceiling
    tails = [conversation for conversation in scope if conversation.head > conversation.indexed]
    matches = matches_among(connection, _edited_keys(connection, tails), query, below)
    tail_messages = merge(
        *(_tail_messages(connection, tail, before) for tail in tails), key=_sent_at, reverse=True
    )
    read = 0
    while page := list(islice(tail_messages, FIRST_PAGE_SIZE)):
        likely, is_spent = [], False
        for row in page:
            read, back_to = read + 1, row.sent_at + 1
            if query.matches(row.text):
                likely.append((row.conversation_id, row.seq))
            if budget.is_spent() and back_to < before:
                is_spent = True
                break
        matches |= matches_among(connection, likely, query, below)
        if sum(match.sent_at >= back_to for match in matches.values()) > limit:
            break
        # Without progress in time the next request would repeat this one.
        if is_spent or (read >= MAX_TAIL_MESSAGES and back_to < before):
            return matches, back_to
    return matches, 0


def matches_among(
    connection: Connection, keys: Iterable[MessageKey], query: ParsedQuery, below: MessageRank
) -> Matches:
    """The messages with these keys that rank below a rank and match in their current state."""
    older = [message for message in messages_at(connection, keys) if message.rank < below]
    current = latest_states(connection, older)
    return {
        (message.conversation_id, message.seq): message for message in current if query.matches(message.text)
    }


def _edited_keys(connection: Connection, tails: Iterable[ReadableConversation]) -> list[MessageKey]:
    """Messages that were edited after the mark, also if they are indexed themselves."""
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
    """The messages after a mark and before a time, newest first."""
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
