"""The changes that server processes publish for each other."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import changefeed, instances
from chatroom.db.queries.changefeed import ChangeSet, ClosedRoom

EAST, WEST = b"E" * 32, b"W" * 32


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with begin_write(engine) as connection:
        yield connection


def test_changes_since_merges_later_changes(connection: Connection) -> None:
    changefeed.publish_changes(connection, EAST, 7, ChangeSet(appended={1}))
    changefeed.publish_changes(connection, EAST, 9, ChangeSet(appended={2}, changed={3}, accounts={4}))
    changefeed.publish_changes(connection, WEST, 8, ChangeSet(read={(4, 1)}, everything=True))
    numbers, changes = changefeed.changes_since(connection, {EAST: 7, WEST: 0})
    assert numbers == {EAST: 9, WEST: 8}
    assert changes == ChangeSet(appended={2}, changed={3}, accounts={4}, read={(4, 1)}, everything=True)
    assert changefeed.changes_since(connection, numbers) == (numbers, ChangeSet())


def test_closed_room_is_published_with_name(connection: Connection) -> None:
    closed = ClosedRoom(1, "thuhole", owner_id=2, private=False, by=None)
    changefeed.publish_changes(connection, EAST, 1, ChangeSet(closed=[closed]))
    assert changefeed.changes_since(connection, {EAST: 0})[1].closed == [closed]


def test_newest_numbers_of_processes(connection: Connection) -> None:
    changefeed.publish_changes(connection, EAST, 7, ChangeSet(appended={1}))
    assert changefeed.newest_numbers(connection, {EAST, WEST}) == {EAST: 7, WEST: 0}


def test_delete_changes_up_to_number(connection: Connection) -> None:
    for number in (1, 2, 3):
        changefeed.publish_changes(connection, EAST, number, ChangeSet(appended={number}))
    changefeed.delete_changes(connection, EAST, upto=2)
    assert changefeed.changes_since(connection, {EAST: 0})[1] == ChangeSet(appended={3})


def test_removed_process_has_no_changes(connection: Connection) -> None:
    instances.record_heartbeat(connection, EAST, 100)
    changefeed.publish_changes(connection, EAST, 1, ChangeSet(appended={1}))
    instances.remove_dead_instances(connection, alive_since=101)
    assert changefeed.newest_numbers(connection, {EAST}) == {EAST: 0}
