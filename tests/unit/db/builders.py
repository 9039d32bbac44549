"""Functions that fill the databases of these tests."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

from chatroom.db.engine import begin_write, open_engine
from chatroom.db.errors import is_transient
from chatroom.db.queries import accounts, memberships, messages, rooms
from chatroom.db.records import MessageDraft, StoredMessage

T = TypeVar("T")

NOW = 1_700_000_000_000


def make_account(connection: Connection, name: str) -> int:
    key = name.lower().encode()
    return accounts.add_account(connection, username=name, key=key, skeleton=key, password_hash="-", now=NOW)


def make_room(connection: Connection, name: str, owner_id: int, capacity: int = 5) -> int:
    key = name.lower().encode()
    return rooms.add_room(
        connection, name=name, key=key, skeleton=key, capacity=capacity, owner_id=owner_id, now=NOW
    )


def take_seats(connection: Connection, conversation_id: int, *account_ids: int) -> None:
    """Give accounts seats in a conversation."""
    for id in account_ids:
        memberships.take_seat(
            connection, conversation_id=conversation_id, account_id=id, nickname=None, joined_seq=0, now=NOW
        )


def append_message(
    connection: Connection, conversation_id: int, account_id: int, text: str = "hi", kind: str = "text"
) -> StoredMessage:
    heads = messages.lock_heads(connection, [conversation_id])
    cid = f"{conversation_id}-{heads[conversation_id].head}" if kind == "text" else None
    draft = MessageDraft(conversation_id, account_id, "", "", kind, text, cid)
    return messages.append_messages(connection, heads, [draft], NOW)[0].stored


def run_concurrently(database: Engine, jobs: Sequence[Callable[[Connection], T]]) -> list[T]:
    """Run all functions at the same time, each in a transaction on its own connection."""
    engine = open_engine(database.url, readers=len(jobs))
    connected = Barrier(len(jobs))

    def run(job: Callable[[Connection], T]) -> T:
        with engine.connect():
            connected.wait()
        while True:
            try:
                with begin_write(engine) as connection:
                    return job(connection)
            except Exception as error:
                if not is_transient(error):
                    raise

    try:
        with ThreadPoolExecutor(len(jobs)) as pool:
            return list(pool.map(run, jobs))
    finally:
        engine.dispose()


def rows_scanned(connection: Connection) -> int:
    """The number of rows that this connection has read in scans, according to MySQL."""
    rows = connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read_%'"))
    return sum(int(value) for name, value in rows if name != "Handler_read_key")
