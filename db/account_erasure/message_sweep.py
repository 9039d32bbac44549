"""Erases the messages of an account, conversation by conversation, in small slices.

A message keeps its row, its seq and its cid. Its text becomes empty and its nickname neutral, so that
``revisions`` shows it as deleted; edits and reactions lose their effect and become the kind ``erased``, which
clients do not show. In the notices of others that contain the account's name, the neutral name replaces it.

After the last slice of a conversation a notice of the kind ``erase`` follows: a client that has loaded
earlier messages loads them again. So a conversation gets one notice, however many messages were erased.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from chatroom.db.account_erasure.erasure_queue import AccountErasure
from chatroom.db.erasures import ERASABLE_KINDS
from chatroom.db.queries.messages import SPOKEN_KINDS, LockedHead, messages_at
from chatroom.db.queries.revisions import CHANGE_KINDS
from chatroom.db.records import MessageDraft, StoredMessage
from chatroom.db.schema import conversations, erasures, messages, revisions, rooms

ERASED_KIND = "erased"
"""The kind of an edit or a reaction of an erased account."""

NOTICE_KIND = "erase"
"""The kind of the notice that a conversation's messages of an account were erased."""

VOID_KINDS = ("edit", "react", "unreact")
"""The kinds of changes that lose their effect. A deletion stays one."""

NAMELESS_KINDS = (*SPOKEN_KINDS, *CHANGE_KINDS, ERASED_KIND, NOTICE_KIND, "enter", "leave", "nick", "topic")
"""The kinds whose text is no name of an account. All others are notices about an account."""

WINDOW = 20_000
"""Messages of a conversation that one query looks at."""

MAX_CONVERSATIONS = 200
"""Conversations that are looked at for one slice."""


class SweepSlice(NamedTuple):
    """Messages of one conversation to erase. ``upto`` is the last seq that was looked at; ``is_last`` says
    that the conversation has no others.
    """

    conversation_id: int
    seqs: list[int]
    upto: int
    is_last: bool


def next_slice(connection: Connection, erasure: AccountErasure, limit: int) -> SweepSlice | None:
    """The next messages to erase, at most ``limit``; ``None`` when all conversations are done. A slice may be
    empty: it only advances.
    """
    row = conversations.c
    query = select(row.id, row.head).where(row.id >= erasure.conversation_id).order_by(row.id)
    rows = connection.execute(query.limit(MAX_CONVERSATIONS)).all()
    for id, head in rows:
        after = erasure.seq if id == erasure.conversation_id else 0
        has_earlier = after > 0  # a slice of this conversation was erased, so it gets a notice
        while after < head:
            upto = min(after + WINDOW, head)
            seqs = _matching_seqs(connection, erasure, id, after, upto, limit)
            if seqs:
                upto = seqs[-1] if len(seqs) == limit else upto
                return SweepSlice(id, seqs, upto, upto == head)
            after = upto
        if has_earlier:
            return SweepSlice(id, [], head, True)
    return SweepSlice(rows[-1].id, [], 0, False) if len(rows) == MAX_CONVERSATIONS else None


def position_after(erasure: AccountErasure, slice: SweepSlice) -> AccountErasure:
    """How far the erasure is after a slice."""
    is_over = slice.is_last or not slice.seqs
    return erasure._replace(
        conversation_id=slice.conversation_id + is_over,
        seq=0 if is_over else slice.upto,
        messages=erasure.messages + len(slice.seqs),
    )


def erase_slice(
    connection: Connection, erasure: AccountErasure, slice: SweepSlice, head: LockedHead, now: int
) -> None:
    """Erase a slice of a conversation, which is locked."""
    id = slice.conversation_id
    stored = messages_at(connection, [(id, seq) for seq in slice.seqs])
    own = [message for message in stored if message.account_id == erasure.account_id]
    with_text = [message for message in own if message.text and message.kind in ERASABLE_KINDS]
    changes = [message for message in own if message.kind in VOID_KINDS]
    named = [message for message in stored if _names_account(message, erasure)]
    nicks = [message for message in own if message.kind == "nick"]
    name = erasure.neutral_name
    _update(connection, id, own, nickname=name)
    _update(connection, id, with_text, text="")
    _update(connection, id, changes, kind=ERASED_KIND, text="", target=None)
    _update(connection, id, [*named, *nicks], text=name)
    _void_changes(connection, id, own)
    _record_erasures(connection, id, with_text, now, unindex_after=head.head)


def erase_notice(
    connection: Connection, erasure: AccountErasure, conversation_id: int
) -> MessageDraft | None:
    """The notice that ends the erasure in a conversation; ``None`` in a removed room."""
    row = conversations.c
    query = select(row.id).join(rooms, rooms.c.conversation_id == row.id, isouter=True)
    exists = or_(row.kind != "room", rooms.c.conversation_id.is_not(None))
    if connection.execute(query.where(row.id == conversation_id, exists)).first() is None:
        return None
    name = erasure.neutral_name
    return MessageDraft(conversation_id, erasure.account_id, name, name, NOTICE_KIND, "")


def _matching_seqs(
    connection: Connection, erasure: AccountErasure, conversation_id: int, after: int, upto: int, limit: int
) -> list[int]:
    row = messages.c
    own = and_(row.account_id == erasure.account_id, row.nickname != erasure.neutral_name)
    named = and_(row.kind.not_in(NAMELESS_KINDS), row.text == erasure.username)
    query = select(row.seq).where(row.conversation_id == conversation_id, row.seq > after, row.seq <= upto)
    return list(connection.scalars(query.where(or_(own, named)).order_by(row.seq).limit(limit)))


def _names_account(message: StoredMessage, erasure: AccountErasure) -> bool:
    return message.kind not in NAMELESS_KINDS and message.text == erasure.username


def _update(
    connection: Connection, conversation_id: int, stored: Sequence[StoredMessage], **values: str | None
) -> None:
    if stored:
        row = messages.c
        of_messages = (
            row.conversation_id == conversation_id,
            row.seq.in_([message.seq for message in stored]),
        )
        connection.execute(update(messages).where(*of_messages).values(values))


def _void_changes(connection: Connection, conversation_id: int, own: Sequence[StoredMessage]) -> None:
    """Delete the changes in effect on the account's messages, and those that it made to others'."""
    row = revisions.c
    targets = [message.seq for message in own if message.kind in SPOKEN_KINDS]
    made = [
        and_(row.target == message.target, row.seq == message.seq)
        for message in own
        if message.kind in VOID_KINDS and message.target is not None
    ]
    if targets or made:
        of_messages = or_(row.target.in_(targets), *made)
        connection.execute(delete(revisions).where(row.conversation_id == conversation_id, of_messages))


def _record_erasures(
    connection: Connection,
    conversation_id: int,
    erased: Sequence[StoredMessage],
    now: int,
    *,
    unindex_after: int,
) -> None:
    """Have the words removed from the search index. No digest is kept: there is no resend."""
    if not erased:
        return
    row = erasures.c
    seqs = [message.seq for message in erased]
    connection.execute(delete(erasures).where(row.conversation_id == conversation_id, row.seq.in_(seqs)))
    rows = [
        {"conversation_id": conversation_id, "seq": seq, "erased_at": now, "unindex_after": unindex_after}
        for seq in seqs
    ]
    connection.execute(insert(erasures), rows)
