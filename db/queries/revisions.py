"""Edits, deletions and reactions.

A change is a message too, with its own seq and a ``target``, stored and delivered like any other message, so
that the same recovery applies. This module decides its meaning:

* The table ``revisions`` lists, for each target, the changes *in effect*: the last edit and the reactions
  that were not removed, or only the deletion. A page needs one lookup, and a message edited a thousand times
  is read as fast as one edited once.
* The current state of a message (``latest_states``) has the text of its last edit, or none if it is deleted.
  The edits themselves are returned with the current text of their target, so that earlier or deleted texts
  are not visible anywhere.
* The text of a deleted message, and a text that an edit replaced, is erased (``erasures``). The row stays:
  if a client resends the message under its cid, the original is found.

A transaction that records a change holds the lock of its conversation (``messages.lock_heads``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, insert

from chatroom.db import erasures
from chatroom.db.queries import raw_select
from chatroom.db.queries.messages import SPOKEN_KINDS, messages_at
from chatroom.db.records import MessageKey, MessageRevision, StoredMessage
from chatroom.db.schema import revisions

CHANGE_KINDS = ("edit", "delete", "react", "unreact")
"""The kinds of messages that change another one."""

ERASING_KINDS = ("edit", "delete")
"""The changes that erase the text that was there before."""

CHANGES_SQL = (
    "SELECT revisions.conversation_id, revisions.target, revisions.seq, kind, text, sent_at, account_id,"
    f" {raw_select.AUTHOR_SQL} FROM revisions"
    " JOIN messages ON messages.conversation_id = revisions.conversation_id AND messages.seq = revisions.seq"
)


class MessageChange(NamedTuple):
    """A change in effect, with its content."""

    conversation_id: int
    target: int
    seq: int
    kind: str
    text: str
    sent_at: int
    account_id: int
    username: str


def find_message(connection: Connection, conversation_id: int, seq: int) -> StoredMessage | None:
    """The current state of a text or action message, or ``None``."""
    stored = messages_at(connection, [(conversation_id, seq)])
    if not stored or stored[0].kind not in SPOKEN_KINDS:
        return None
    return latest_states(connection, stored)[0]


def readable_texts(connection: Connection, stored: Sequence[StoredMessage]) -> list[StoredMessage]:
    """Messages with the current text in place of one that was erased."""
    if not any(map(erasures.is_erased, stored)):
        return list(stored)
    current = latest_states(connection, stored)
    return [
        replace(message, text=state.text) if erasures.is_erased(message) else message
        for message, state in zip(stored, current, strict=True)
    ]


def latest_states(connection: Connection, page: Sequence[StoredMessage]) -> list[StoredMessage]:
    """The current states of messages, which may be of several conversations."""
    changes_of = _effective_changes(
        connection, _changed_keys(connection, {_target_key(message) for message in page})
    )
    if not changes_of and all(map(_has_text, page)):
        return list(page)
    return [_with_changes(message, changes_of.get(_target_key(message), [])) for message in page]


def _has_text(message: StoredMessage) -> bool:
    """Whether the text of a message was not erased; notices never have been."""
    return bool(message.text) or message.kind not in SPOKEN_KINDS


def _changed_keys(connection: Connection, keys: Collection[MessageKey]) -> set[MessageKey]:
    """The keys of these messages that have changes in effect: on most pages there are none."""
    query = "SELECT DISTINCT conversation_id, target FROM revisions WHERE "
    changed = [
        (conversation_id, target)
        for condition, values in _nearby_condition(keys)
        or raw_select.pair_conditions("conversation_id", "target", keys)
        for conversation_id, target in raw_select.execute_select(connection, query + condition, *values)
    ]
    return set(changed).intersection(keys)


def _nearby_condition(keys: Collection[MessageKey]) -> list[raw_select.Condition]:
    """A shorter condition if the seqs are close together, as on a page. It may match further messages."""
    ids, seqs = {id for id, _ in keys}, [seq for _, seq in keys]
    if len(ids) != 1 or max(seqs) - min(seqs) > 2 * len(seqs):
        return []
    return [("conversation_id = ? AND target BETWEEN ? AND ?", [ids.pop(), min(seqs), max(seqs)])]


def record_change(connection: Connection, change: StoredMessage) -> None:
    """Record a change that was just stored: it is in effect now, and the changes that it replaces are not."""
    assert change.target is not None
    key = change.conversation_id, change.target
    others = _effective_changes(connection, {key}).get(key, [])
    if change.kind == "react" and any(_is_same_reaction(change, other) for other in others):
        return
    if change.kind in ERASING_KINDS:
        replaced = [key, *((key[0], other.seq) for other in others if other.kind == "edit")]
        stored = sorted(messages_at(connection, replaced), key=attrgetter("seq"))
        erasures.erase_texts(connection, stored, change.sent_at, unindex_after=change.seq)
    _delete_changes(connection, key, [other.seq for other in others if _replaces_change(change, other)])
    if change.kind != "unreact":
        values = {"conversation_id": change.conversation_id, "target": change.target, "seq": change.seq}
        connection.execute(insert(revisions).values(values))


def _target_key(message: StoredMessage) -> MessageKey:
    """The message whose changes decide how this one is shown: itself, or the target of an edit."""
    changed = message.target if message.kind == "edit" else None
    return message.conversation_id, changed or message.seq


def _with_changes(message: StoredMessage, changes: Sequence[MessageChange]) -> StoredMessage:
    if not changes and _has_text(message):
        return message
    text, edited_at, deleted = message.text, None, False
    reactions: dict[str, list[str]] = {}
    for change in changes:
        match change.kind:
            case "edit":
                text, edited_at = change.text, change.sent_at
            case "delete":
                text, deleted = "", True
            case "react":
                reactions.setdefault(change.text, []).append(change.username)
    if message.kind == "edit":
        return replace(message, text=text)
    deleted = deleted or not text  # without a change: its author's account was erased
    return replace(message, text=text, revision=MessageRevision(edited_at, deleted, reactions))


def _replaces_change(change: StoredMessage, other: MessageChange) -> bool:
    match change.kind:
        case "delete":
            return True
        case "edit":
            return bool(other.kind == "edit")
        case _:
            return _is_same_reaction(change, other)


def _is_same_reaction(change: StoredMessage, other: MessageChange) -> bool:
    same = (change.account_id, change.text) == (other.account_id, other.text)
    return other.kind == "react" and same


def _delete_changes(connection: Connection, key: MessageKey, seqs: Sequence[int]) -> None:
    if seqs:
        row = revisions.c
        of_target = and_(row.conversation_id == key[0], row.target == key[1])
        connection.execute(delete(revisions).where(of_target, row.seq.in_(seqs)))


def _effective_changes(
    connection: Connection, keys: Iterable[MessageKey]
) -> dict[MessageKey, list[MessageChange]]:
    """The changes of these messages that are in effect, in the order of their seqs."""
    changes_of: dict[MessageKey, list[MessageChange]] = defaultdict(list)
    for condition, values in raw_select.pair_conditions(
        "revisions.conversation_id", "revisions.target", keys
    ):
        query = f"{CHANGES_SQL} WHERE {condition} ORDER BY revisions.seq"
        for row in raw_select.execute_select(connection, query, *values):
            change = MessageChange(*row)
            changes_of[change.conversation_id, change.target].append(change)
    return changes_of
