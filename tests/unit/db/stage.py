"""A writer on a database with one room in it, for the stories about what it does and what befalls it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from chatroom.db.engine import begin_write
from chatroom.db.queries import messages
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.records import MessageDraft, StoredMessage
from chatroom.db.writer.operations import MessagePost, SessionOrder, WriteJob
from chatroom.db.writer.transaction import RosterSeats, WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from sqlalchemy import Connection, Engine

from tests.unit.db.people import person, room, sit

T = TypeVar("T")


class NotEntitled(Exception):
    pass


class Stage:
    """A writer on a database with one room in it, and everything it told, in the order it was told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with begin_write(engine) as connection:
            self.alice = person(connection, "Alice")
            self.room = room(connection, "thuhole", self.alice)
            sit(connection, self.room, self.alice)
        self.told: list[tuple[str, Any]] = []
        self.stream = SessionOrder()
        self.entitled = True
        self._news = asyncio.Event()

    @asynccontextmanager
    async def writing(
        self, patience: float = 0.0, publish: Callable[[Connection, ChangeSet], None] | None = None
    ) -> AsyncIterator[DatabaseWriter]:
        writer = DatabaseWriter(
            self.engine,
            asyncio.get_running_loop(),
            deliver=self._deliver,
            reseat=self._reseat,
            entitle=self._entitle,
            patience=patience,
            publish=publish,
        )
        try:
            yield writer
        finally:
            await asyncio.to_thread(writer.close)

    def post(self, text: str, *, roster: int = 1, stream: SessionOrder | None = None) -> MessagePost:
        draft = MessageDraft(self.room, self.alice, "Alice", "ALICE", "text", text, cid=text)
        return MessagePost(draft, roster, stream or self.stream, self._done)

    def job(self, work: Callable[[WriteTransaction], T]) -> WriteJob[T]:
        return WriteJob(work, lambda result: self.told.append(("job", result)))

    def say(self, transaction: WriteTransaction, text: str) -> str:
        draft = MessageDraft(self.room, self.alice, "Alice", "ALICE", "text", text, cid=text)
        transaction.append_messages(transaction.lock_changing([self.room]), [draft])
        return text

    def kept(self) -> list[str]:
        with self.engine.connect() as connection:
            return [stored.text for stored in messages.message_page(connection, self.room, limit=100)[0]]

    def of(self, what: str) -> list[Any]:
        return [told for kind, told in self.told if kind == what]

    async def answered(self, posts: int) -> None:
        async with asyncio.timeout(10):
            while len(self.of("post")) < posts:
                self._news.clear()
                await self._news.wait()

    def _done(self, outcome: AppendOutcome | Exception) -> None:
        answer = outcome if isinstance(outcome, Exception) else (outcome.verdict, outcome.stored.seq)
        self.told.append(("post", answer))
        self._news.set()

    def _deliver(self, stored: Sequence[StoredMessage]) -> None:
        self.told += [("deliver", (one.seq, one.text)) for one in stored]

    def _reseat(self, seatings: Sequence[RosterSeats], said: Sequence[StoredMessage]) -> None:
        for seating in seatings:
            self.told.append(("reseat", (set(seating.seats), [one.text for one in said])))

    def _entitle(self, connection: Connection, draft: MessageDraft, epoch: int) -> None:
        if not self.entitled:
            raise NotEntitled


def refuse(transaction: WriteTransaction) -> None:
    raise NotEntitled


async def closed_gate(writer: DatabaseWriter) -> threading.Event:
    """Keep the writer busy until the gate is set, so that what is added meanwhile waits together."""
    shut, gate = threading.Event(), threading.Event()

    def work(transaction: WriteTransaction) -> None:
        shut.set()
        gate.wait(10)

    writer.add_operation(WriteJob(work, lambda result: None))
    await asyncio.to_thread(shut.wait, 10)
    return gate
