"""What was done to messages after they were said: edits, deletions, reactions. The counterpart is
``messages``.

A change is a message too, with a seq of its own and a ``target``, stored and delivered like any other, so
that one mechanism recovers everything. What it means is decided here:

* The table ``revisions`` points out, for each target, the changes that *count*: the last edit and the
  reactions not taken back, or the deletion alone. So a page takes one look into it, and a message edited a
  thousand times is read as fast as one edited once.
* A message as it stands now (``latest_states``) has the text of its last edit, or none when it is deleted.
The
  edits themselves are shown with the text that their target has now: what was edited away, or deleted, is
  not to be read anywhere.
* Nothing is overwritten. Whoever sends a message again under its cid must find what it was.

Whoever records a change holds the lock of its conversation (``messages.lock_heads``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from chatroom.db.queries import raw_select
from chatroom.db.queries.messages import SPOKEN_KINDS, MessageKey, messages_at
from chatroom.db.records import MessageRevision, StoredMessage
from chatroom.db.schema import revisions
from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, insert

CHANGE_KINDS = ("edit", "delete", "react", "unreact")
"""The kinds of messages that change another one."""

CHANGES_SQL = (
    "SELECT revisions.conversation_id, revisions.target, revisions.seq, kind, text, sent_at, account_id,"
    f" {raw_select.AUTHOR_SQL} FROM revisions"
    " JOIN messages ON messages.conversation_id = revisions.conversation_id AND messages.seq = revisions.seq"
)


class MessageChange(NamedTuple):
    """A change that counts, and what it says."""

    conversation_id: int
    target: int
    seq: int
    kind: str
    text: str
    sent_at: int
    account_id: int
    username: str


def find_message(connection: Connection, conversation_id: int, seq: int) -> StoredMessage | None:
    """A message as it stands now, if people would call it one."""
    found = messages_at(connection, [(conversation_id, seq)])
    if not found or found[0].kind not in SPOKEN_KINDS:
        return None
    return latest_states(connection, found)[0]


def latest_states(connection: Connection, page: Sequence[StoredMessage]) -> list[StoredMessage]:
    """Messages, of whichever conversations, as they stand now."""
    counting = _effective_changes(
        connection, _changed_places(connection, {_target_place(one) for one in page})
    )
    return (
        [_with_changes(one, counting.get(_target_place(one), [])) for one in page] if counting else list(page)
    )


def _changed_places(connection: Connection, places: Collection[MessageKey]) -> set[MessageKey]:
    """Those of these messages to which something was done that counts: of a page, mostly none."""
    question = "SELECT DISTINCT conversation_id, target FROM revisions WHERE "
    found = [
        (conversation_id, target)
        for which, values in _nearby_condition(places)
        or raw_select.pair_conditions("conversation_id", "target", places)
        for conversation_id, target in raw_select.execute_select(connection, question + which, *values)
    ]
    return set(found).intersection(places)


def _nearby_condition(places: Collection[MessageKey]) -> list[raw_select.Condition]:
    """A shorter condition, where they stand close together, as on a page. It may hold for others too."""
    ids, seqs = {id for id, _ in places}, [seq for _, seq in places]
    if len(ids) != 1 or max(seqs) - min(seqs) > 2 * len(seqs):
        return []
    return [("conversation_id = ? AND target BETWEEN ? AND ?", [ids.pop(), min(seqs), max(seqs)])]


def record_change(connection: Connection, change: StoredMessage) -> None:
    """A change was stored just now: from here on it counts, and what it replaces does not."""
    assert change.target is not None
    place = change.conversation_id, change.target
    others = _effective_changes(connection, {place}).get(place, [])
    if change.kind == "react" and any(_is_same_reaction(change, other) for other in others):
        return
    _delete_changes(connection, place, [other.seq for other in others if _replaces_change(change, other)])
    if change.kind != "unreact":
        values = {"conversation_id": change.conversation_id, "target": change.target, "seq": change.seq}
        connection.execute(insert(revisions).values(values))


def _target_place(message: StoredMessage) -> MessageKey:
    """The message whose changes decide how this one is shown: itself, or what it edited."""
    changed = message.target if message.kind == "edit" else None
    return message.conversation_id, changed or message.seq


def _with_changes(message: StoredMessage, changes: Sequence[MessageChange]) -> StoredMessage:
    if not changes:
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
    mine, theirs = (change.account_id, change.text), (other.account_id, other.text)
    return other.kind == "react" and mine == theirs


def _delete_changes(connection: Connection, place: MessageKey, seqs: Sequence[int]) -> None:
    if seqs:
        row = revisions.c
        here = and_(row.conversation_id == place[0], row.target == place[1])
        connection.execute(delete(revisions).where(here, row.seq.in_(seqs)))


def _effective_changes(
    connection: Connection, places: Iterable[MessageKey]
) -> dict[MessageKey, list[MessageChange]]:
    """The changes of these messages that count, in the order in which they were made."""
    found: dict[MessageKey, list[MessageChange]] = defaultdict(list)
    for which, values in raw_select.pair_conditions("revisions.conversation_id", "revisions.target", places):
        question = f"{CHANGES_SQL} WHERE {which} ORDER BY revisions.seq"
        for change in (
            MessageChange(*row) for row in raw_select.execute_select(connection, question, *values)
        ):
            found[change.conversation_id, change.target].append(change)
    return found
