"""What server processes note for each other, each under numbers of its own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from db import news, servers
from db.engine import begin_write
from db.news import Closed, News

EAST, WEST = b"E" * 32, b"W" * 32


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with begin_write(engine) as connection:
        yield connection


def test_what_is_behind_a_number_is_read_once_and_together(connection: Connection) -> None:
    news.publish(connection, EAST, 7, News(said={1}))
    news.publish(connection, EAST, 9, News(said={2}, changed={3}, accounts={4}))
    news.publish(connection, WEST, 8, News(read={(4, 1)}, everything=True))
    numbers, told = news.since(connection, {EAST: 7, WEST: 0})
    assert numbers == {EAST: 9, WEST: 8}
    assert told == News(said={2}, changed={3}, accounts={4}, read={(4, 1)}, everything=True)
    assert news.since(connection, numbers) == (numbers, News())


def test_a_closed_room_is_told_with_its_name(connection: Connection) -> None:
    gone = Closed(1, "thuhole", owner_id=2, private=False, by=None)
    news.publish(connection, EAST, 1, News(closed=[gone]))
    assert news.since(connection, {EAST: 0})[1].closed == [gone]


def test_of_who_is_new_only_what_will_come_is_read(connection: Connection) -> None:
    news.publish(connection, EAST, 7, News(said={1}))
    assert news.newest(connection, {EAST, WEST}) == {EAST: 7, WEST: 0}


def test_what_everybody_has_read_is_forgotten(connection: Connection) -> None:
    for number in (1, 2, 3):
        news.publish(connection, EAST, number, News(said={number}))
    news.forget(connection, EAST, upto=2)
    assert news.since(connection, {EAST: 0})[1] == News(said={3})


def test_nothing_is_left_of_a_process_that_has_ended(connection: Connection) -> None:
    servers.beat(connection, EAST, 100)
    news.publish(connection, EAST, 1, News(said={1}))
    servers.forget_dead(connection, alive_since=101)
    assert news.newest(connection, {EAST}) == {EAST: 0}
