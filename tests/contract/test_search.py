"""Search over the wire, and the indexer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, Engine, func, select

from chatroom.db.engine import begin_write
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.reader import DatabaseReader
from chatroom.db.schema import documents as index
from chatroom.db.search import search_index
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server.jobs import indexer
from chatroom.server.jobs.indexer import SearchIndexer
from tests.support.processes import Json, Server, Wire
from tests.unit.db.builders import append_message, make_account
from tests.unit.db.builders import make_room as add_room


@pytest.fixture
def inside(alice: Wire, bob: Wire, room: str) -> str:
    """A room that Alice and Bob have entered."""
    alice.request("enter_room", room=room, nickname="ALICE")
    bob.request("enter_room", room=room, nickname="BOB")
    return room


@pytest.mark.parametrize("query", ["", " ", "%", '""', "\u3000"])
def test_query_without_a_word_is_refused(alice: Wire, query: str) -> None:
    assert alice.refusal("search", query=query) == "empty_text"


def test_query_longer_than_a_message_is_refused(alice: Wire) -> None:
    assert alice.request("search", query="x" * 4096)["messages"] == []
    error = alice.ask("search", query="x" * 4097)
    assert (error["code"], error["details"]) == ("text_too_long", {"limit": 4096})


@pytest.mark.parametrize("before", ["", "yesterday", "2026-11-22", "2026-11-22T04:22:43", "1700000000"])
def test_invalid_time_is_refused(alice: Wire, before: str) -> None:
    assert alice.refusal("search", query="fox", before=before) == "bad_frame"


@pytest.mark.parametrize("before", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999+08:00"])
def test_time_before_all_messages_finds_nothing(alice: Wire, inside: str, before: str) -> None:
    alice.request("send", to=inside, text="a fox")
    answer = alice.request("search", query="fox", conversation=inside, before=before)
    assert (answer["messages"], answer["more"]) == ([], False)


def test_result_equals_the_message_of_the_history(alice: Wire, bob: Wire, inside: str) -> None:
    alice.request("send", to=inside, text="a fox")
    for user in (alice, bob):
        (result,) = user.request("search", query="FOX", before="9999-12-31T23:59:59Z")["messages"]
        assert result == user.request("history", conversation=inside, limit=1)["messages"][0]


def test_message_is_found_immediately(alice: Wire, bob: Wire, inside: str) -> None:
    for number in range(20):
        alice.request("send", to=inside, text=f"fox{number}")
        assert len(bob.request("search", query=f"fox{number}")["messages"]) == 1


def test_page_is_limited_by_request_and_server(alice: Wire, inside: str) -> None:
    for id in [alice.start("send", to=inside, text="a fox") for _ in range(101)]:
        alice.answer(id)
    for limit, count in ((None, 100), (1000, 100), (100, 100), (7, 7)):
        asked = {} if limit is None else {"limit": limit}
        answer = alice.request("search", query="fox", conversation=inside, **asked)
        assert ([message["seq"] for message in answer["messages"]], answer["more"]) == (
            list(range(103, 103 - count, -1)),
            True,
        )


def test_pages_by_cursor_show_each_message_once(alice: Wire, inside: str) -> None:
    sent = [alice.start("send", to=inside, text="a fox") for _ in range(20)]
    expected = [alice.answer(id)["seq"] for id in sent][::-1]  # many have the same time
    for limit in (1, 7, 20):
        seqs: list[int] = []
        asked: Json = {}
        while True:
            answer = alice.request("search", query="fox", conversation=inside, limit=limit, **asked)
            seqs += [message["seq"] for message in answer["messages"]]
            assert answer["more"] is ("cursor" in answer)
            if not answer["more"]:
                break
            asked = {"cursor": answer["cursor"]}
        assert seqs == expected


@pytest.mark.parametrize("cursor", ["", "1", "1-2", "1-2-3-4", "a-b-c", "-1-2-3", "1-2-" + "9" * 99, "١-٢-٣"])
def test_invalid_cursor_is_refused(alice: Wire, cursor: str) -> None:
    assert alice.refusal("search", query="fox", cursor=cursor) == "bad_frame"


def test_time_and_cursor_together_are_refused(alice: Wire) -> None:
    both = {"before": "2026-11-22T00:00:00Z", "cursor": "1-2-3"}
    assert alice.refusal("search", query="fox", **both) == "bad_frame"


def test_room_is_not_searched_after_resigning(alice: Wire, bob: Wire, inside: str) -> None:
    alice.request("send", to=inside, text="a fox")
    bob.request("resign_room", room=inside)
    assert bob.request("search", query="fox")["messages"] == []
    assert bob.refusal("search", query="fox", conversation=inside) == "not_a_member"
    assert bob.refusal("search", query="fox", conversation="#nowhere") == "unknown_room"


def test_private_chat_is_searched_after_friendship_ended(alice: Wire, bob: Wire, carol: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    alice.request("send", to=bob.name, text="a fox between us")
    alice.request("remove_friend", username=bob.username)
    for user, other in ((alice, bob), (bob, alice)):
        for where in ({}, {"conversation": other.name}):
            (result,) = user.request("search", query="fox", **where)["messages"]
            assert result["conversation"] == other.name
    assert carol.refusal("search", query="fox", conversation=alice.name) == "not_friends"


def test_search_before_login_is_refused(shared_server: Server) -> None:
    assert shared_server.connect().refusal("search", query="fox") == "not_logged_in"


# The indexer


@asynccontextmanager
async def working(engine: Engine) -> AsyncIterator[SearchIndexer]:
    store = DatabaseReader(engine)
    writer = DatabaseWriter(
        engine,
        asyncio.get_running_loop(),
        deliver=lambda _: None,
        reseat=lambda *_: None,
        authorize=lambda *_: None,
        outage_timeout=0,
    )
    try:
        yield SearchIndexer(engine, store, writer)
    finally:
        await asyncio.to_thread(writer.close)
        store.close()


@pytest.fixture
def stored(engine: Engine) -> int:
    """Store messages that are not indexed. Return their number."""
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        library = add_room(connection, "library", alice)
        for _ in range(21):
            append_message(connection, library, alice, "a fox")
    return 21


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(index)).scalar_one()


async def test_indexer_indexes_all_messages_in_slices(engine: Engine, stored: int) -> None:
    async with working(engine) as indexer:
        steps = [await indexer.index_slice(10) for _ in range(4)]
    assert steps == [stored, 0, 0, None]
    assert count(engine) == stored


async def test_indexer_finds_messages_sent_later(engine: Engine, stored: int) -> None:
    async with working(engine) as indexer:
        await indexer.index_slice(10)
        with begin_write(engine) as connection:
            bob = make_account(connection, "Bob")
            hall = add_room(connection, "hall", bob)
            for _ in range(3):
                append_message(connection, hall, bob, "a fox")
        assert await indexer.index_slice(10) == 3
        assert await indexer.index_slice(10) == 0


def test_indexer_pauses_for_senders() -> None:
    assert indexer.choose_pace(appended=1000, seconds=0.1, backlog=0) == indexer.BUSY
    assert indexer.choose_pace(appended=1000, seconds=0.1, backlog=indexer.LARGE_BACKLOG) == indexer.BEHIND
    assert indexer.choose_pace(appended=1, seconds=0.1, backlog=indexer.LARGE_BACKLOG) == indexer.QUIET
    assert indexer.choose_pace(appended=-100, seconds=0.1, backlog=0) == indexer.QUIET, (
        "another process indexes, too"
    )


async def test_two_indexers_index_each_message_once(engine: Engine, stored: int) -> None:
    async with working(engine) as first, working(engine) as second:
        while any(
            indexed is not None
            for indexed in await asyncio.gather(first.index_slice(10), second.index_slice(10))
        ):
            pass
    assert count(engine) == stored


async def test_indexer_continues_after_database_errors(
    engine: Engine, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "IDLE_SECONDS", 0)
    gather, troubles = search_index.read_slice, [DatabaseUnavailable("away"), RuntimeError("what is this?")]
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def fragile(connection: Connection, most: int) -> search_index.IndexSlice | None:
        if troubles:
            raise troubles.pop()
        slice = gather(connection, most)
        if slice is None:
            loop.call_soon_threadsafe(done.set)
        return slice

    monkeypatch.setattr(search_index, "read_slice", fragile)
    async with working(engine) as worker:
        running = asyncio.create_task(worker.run_indexing())
        await done.wait()
        running.cancel()
    assert count(engine) == stored
