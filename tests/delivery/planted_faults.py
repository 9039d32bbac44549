"""Servers with one planted fault each: ``check`` must detect every one.

``python -m tests.delivery.planted_faults FAULT …`` is ``chat-server …`` with that fault. The faults are
planted by patching the server's functions in this process; the server itself has no switch for them.
"""

import sys
import time
from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Engine, func, inspect, select, update

import chatroom.db.purge
import chatroom.db.queries.messages
import chatroom.db.queries.raw_insert
import chatroom.server.__main__
import chatroom.server.auth.permissions
import chatroom.server.cluster.change_poller
import chatroom.server.handlers.room_entry
import chatroom.server.preparation
import chatroom.server.state.delivery
from chatroom.db.queries import memberships
from chatroom.db.queries.messages import KnownHead, KnownMessages, SeqRange
from chatroom.db.records import MessageDraft, RoomRecord, SeatRecord, StoredMessage
from chatroom.db.schema import conversations, messages
from chatroom.db.writer.remote_messages import MessageHint, RemoteMessages
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol.errors import NotAMember

WRONG_STATE_SECONDS = 0.3
"""Seconds for which a wrong state is kept, so that a client observes it."""


def ack_before_commit() -> None:
    """``sent`` is answered while the transaction is still open."""

    def tell(writer: Any, batch: Any) -> None:
        for post, outcome in zip(batch.posts, batch.outcomes, strict=True):
            writer._loop.call_soon_threadsafe(post.done, outcome)
            post.done = _nothing

    _before_commit(tell)


def delivery_before_commit() -> None:
    """Messages are delivered while the transaction is still open."""

    def tell(writer: Any, batch: Any) -> None:
        writer._loop.call_soon_threadsafe(writer._answers.deliver, batch.posted)
        batch.posted = []

    _before_commit(tell)


def _before_commit(tell: Callable[[Any, Any], None]) -> None:
    def transact(self: Any, connection: Connection, batch: Any) -> Any:
        transaction = proper(self, connection, batch)
        tell(self, batch)
        time.sleep(WRONG_STATE_SECONDS)
        return transaction

    proper = _patch(DatabaseWriter, "_write_batch", transact)


def cids_in_memory() -> None:
    """Cids are known to this process only, not to the database."""
    known = KnownMessages({}, {})

    def append(connection: Connection, heads: Any, drafts: Sequence[MessageDraft], now: int) -> list[Any]:
        outcomes: list[Any] = chatroom.db.queries.messages._append_drafts(
            connection, heads, drafts, now, known
        )
        known.stored.update({(each.stored.account_id, each.stored.cid): each.stored for each in outcomes})
        return outcomes

    def find(connection: Connection, drafts: Sequence[MessageDraft]) -> KnownMessages:
        keys = [(draft.account_id, draft.cid) for draft in drafts if draft.cid is not None]
        return KnownMessages({key: known.stored[key] for key in keys if key in known.stored}, {})

    _patch(chatroom.db.queries.messages, "append_messages", append)
    _patch(chatroom.db.queries.messages, "_find_known", find)
    row = _patch(
        chatroom.db.queries.raw_insert,
        "message_row",
        lambda stored, spoken: row(replace(stored, cid=None), spoken),
    )


def seq_outside_lock() -> None:
    """The next seq is the highest visible one plus one, without a lock.

    The primary key would prevent it, so it is dropped too. Two servers on one database are needed to show it.
    """

    def lock(connection: Connection, ids: Collection[int], *, skip_locked: bool = False) -> dict[int, Any]:
        row = conversations.c
        highest = (
            select(func.max(messages.c.seq)).where(messages.c.conversation_id == row.id).scalar_subquery()
        )
        query = select(row.id, func.coalesce(highest, 0), row.spoken, row.roster, row.last_at)
        heads = {
            id: chatroom.db.queries.messages.LockedHead(*rest)
            for id, *rest in connection.execute(query.where(row.id.in_(ids)))
        }
        time.sleep(WRONG_STATE_SECONDS)
        return heads

    def upgrade(engine: Engine) -> None:
        proper(engine)
        with engine.begin() as connection:
            if inspect(connection).get_pk_constraint("messages")["constrained_columns"]:
                connection.exec_driver_sql(
                    "ALTER TABLE messages DROP PRIMARY KEY, ADD INDEX (conversation_id, seq)"
                )

    proper = _patch(chatroom.server.preparation, "upgrade_schema", upgrade)
    _patch(chatroom.db.queries.messages, "lock_heads", lock)


def page_by_row() -> None:
    """Pages go by the time of a row instead of its seq."""

    def page(connection: Connection, conversation_id: int, *, limit: int, **bounds: int | None) -> Any:
        page_messages, more = proper(connection, conversation_id, limit=limit, **bounds)
        after = bounds.get("after")
        if after is None or not page_messages:
            return page_messages, more
        bound = chatroom.db.queries.messages.messages_in_ranges(
            connection, [SeqRange(conversation_id, after - 1, after)]
        )
        return [each for each in page_messages if not bound or each.sent_at > bound[0].sent_at], more

    proper = _patch(chatroom.db.queries.messages, "message_page", page)


def lost_events() -> None:
    """Sometimes a message is not delivered."""
    random = Random(1)

    def event_line(stored: StoredMessage, label: str) -> bytes:
        return proper(stored, label) if random.random() > 0.05 else b""

    def own_line(line: bytes, cid: str) -> bytes:
        return proper_own(line, cid) if line else b""

    proper = _patch(chatroom.server.state.delivery, "event_line", event_line)
    proper_own = _patch(chatroom.server.state.delivery, "own_line", own_line)


def seats_forgotten() -> None:
    """A member that was removed through another server still receives messages through this one."""
    _patch(chatroom.server.state.delivery.MessageDelivery, "apply_rosters", _nothing)


def seats_uncounted() -> None:
    """Every request for a seat is granted."""

    def take_seat(transaction: WriteTransaction, account_id: int, room: RoomRecord) -> SeatRecord | None:
        connection, now, id = transaction.connection, transaction.now, room.conversation_id
        memberships.take_seat(
            connection, conversation_id=id, account_id=account_id, nickname=None, joined_seq=0, now=now
        )
        return memberships.find_seat(connection, id, account_id)

    _patch(chatroom.server.handlers.room_entry, "_take_seat", take_seat)


def pages_for_strangers() -> None:
    """Every request for a page of a room is granted."""

    def readable(connection: Connection, account_id: int, conversation: str) -> Any:
        try:
            return proper(connection, account_id, conversation)
        except NotAMember:
            room = chatroom.server.auth.permissions.find_room(connection, account_id, conversation)
            return chatroom.server.auth.permissions.RequestedConversation(
                room.conversation_id, f"#{room.name}"
            )

    proper = _patch(chatroom.server.auth.permissions, "readable_conversation", readable)


def hints_in_any_order() -> None:
    """A hint is applied whatever its seq is."""

    def take_deliverable(self: Any) -> list[StoredMessage]:
        deliverable: list[StoredMessage] = []
        while self._arrived:
            deliverable += self._arrived.popleft().messages
        for message in deliverable:
            known = self._known.get(message.conversation_id)
            roster = 0 if known is None else known.roster
            self._known[message.conversation_id] = KnownHead(message.seq, roster)
        return deliverable

    _patch(RemoteMessages, "take_deliverable", take_deliverable)


def hints_trusted_for_seats() -> None:
    """A hint is applied whatever its roster version is, and an unknown roster is taken for the known one."""

    def add(self: Any, hint: MessageHint) -> None:
        known = self._known.get(hint.conversation_id)
        if known is not None:
            self._known[hint.conversation_id] = KnownHead(known.head, hint.roster)
        proper(self, hint)

    proper = _patch(RemoteMessages, "add", add)
    seats_forgotten()


def no_fallback_poll() -> None:
    """What no hint announces is never read."""

    async def run_polling(self: Any) -> None:
        self.hints_arrive = lambda: True
        await proper(self)

    chatroom.server.cluster.change_poller.HINTED_POLL_SECONDS = 1e6
    proper = _patch(chatroom.server.cluster.change_poller.ChangePoller, "run_polling", run_polling)


def first_before_deletion() -> None:
    """The first seq moves, and the messages before it are deleted some time later."""

    def delete_rows(connection: Connection, conversation_id: int, first: int, last: int) -> None:
        postponed.append((conversation_id, first, last, time.monotonic() + WRONG_STATE_SECONDS))
        while postponed and postponed[0][-1] < time.monotonic():
            proper(connection, *postponed.pop(0)[:-1])

    postponed: list[tuple[int, int, int, float]] = []
    proper = _patch(chatroom.db.purge, "_delete_rows", delete_rows)


def renumbered_after_deletion() -> None:
    """The messages that are left get the seqs from 1 on."""

    def delete_step(connection: Connection, step: Any, now: int) -> bool:
        if not (is_done := proper(connection, step, now)):
            return False
        row, id = messages.c, step.conversation_id
        in_room = row.conversation_id == id
        seqs = list(connection.scalars(select(row.seq).where(in_room).order_by(row.seq)))
        for seq in seqs:
            renumbering = update(messages).where(in_room, row.seq == seq)
            connection.execute(renumbering.values(seq=seq - step.last))
        moved = {"head": conversations.c.head - step.last, "first_seq": 1}
        connection.execute(update(conversations).where(conversations.c.id == id).values(moved))
        return bool(is_done)

    proper = _patch(chatroom.db.purge, "delete_step", delete_step)


FLAWS: dict[str, Callable[[], None]] = {
    "ack-before-commit": ack_before_commit,
    "delivery-before-commit": delivery_before_commit,
    "cids-in-memory": cids_in_memory,
    "seq-outside-lock": seq_outside_lock,
    "page-by-row": page_by_row,
    "lost-events": lost_events,
    "seats-forgotten": seats_forgotten,
    "seats-uncounted": seats_uncounted,
    "pages-for-strangers": pages_for_strangers,
    "hints-in-any-order": hints_in_any_order,
    "hints-trusted-for-seats": hints_trusted_for_seats,
    "no-fallback-poll": no_fallback_poll,
    "first-before-deletion": first_before_deletion,
    "renumbered-after-deletion": renumbered_after_deletion,
}


def _patch(where: Any, name: str, made: Callable[..., Any]) -> Callable[..., Any]:
    """Replace a function and return the original."""
    proper: Callable[..., Any] = getattr(where, name)
    setattr(where, name, made)
    return proper


def _nothing(*arguments: object) -> None:
    """Do nothing: the real call was made already."""


if __name__ == "__main__":
    FLAWS[sys.argv.pop(1)]()
    chatroom.server.__main__.main()
