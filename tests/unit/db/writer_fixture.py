"""A writer on a database with one room, for the tests of the writer."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import messages
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.records import MessageDraft, StoredMessage
from chatroom.db.writer.operations import MessagePost, SessionOrder, WriteJob
from chatroom.db.writer.transaction import RosterSeats, WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from tests.unit.db.builders import make_account, make_room, take_seats

T = TypeVar("T")


class NotEntitled(Exception):
    pass


class WriterFixture:
    """A database with one room, and the events of the writer in the order in which they occurred."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with begin_write(engine) as connection:
            self.alice_id = make_account(connection, "Alice")
            self.room_id = make_room(connection, "thuhole", self.alice_id)
            take_seats(connection, self.room_id, self.alice_id)
        self.events: list[tuple[str, Any]] = []
        self.session_order = SessionOrder()
        self.posting_allowed = True
        self._answer_arrived = asyncio.Event()

    @asynccontextmanager
    async def running_writer(
        self, outage_timeout: float = 0.0, publish: Callable[[Connection, ChangeSet], int] | None = None
    ) -> AsyncIterator[DatabaseWriter]:
        writer = DatabaseWriter(
            self.engine,
            asyncio.get_running_loop(),
            deliver=self._deliver,
            reseat=self._reseat,
            authorize=self._authorize,
            outage_timeout=outage_timeout,
            publish=publish,
        )
        try:
            yield writer
        finally:
            await asyncio.to_thread(writer.close)

    def make_post(
        self, text: str, *, roster: int = 1, session_order: SessionOrder | None = None
    ) -> MessagePost:
        draft = MessageDraft(self.room_id, self.alice_id, "Alice", "ALICE", "text", text, cid=text)
        return MessagePost(draft, roster, session_order or self.session_order, self._done)

    def make_job(self, work: Callable[[WriteTransaction], T]) -> WriteJob[T]:
        return WriteJob(work, lambda result: self.events.append(("job", result)))

    def append_text(self, transaction: WriteTransaction, text: str) -> str:
        draft = MessageDraft(self.room_id, self.alice_id, "Alice", "ALICE", "text", text, cid=text)
        transaction.append_messages(transaction.lock_changing([self.room_id]), [draft])
        return text

    def stored_texts(self) -> list[str]:
        with self.engine.connect() as connection:
            return [stored.text for stored in messages.message_page(connection, self.room_id, limit=100)[0]]

    def events_of(self, kind: str) -> list[Any]:
        return [event for event_kind, event in self.events if event_kind == kind]

    async def wait_for_answers(self, posts: int) -> None:
        async with asyncio.timeout(10):
            while len(self.events_of("post")) < posts:
                self._answer_arrived.clear()
                await self._answer_arrived.wait()

    def _done(self, outcome: AppendOutcome | Exception) -> None:
        answer = outcome if isinstance(outcome, Exception) else (outcome.verdict, outcome.stored.seq)
        self.events.append(("post", answer))
        self._answer_arrived.set()

    def _deliver(self, stored: Sequence[StoredMessage]) -> None:
        self.events += [("deliver", (message.seq, message.text)) for message in stored]

    def _reseat(self, rosters: Sequence[RosterSeats], messages: Sequence[StoredMessage]) -> None:
        for roster in rosters:
            self.events.append(("reseat", (set(roster.seats), [message.text for message in messages])))

    def _authorize(self, connection: Connection, draft: MessageDraft, epoch: int) -> None:
        if not self.posting_allowed:
            raise NotEntitled


def raise_not_entitled(transaction: WriteTransaction) -> None:
    raise NotEntitled


async def block_writer(writer: DatabaseWriter) -> threading.Event:
    """Keep the writer busy until the returned event is set, so that later operations wait together."""
    started, gate = threading.Event(), threading.Event()

    def work(transaction: WriteTransaction) -> None:
        started.set()
        gate.wait(10)

    writer.add_operation(WriteJob(work, lambda result: None))
    await asyncio.to_thread(started.wait, 10)
    return gate
