"""Messages: appended under the lock of their conversation, read back in pages by seq.

The order of a conversation is made here and nowhere else:

1. ``lock`` the rows of all conversations of a batch, in the order of their ids, so that two writers cannot
   wait for each other;
2. ``append`` gives each draft ``head + 1``, ``head + 2`` …, inserts, and sets the heads, in the same
   transaction.

Nobody else can see or take a seq in between, also from another server process. Duplicates are not looked for:
the unique (account, cid) objects, and only then are they searched out.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, case, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from db.records import Draft, Stored
from db.schema import accounts, conversations, messages

SPOKEN_KINDS = ("text", "action")
"""The kinds that people would call messages; the others are notices or change a message."""


class Verdict(Enum):
    STORED = auto()
    DUPLICATE = auto()  # the same cid with the same content was stored before
    REUSED = auto()  # the same cid with other content was


class Outcome(NamedTuple):
    """What became of a draft. ``stored`` is the message that has its cid."""

    verdict: Verdict
    stored: Stored


@dataclass(slots=True)
class Head:
    """The locked row of a conversation, and how it will be once the batch is in."""

    head: int
    spoken: int
    roster: int
    last_at: int


def lock(connection: Connection, conversation_ids: Collection[int]) -> dict[int, Head]:
    """Lock conversations until the transaction ends. One that does not exist is missing in the answer."""
    row = conversations.c
    query = select(row.id, row.head, row.spoken, row.roster, row.last_at)
    query = query.where(row.id.in_(sorted(conversation_ids))).order_by(row.id).with_for_update()
    return {id: Head(*rest) for id, *rest in connection.execute(query)}


def append(
    connection: Connection, heads: dict[int, Head], drafts: Sequence[Draft], now: int
) -> list[Outcome]:
    """Store drafts in the order given, each in a conversation that ``lock`` returned; ``heads`` moves along.

    Times do not go back within a conversation, whatever the clock does.
    """
    try:
        with connection.begin_nested():
            return _append(connection, heads, drafts, now, {})
    except IntegrityError:
        return _append(connection, heads, drafts, now, _by_cid(connection, drafts))


def _append(
    connection: Connection,
    heads: dict[int, Head],
    drafts: Sequence[Draft],
    now: int,
    known: dict[tuple[int, str], Stored],
) -> list[Outcome]:
    moved = {draft.conversation_id: _copy(heads[draft.conversation_id]) for draft in drafts}
    known = dict(known)
    outcomes, rows = [], []
    for draft in drafts:
        earlier = known.get((draft.account_id, draft.cid)) if draft.cid is not None else None
        if earlier is not None:
            outcomes.append(Outcome(_compare(draft, earlier), earlier))
            continue
        head = moved[draft.conversation_id]
        stored = _place(draft, head, now)
        rows.append(_row(stored, head.spoken))
        outcomes.append(Outcome(Verdict.STORED, stored))
        if draft.cid is not None:
            known[draft.account_id, draft.cid] = stored
    if rows:
        connection.execute(insert(messages), rows)
        _set_heads(connection, {id: head for id, head in moved.items() if head.head != heads[id].head})
    heads.update(moved)
    return outcomes


def _copy(head: Head) -> Head:
    return Head(head.head, head.spoken, head.roster, head.last_at)


def _place(draft: Draft, head: Head, now: int) -> Stored:
    head.head += 1
    head.spoken += draft.kind in SPOKEN_KINDS
    head.last_at = max(now, head.last_at)
    return Stored(
        conversation_id=draft.conversation_id,
        seq=head.head,
        account_id=draft.account_id,
        username=draft.username,
        nickname=draft.nickname,
        kind=draft.kind,
        text=draft.text,
        sent_at=head.last_at,
        cid=draft.cid,
        target=draft.target,
    )


def _row(stored: Stored, spoken: int) -> dict[str, Any]:
    return {
        "conversation_id": stored.conversation_id,
        "seq": stored.seq,
        "account_id": stored.account_id,
        "kind": stored.kind,
        "nickname": stored.nickname,
        "text": stored.text,
        "target": stored.target,
        "cid": stored.cid,
        "sent_at": stored.sent_at,
        "spoken": spoken,
    }


def _set_heads(connection: Connection, heads: dict[int, Head]) -> None:
    """All heads in one statement: a round trip for each would cost more than the messages do."""
    if not heads:
        return
    id = conversations.c.id
    change = update(conversations).where(id.in_(sorted(heads)))
    connection.execute(
        change.values(
            head=case({i: head.head for i, head in heads.items()}, value=id),
            spoken=case({i: head.spoken for i, head in heads.items()}, value=id),
            last_at=case({i: head.last_at for i, head in heads.items()}, value=id),
        )
    )


def _compare(draft: Draft, earlier: Stored) -> Verdict:
    same = (
        draft.conversation_id == earlier.conversation_id
        and draft.kind == earlier.kind
        and draft.text == earlier.text
        and draft.target == earlier.target
    )
    return Verdict.DUPLICATE if same else Verdict.REUSED


def _by_cid(connection: Connection, drafts: Iterable[Draft]) -> dict[tuple[int, str], Stored]:
    keys = [(draft.account_id, draft.cid) for draft in drafts if draft.cid is not None]
    found = connection.execute(_stored().where(tuple_(messages.c.account_id, messages.c.cid).in_(keys)))
    return {(row.account_id, row.cid): _record(row) for row in found}


def find_duplicate(connection: Connection, draft: Draft) -> Outcome | None:
    """What was stored before under the cid of this draft, if anything was."""
    for earlier in _by_cid(connection, [draft]).values():
        return Outcome(_compare(draft, earlier), earlier)
    return None


def page(
    connection: Connection,
    conversation_id: int,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> tuple[list[Stored], bool]:
    """Messages before or after a seq (exclusive), or the newest, ascending; and whether there are more that
    way.
    """
    query = _stored().where(messages.c.conversation_id == conversation_id).limit(limit + 1)
    if after is not None:
        rows = list(connection.execute(query.where(messages.c.seq > after).order_by(messages.c.seq)))
        return [_record(row) for row in rows[:limit]], len(rows) > limit
    if before is not None:
        query = query.where(messages.c.seq < before)
    rows = list(connection.execute(query.order_by(messages.c.seq.desc())))
    return [_record(row) for row in reversed(rows[:limit])], len(rows) > limit


def between(connection: Connection, conversation_id: int, after: int, upto: int) -> list[Stored]:
    """Every message with ``after < seq <= upto``."""
    query = _stored().where(messages.c.conversation_id == conversation_id)
    query = query.where(messages.c.seq > after, messages.c.seq <= upto).order_by(messages.c.seq)
    return [_record(row) for row in connection.execute(query)]


def _stored() -> Select[*tuple[Any, ...]]:
    row = messages.c
    return select(
        row.conversation_id,
        row.seq,
        row.account_id,
        accounts.c.username,
        row.nickname,
        row.kind,
        row.text,
        row.sent_at,
        row.cid,
        row.target,
    ).join(accounts, accounts.c.id == row.account_id)


def _record(row: Row[*tuple[Any, ...]]) -> Stored:
    return Stored(*row)  # the columns of ``_stored`` stand in the order of the record's fields
