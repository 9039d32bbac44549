"""Door 1: reads beside the loop, which outlive a lost connection and say so when the database is away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from chatroom.db import reader
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries import accounts, instances
from chatroom.db.reader import DatabaseReader
from sqlalchemy import Connection, Engine, text

from tests.support.database import PrivateMariaDB
from tests.unit.db.people import make_account


@asynccontextmanager
async def opened(engine: Engine, threads: int = 4) -> AsyncIterator[DatabaseReader]:
    store = DatabaseReader(engine, threads)
    try:
        yield store
    finally:
        store.close()


def one(connection: Connection) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


def test_a_query_function_runs_with_its_arguments(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")

    async def story() -> None:
        async with opened(engine) as store:
            found = await store.run(accounts.find_account, key=b"alice")
            assert found == await store.run(accounts.find_account_by_id, alice)
            assert found is not None

    asyncio.run(story())


def test_what_the_function_raises_comes_back(engine: Engine) -> None:
    def fail(connection: Connection) -> None:
        raise KeyError("no such thing")

    async def story() -> None:
        async with opened(engine) as store:
            with pytest.raises(KeyError):
                await store.run(fail)
            assert await store.run(one) == 1

    asyncio.run(story())


def test_reads_run_beside_each_other(engine: Engine) -> None:
    meeting = threading.Barrier(3)

    def meet(connection: Connection) -> int:
        meeting.wait()
        return one(connection)

    async def story() -> None:
        async with opened(engine, threads=3) as store:
            assert await asyncio.gather(*(store.run(meet) for _ in range(3))) == [1, 1, 1]

    asyncio.run(story())


def test_all_that_a_read_sees_is_of_one_moment(engine: Engine) -> None:
    """A right that was found before it was taken away shows nothing that came after."""

    def look_twice(connection: Connection) -> list[bool]:
        first = instances.has_live_instance(connection, 1)
        with begin_write(engine) as other:
            instances.record_heartbeat(other, bytes(32), 1)
        return [first, instances.has_live_instance(connection, 1)]

    async def story() -> None:
        async with opened(engine) as store:
            assert await store.run(look_twice) == [False, False]
            assert await store.run(instances.has_live_instance, 1)

    asyncio.run(story())


def test_more_reads_than_may_wait_are_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_QUEUED_READS", 2)
    gate = threading.Event()

    def wait(connection: Connection) -> bool:
        return gate.wait()

    async def story() -> None:
        async with opened(engine, threads=1) as store:
            waiting = [asyncio.ensure_future(store.run(wait)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(DatabaseUnavailable):
                await store.run(one)
            gate.set()
            assert await asyncio.gather(*waiting) == [True, True]
            assert await store.run(one) == 1

    asyncio.run(story())


def test_a_read_outlives_the_death_of_every_connection(fragile_mariadb: PrivateMariaDB) -> None:
    engine = open_engine(fragile_mariadb.url("chat"))

    async def story() -> None:
        async with opened(engine) as store:
            assert await store.run(one) == 1
            assert fragile_mariadb.kill_connections() == 1
            assert await store.run(one) == 1

    asyncio.run(story())
    engine.dispose()


def test_while_the_database_is_away_reads_are_refused_and_then_go_on(fragile_mariadb: PrivateMariaDB) -> None:
    engine = open_engine(fragile_mariadb.url("chat"))
    away: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (fragile_mariadb.stop, fragile_mariadb.start),
        (fragile_mariadb.kill, fragile_mariadb.start),
    ]

    async def story() -> None:
        async with opened(engine) as store:
            for leave, come_back in away:
                assert await store.run(one) == 1
                leave()
                with pytest.raises(DatabaseUnavailable):
                    await store.run(one)
                come_back()
                assert await store.run(one) == 1

    asyncio.run(story())
    engine.dispose()
