"""A search with a limited budget, and how it continues; and slices of the index with long texts."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError

from chatroom.db.errors import is_outage
from chatroom.db.schema import indexed as indexed_marks
from chatroom.db.search import search_budget, search_index, search_query, tokenizer
from chatroom.db.search.search_budget import SearchBudget, limited_statements
from tests.unit.db.builders import NOW, make_account, make_room, take_seats
from tests.unit.db.search.test_search_query import append_at, index_some


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection:
        yield connection


@pytest.fixture
def alice(connection: Connection) -> int:
    return make_account(connection, "Alice")


@pytest.fixture
def library(connection: Connection, alice: int) -> int:
    """A room in which Alice has a seat."""
    id = make_room(connection, "library", alice)
    take_seats(connection, id, alice)
    return id


@pytest.mark.parametrize("limit", [3, 100])
@pytest.mark.parametrize("indexed", [0, 12, 24])
def test_search_without_budget_continues_until_everything_is_found(
    connection: Connection,
    alice: int,
    library: int,
    indexed: int,
    limit: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search_query, "CANDIDATES_PER_STEP", 3)
    for number in range(24):
        append_at(
            connection, library, alice, f"fox {number}" if number % 3 else "unrelated", NOW + number // 2
        )
    if indexed:
        index_some(connection, indexed)
    fox = tokenizer.parse_query("fox")
    assert fox is not None
    below, texts, requests = search_query.HIGHEST_RANK, [], 0
    while True:
        matches = search_query.search_messages(
            connection, alice, fox, below=below, limit=limit, budget=SearchBudget(0, 0)
        )
        texts += [message.text for message in matches.messages]
        requests += 1
        if matches.continue_below is None:
            break
        assert matches.continue_below < below
        below = matches.continue_below
    assert texts == [f"fox {number}" for number in reversed(range(24)) if number % 3]
    assert requests > 5


def test_search_rests_and_ends_after_its_cpu_time() -> None:
    used = 0.0
    slept: list[float] = []
    budget = SearchBudget(0.1, 60.0, cpu=lambda: used, clock=lambda: 0.0, sleep=slept.append)
    for _ in range(8):
        assert not budget.is_spent()
        used += 0.012
    used += 0.012
    assert budget.is_spent()
    assert len(slept) == 8
    late = iter([0.0, 1.0, 2.0])
    budget = SearchBudget(60.0, 1.5, cpu=lambda: 0.0, clock=lambda: next(late))
    assert [budget.is_spent(), budget.is_spent()] == [False, True]


def test_statement_of_a_search_is_interrupted(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.dialect.name != "sqlite":
        pytest.skip("MySQL has the timeout of its connection")
    endless = sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
    monkeypatch.setattr(search_budget, "STATEMENT_SECONDS", 0.01)
    with pytest.raises(OperationalError) as raised, limited_statements(connection):
        connection.execute(endless)
    assert is_outage(raised.value)
    connection.rollback()
    assert connection.execute(sql("SELECT 1")).scalar_one() == 1


def test_slice_with_long_texts_is_short(
    connection: Connection, alice: int, library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "MAX_SLICE_CHARACTERS", 100)
    for length in (10, 60, 60, 500, 10, 10):
        append_at(connection, library, alice, "x" * length)
    ends = []
    while index_some(connection, 100):
        ends.append(connection.execute(select(indexed_marks.c.seq)).scalar_one())
    assert ends == [2, 3, 4, 6]
