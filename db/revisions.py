"""What was done to messages after they were said: edits, deletions, reactions. The counterpart is
``messages``.

A change is a message too, with a seq of its own and a ``target``, stored and delivered like any other, so
that one mechanism recovers everything. What it means is decided here:

* The table ``revisions`` points out, for each target, the changes that *count*: the last edit and the
  reactions not taken back, or the deletion alone. So a page takes one look into it, and a message edited a
  thousand times is read as fast as one edited once.
* A message as it stands now (``latest``) has the text of its last edit, or none when it is deleted. The
  edits themselves are shown with the text that their target has now: what was edited away, or deleted, is
  not to be read anywhere.
* Nothing is overwritten. Whoever sends a message again under its cid must find what it was.

Whoever records a change holds the lock of its conversation (``messages.lock``).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select

from db.messages import SPOKEN_KINDS, Place, at
from db.pages import ask
from db.records import Revision, Stored
from db.schema import accounts, messages, revisions

KINDS = ("edit", "delete", "react", "unreact")
"""The kinds of messages that change another one."""

Change = Row[*tuple[Any, ...]]
"""A change that counts, and what it says: a row of ``_CHANGES``."""

_of_same_message = and_(
    messages.c.conversation_id == revisions.c.conversation_id, messages.c.seq == revisions.c.seq
)
_CHANGES = (
    select(
        revisions,
        messages.c.kind,
        messages.c.text,
        messages.c.sent_at,
        messages.c.account_id,
        accounts.c.username,
    )
    .join_from(revisions, messages, _of_same_message)
    .join(accounts, accounts.c.id == messages.c.account_id)
)


def find(connection: Connection, conversation_id: int, seq: int) -> Stored | None:
    """A message as it stands now, if people would call it one."""
    found = at(connection, [(conversation_id, seq)])
    if not found or found[0].kind not in SPOKEN_KINDS:
        return None
    return latest(connection, found)[0]


def latest(connection: Connection, page: Sequence[Stored]) -> list[Stored]:
    """Messages, of whichever conversations, as they stand now."""
    counting = _counting(connection, {_place(one) for one in _perhaps_changed(connection, page)})
    return [_revised(one, counting.get(_place(one), [])) for one in page] if counting else list(page)


def _perhaps_changed(connection: Connection, page: Sequence[Stored]) -> Sequence[Stored]:
    """Of messages that stand close together, as on a page, those that one look tells; of others all."""
    ids, seqs = {one.conversation_id for one in page}, [one.seq for one in page]
    if len(ids) != 1 or max(seqs) - min(seqs) > 2 * len(seqs):
        return page
    touched = _touched(connection, ids.pop(), min(seqs), max(seqs))
    return [one for one in page if one.kind == "edit" or one.seq in touched]


def _touched(connection: Connection, conversation_id: int, first: int, last: int) -> set[int]:
    """Which messages from one seq to another something was done to that counts."""
    question = "SELECT DISTINCT target FROM revisions WHERE conversation_id = ? AND target BETWEEN ? AND ?"
    return {target for (target,) in ask(connection, question, conversation_id, first, last)}


def record(connection: Connection, change: Stored) -> None:
    """A change was stored just now: from here on it counts, and what it replaces does not."""
    assert change.target is not None
    place = change.conversation_id, change.target
    others = _counting(connection, {place}).get(place, [])
    if change.kind == "react" and any(_is_same_reaction(change, other) for other in others):
        return
    _drop(connection, place, [other.seq for other in others if _replaces(change, other)])
    if change.kind != "unreact":
        values = {"conversation_id": change.conversation_id, "target": change.target, "seq": change.seq}
        connection.execute(insert(revisions).values(values))


def _place(message: Stored) -> Place:
    """The message whose changes decide how this one is shown: itself, or what it edited."""
    changed = message.target if message.kind == "edit" else None
    return message.conversation_id, changed or message.seq


def _revised(message: Stored, changes: Sequence[Change]) -> Stored:
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
    return replace(message, text=text, revision=Revision(edited_at, deleted, reactions))


def _replaces(change: Stored, other: Change) -> bool:
    match change.kind:
        case "delete":
            return True
        case "edit":
            return bool(other.kind == "edit")
        case _:
            return _is_same_reaction(change, other)


def _is_same_reaction(change: Stored, other: Change) -> bool:
    mine, theirs = (change.account_id, change.text), (other.account_id, other.text)
    return other.kind == "react" and mine == theirs


def _drop(connection: Connection, place: Place, seqs: Sequence[int]) -> None:
    if seqs:
        connection.execute(delete(revisions).where(_where(place[0], [place[1]]), revisions.c.seq.in_(seqs)))


def _counting(connection: Connection, places: Iterable[Place]) -> dict[Place, list[Change]]:
    """The changes of these messages that count, in the order in which they were made."""
    targets: dict[int, list[int]] = defaultdict(list)
    for conversation_id, seq in sorted(places):
        targets[conversation_id].append(seq)
    found: dict[Place, list[Change]] = defaultdict(list)
    if targets:
        row = revisions.c
        query = _CHANGES.where(or_(*(_where(id, seqs) for id, seqs in targets.items())))
        for change in connection.execute(query.order_by(row.conversation_id, row.target, row.seq)):
            found[change.conversation_id, change.target].append(change)
    return found


def _where(conversation_id: int, targets: Sequence[int]) -> ColumnElement[bool]:
    """The rows of ascending targets. Those of a page mostly stand in a row, and two numbers say so."""
    row, first, last = revisions.c, targets[0], targets[-1]
    in_a_row = last - first == len(targets) - 1
    return and_(
        row.conversation_id == conversation_id,
        row.target.between(first, last) if in_a_row else row.target.in_(targets),
    )
