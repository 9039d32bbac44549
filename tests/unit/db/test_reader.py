"""Reads run on threads, survive a lost connection, and are refused while the database is unavailable."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, Engine, text

from chatroom.db import reader
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import accounts, instances
from chatroom.db.reader import DatabaseReader
from tests.support.database import PrivateMariaDB
from tests.unit.db.builders import make_account


@asynccontextmanager
async def open_reader(engine: Engine, threads: int = 4) -> AsyncIterator[DatabaseReader]:
    database = DatabaseReader(engine, threads)
    try:
        yield database
    finally:
        database.close()


def select_one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


def test_query_function_receives_its_arguments(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")

    async def scenario() -> None:
        async with open_reader(engine) as database:
            account = await database.run(accounts.find_account, key=b"alice")
            assert account == await database.run(accounts.find_account_by_id, alice)
            assert account is not None

    asyncio.run(scenario())


def test_exception_of_query_function_is_raised(engine: Engine) -> None:
    def fail(connection: Connection) -> None:
        raise KeyError("no such thing")

    async def scenario() -> None:
        async with open_reader(engine) as database:
            with pytest.raises(KeyError):
                await database.run(fail)
            assert await database.run(select_one) == 1

    asyncio.run(scenario())


def test_reads_run_in_parallel(engine: Engine) -> None:
    meeting = threading.Barrier(3)

    def meet(connection: Connection) -> int:
        meeting.wait()
        return select_one(connection)

    async def scenario() -> None:
        async with open_reader(engine, threads=3) as database:
            assert await asyncio.gather(*(database.run(meet) for _ in range(3))) == [1, 1, 1]

    asyncio.run(scenario())


def test_read_sees_one_snapshot(engine: Engine) -> None:
    """A permission that was checked before its removal gives no access to later messages."""

    def look_twice(connection: Connection) -> list[bool]:
        first = instances.has_live_instance(connection, 1)
        with begin_write(engine) as other:
            instances.record_heartbeat(other, bytes(32), 1)
        return [first, instances.has_live_instance(connection, 1)]

    async def scenario() -> None:
        async with open_reader(engine) as database:
            assert await database.run(look_twice) == [False, False]
            assert await database.run(instances.has_live_instance, 1)

    asyncio.run(scenario())


def test_read_beyond_queue_limit_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_QUEUED_READS", 2)
    gate = threading.Event()

    def wait(connection: Connection) -> bool:
        return gate.wait()

    async def scenario() -> None:
        async with open_reader(engine, threads=1) as database:
            waiting = [asyncio.ensure_future(database.run(wait)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(DatabaseUnavailable):
                await database.run(select_one)
            gate.set()
            assert await asyncio.gather(*waiting) == [True, True]
            assert await database.run(select_one) == 1

    asyncio.run(scenario())


def test_read_is_retried_after_all_connections_were_killed(fragile_mariadb: PrivateMariaDB) -> None:
    engine = open_engine(fragile_mariadb.url("chat"))

    async def scenario() -> None:
        async with open_reader(engine) as database:
            assert await database.run(select_one) == 1
            assert fragile_mariadb.kill_connections() == 1
            assert await database.run(select_one) == 1

    asyncio.run(scenario())
    engine.dispose()


def test_read_is_refused_during_outage_and_works_afterwards(fragile_mariadb: PrivateMariaDB) -> None:
    engine = open_engine(fragile_mariadb.url("chat"))
    outages: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (fragile_mariadb.stop, fragile_mariadb.start),
        (fragile_mariadb.kill, fragile_mariadb.start),
    ]

    async def scenario() -> None:
        async with open_reader(engine) as database:
            for stop, start in outages:
                assert await database.run(select_one) == 1
                stop()
                with pytest.raises(DatabaseUnavailable):
                    await database.run(select_one)
                start()
                assert await database.run(select_one) == 1

    asyncio.run(scenario())
    engine.dispose()
