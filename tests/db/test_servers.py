"""Server processes, and who attends on which of them, as long as they live."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from db import servers
from db.engine import begin_write
from tests.db.people import person

EAST, WEST = b"E" * 32, b"W" * 32


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with begin_write(engine) as connection:
        yield connection


@pytest.fixture
def alice(connection: Connection) -> int:
    """She has sessions on both processes, last seen at 100 and 200."""
    alice = person(connection, "Alice")
    for server, seen_at in ((EAST, 100), (WEST, 200)):
        servers.beat(connection, server, seen_at)
        servers.attend(connection, server, alice)
    return alice


def test_a_process_is_new_once_and_again_after_it_was_taken_for_dead(connection: Connection) -> None:
    assert servers.beat(connection, EAST, 100)
    assert not servers.beat(connection, EAST, 200)
    servers.forget_dead(connection, alive_since=201)
    assert servers.beat(connection, EAST, 300)


def test_only_processes_that_live_count(connection: Connection, alice: int) -> None:
    assert servers.attended_elsewhere(connection, EAST, alice, alive_since=200)
    assert not servers.attended_elsewhere(connection, EAST, alice, alive_since=201)
    assert servers.attended_elsewhere(connection, WEST, alice, alive_since=100)
    assert not servers.attended_elsewhere(connection, WEST, alice, alive_since=101)
    assert servers.attended(connection, alive_since=200) == {alice}
    assert servers.attended(connection, alive_since=201) == set()


def test_more_than_one_other_process_is_still_elsewhere(connection: Connection, alice: int) -> None:
    assert servers.attended_elsewhere(connection, b"N" * 32, alice, alive_since=0)


def test_attending_twice_is_attending_once(connection: Connection, alice: int) -> None:
    servers.attend(connection, EAST, alice)
    servers.depart(connection, EAST, alice)
    assert not servers.attended_elsewhere(connection, WEST, alice, alive_since=0)
    assert servers.attended(connection, alive_since=0) == {alice}


def test_whoever_ends_or_dies_takes_its_attendances_along(connection: Connection, alice: int) -> None:
    servers.forget(connection, WEST)
    assert not servers.attended_elsewhere(connection, EAST, alice, alive_since=0)
    servers.forget_dead(connection, alive_since=101)
    assert servers.attended(connection, alive_since=0) == set()


def test_who_attends_elsewhere_is_told_at_once_or_among_some(connection: Connection, alice: int) -> None:
    bob = person(connection, "Bob")
    servers.attend(connection, EAST, bob)
    assert servers.attending_elsewhere(connection, WEST, alive_since=0) == {alice, bob}
    assert servers.attending_elsewhere(connection, EAST, alive_since=0) == {alice}
    assert servers.attending_elsewhere(connection, WEST, alive_since=0, among=[bob]) == {bob}
    assert servers.attending_elsewhere(connection, WEST, alive_since=101) == set()


def test_the_others_are_those_that_live(connection: Connection, alice: int) -> None:
    assert servers.others(connection, EAST, alive_since=0) == {WEST}
    assert servers.others(connection, EAST, alive_since=201) == set()
    assert servers.seen(connection, [EAST, WEST]) == {EAST: 100, WEST: 200}
