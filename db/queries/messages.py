"""Messages: appended under the lock of their conversation, read in pages by seq.

Only this module decides the order of a conversation:

1. ``lock_heads`` locks the rows of all conversations of a batch, in the order of their ids, so that two
   writers cannot deadlock;
2. ``append_messages`` gives each draft ``head + 1``, ``head + 2`` …, inserts them and updates the heads, in
   the same transaction.

No other transaction can see or take a seq in between, not even from another server process. Duplicates are
not looked for first: the unique key (account, cid) rejects them, and only then are they looked up.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum, auto
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, func, select

from chatroom.db import erasures
from chatroom.db.errors import is_duplicate
from chatroom.db.queries import raw_insert, raw_select
from chatroom.db.records import MessageDraft, MessageFields, MessageKey, StoredMessage, compile_function
from chatroom.db.schema import conversations, messages

log = logging.getLogger(__name__)

SPOKEN_KINDS = ("text", "action")
"""The kinds that count as messages for unread counts and search. The other kinds are system messages or
change a message.
"""

MAX_LEAD_MS = 60_000
"""Milliseconds by which the last message of a conversation may be ahead of the clock without a warning."""


class SeqRange(NamedTuple):
    """The messages of a conversation with ``after < seq <= upto``."""

    conversation_id: int
    after: int
    upto: int


class AppendVerdict(Enum):
    STORED = auto()
    DUPLICATE = auto()  # the same cid with the same content was stored before
    REUSED = auto()  # the same cid with other content was stored before


STORED, DUPLICATE, REUSED = AppendVerdict
"""Module-level names for the hot path: before Python 3.12, access to an enum member takes ten times as
long.
"""


class AppendOutcome(Struct, frozen=True, gc=False):
    """The result for a draft. ``stored`` is the message that has its cid."""

    verdict: AppendVerdict
    stored: StoredMessage


class KnownHead(Struct, frozen=True, gc=False):
    """A conversation's last seq and its roster version, as far as this process knows."""

    head: int
    roster: int


class LockedHead(Struct, gc=False):
    """The locked row of a conversation. ``append_messages`` advances it."""

    head: int
    spoken: int
    roster: int
    last_at: int


def lock_heads(
    connection: Connection, conversation_ids: Collection[int], *, skip_locked: bool = False
) -> dict[int, LockedHead]:
    """Lock conversations until the transaction ends. Conversations that do not exist are missing in the
    result; with ``skip_locked`` also those that another session has locked.
    """
    if not conversation_ids:
        return {}
    locked = raw_insert.lock_conversations(connection, sorted(conversation_ids), skip_locked=skip_locked)
    return {id: LockedHead(head, spoken, roster, last_at) for id, head, spoken, roster, last_at in locked}


def read_heads(connection: Connection, conversation_ids: Collection[int]) -> dict[int, KnownHead]:
    """Return the heads of conversations without locking them."""
    row = conversations.c
    query = select(row.id, row.head, row.roster).where(row.id.in_(conversation_ids))
    return {id: KnownHead(head, roster) for id, head, roster in connection.execute(query)}


def append_messages(
    connection: Connection, heads: dict[int, LockedHead], drafts: Sequence[MessageDraft], now: int
) -> list[AppendOutcome]:
    """Store drafts in the order given, each in a conversation that ``lock_heads`` returned. Advances
    ``heads``.

    Times within a conversation never decrease, even if the clock does.
    """
    try:
        return _append_drafts(connection, heads, drafts, now, None)
    except Exception as error:
        if not is_duplicate(error):
            raise
        return _append_drafts(connection, heads, drafts, now, _find_known(connection, drafts))


class KnownMessages(NamedTuple):
    """Stored messages by author and cid, and the digests of those texts that were erased."""

    stored: dict[tuple[int, str], StoredMessage]
    digests: dict[MessageKey, bytes]


def _append_drafts(
    connection: Connection,
    heads: dict[int, LockedHead],
    drafts: Sequence[MessageDraft],
    now: int,
    known: KnownMessages | None,
) -> list[AppendOutcome]:
    """``known`` holds the messages with the cids of the drafts, once they were looked up."""
    moved = {id: _copy_head(heads[id]) for id in {draft.conversation_id for draft in drafts}}
    outcomes, rows = [], []
    for draft in drafts:
        if known is not None and draft.cid is not None:
            earlier = known.stored.get((draft.account_id, draft.cid))
            if earlier is not None:
                outcomes.append(AppendOutcome(_compare_with_stored(draft, earlier, known), earlier))
                continue
        head = moved[draft.conversation_id]
        stored = _assign_seq(draft, head, now)
        rows.append(raw_insert.message_row(stored, head.spoken))
        outcomes.append(AppendOutcome(STORED, stored))
        if known is not None and draft.cid is not None:
            known.stored[draft.account_id, draft.cid] = stored
    if rows:
        raw_insert.insert_messages(connection, rows)
        advanced = sorted(id for id, head in moved.items() if head.head != heads[id].head)
        raw_insert.set_heads(connection, [_head_row(id, moved[id]) for id in advanced])
    heads.update(moved)
    return outcomes


def _copy_head(head: LockedHead) -> LockedHead:
    return LockedHead(head.head, head.spoken, head.roster, head.last_at)


def _assign_seq(draft: MessageDraft, head: LockedHead, now: int) -> StoredMessage:
    head.head += 1
    head.spoken += draft.kind in SPOKEN_KINDS
    if head.last_at > now + MAX_LEAD_MS:
        _warn_once(draft.conversation_id)
    head.last_at = max(now, head.last_at)
    return _with_seq(draft, head.head, head.last_at)


_with_seq: Callable[[MessageDraft, int, int], StoredMessage] = compile_function(
    "lambda draft, seq, sent_at: StoredMessage("
    f"{', '.join(f'draft.{field}' for field in MessageDraft.__struct_fields__)}, seq, sent_at)"
)

_AUTHOR_FIELDS = {"account_id", "username", "nickname", "cid"}
_content: Callable[[MessageFields], tuple[Any, ...]] = attrgetter(
    *(field for field in MessageFields.__struct_fields__ if field not in _AUTHOR_FIELDS)
)
"""What a resend under the same cid must repeat: everything except the author, whose nickname may change."""


@cache
def _warn_once(conversation_id: int) -> None:
    log.warning(
        "message times in conversation %d are frozen: its last message is ahead of the clock", conversation_id
    )


def _head_row(id: int, head: LockedHead) -> tuple[int, int, int, int]:
    return id, head.head, head.spoken, head.last_at


def _compare_with_stored(draft: MessageDraft, earlier: StoredMessage, known: KnownMessages) -> AppendVerdict:
    if erasures.is_erased(earlier) and erasures.matches_erased(draft, earlier, known.digests):
        draft = replace(draft, text="")
    return DUPLICATE if _content(draft) == _content(earlier) else REUSED


def _find_known(connection: Connection, drafts: Iterable[MessageDraft]) -> KnownMessages:
    """The stored messages that have the cids of these drafts."""
    cids = [(draft.account_id, draft.cid) for draft in drafts if draft.cid is not None]
    stored = _messages_among(connection, "account_id", "cid", cids)
    erased = [(message.conversation_id, message.seq) for message in stored if erasures.is_erased(message)]
    return KnownMessages(
        {(message.account_id, message.cid): message for message in stored if message.cid is not None},
        erasures.erased_digests(connection, erased) if erased else {},
    )


def find_duplicate(connection: Connection, draft: MessageDraft) -> AppendOutcome | None:
    """The outcome for a draft whose cid is stored already, or ``None``."""
    known = _find_known(connection, [draft])
    for earlier in known.stored.values():
        return AppendOutcome(_compare_with_stored(draft, earlier, known), earlier)
    return None


def author_of(connection: Connection, conversation_id: int, seq: int) -> int | None:
    """The account that wrote a text or action message, or ``None``."""
    row = messages.c
    query = select(row.account_id).where(row.conversation_id == conversation_id, row.seq == seq)
    return connection.execute(query.where(row.kind.in_(SPOKEN_KINDS))).scalar_one_or_none()


def message_page(
    connection: Connection,
    conversation_id: int,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> tuple[list[StoredMessage], bool]:
    """Messages before or after a seq (exclusive), or the newest ones, ascending; and whether there are more
    in that direction.
    """
    in_conversation = "conversation_id = ?"
    if after is not None:
        condition = f"{in_conversation} AND seq > ? ORDER BY seq LIMIT ?"
        page = raw_select.select_messages(connection, condition, conversation_id, after, limit + 1)
        return page[:limit], len(page) > limit
    if before is None:
        page = raw_select.select_messages(
            connection, f"{in_conversation} ORDER BY seq DESC LIMIT ?", conversation_id, limit + 1
        )
    else:
        condition = f"{in_conversation} AND seq < ? ORDER BY seq DESC LIMIT ?"
        page = raw_select.select_messages(connection, condition, conversation_id, before, limit + 1)
    return page[:limit][::-1], len(page) > limit


def last_seq_before(connection: Connection, conversation_id: int, time_ms: int) -> int:
    """The seq of the last message older than a time, in milliseconds since 1970. Without one, it is the seq
    before the first message.

    Times never decrease, so a binary search finds it: twenty lookups for a million messages, without an
    index.
    """
    row = messages.c
    in_conversation = row.conversation_id == conversation_id
    head = connection.execute(select(func.max(row.seq)).where(in_conversation)).scalar_one() or 0
    first = first_seq(connection, conversation_id)

    def sent_at(seq: int) -> int:
        time: int = connection.execute(
            select(row.sent_at).where(in_conversation, row.seq == seq)
        ).scalar_one()
        return time

    return first - 1 + bisect_left(range(first, head + 1), time_ms, key=sent_at)


def first_seq(connection: Connection, conversation_id: int) -> int:
    """The seq of the first message that was not removed; without messages, that of the next one."""
    query = "SELECT first_seq FROM conversations WHERE id = ?"
    [[first]] = raw_select.execute_select(connection, query, conversation_id)
    return int(first)


def messages_in_ranges(connection: Connection, ranges: Sequence[SeqRange]) -> list[StoredMessage]:
    """All messages in ranges of conversations, grouped by conversation, in order."""
    stored: list[StoredMessage] = []
    for first in range(0, len(ranges), raw_select.MAX_CONDITIONS):
        part = ranges[first : first + raw_select.MAX_CONDITIONS]
        condition = " OR ".join(["(conversation_id = ? AND seq > ? AND seq <= ?)"] * len(part))
        order = "ORDER BY conversation_id, seq"
        stored += raw_select.select_messages(connection, f"{condition} {order}", *chain.from_iterable(part))
    return stored


def messages_at(connection: Connection, keys: Iterable[MessageKey]) -> list[StoredMessage]:
    """The messages with these keys, in no particular order."""
    return _messages_among(connection, "conversation_id", "seq", keys)


def _messages_among(
    connection: Connection, first: str, second: str, pairs: Iterable[tuple[int, raw_select.Value]]
) -> list[StoredMessage]:
    return [
        message
        for condition, values in raw_select.pair_conditions(first, second, pairs)
        for message in raw_select.select_messages(connection, condition, *values)
    ]
