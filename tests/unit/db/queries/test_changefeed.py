"""The changes that server processes publish for each other."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import changefeed, instances
from chatroom.db.queries.changefeed import ChangeSet, ClosedRoom, PublishedChange

EAST, WEST = b"E" * 32, b"W" * 32


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with begin_write(engine) as connection:
        yield connection


def changes_since(connection: Connection, numbers: dict[bytes, int]) -> list[PublishedChange]:
    return changefeed.changes_since(connection, b"N" * 32, 50, numbers)[1]


def test_changes_since_are_the_later_ones_in_order(connection: Connection) -> None:
    later = ChangeSet(appended={2}, changed={3}, accounts={4}, heads={2: 8})
    everything = ChangeSet(read={(4, 1)}, everything=True)
    changefeed.publish_changes(connection, EAST, 7, ChangeSet(appended={1}))
    changefeed.publish_changes(connection, EAST, 9, later)
    changefeed.publish_changes(connection, EAST, 8, ChangeSet(appended={5}))
    changefeed.publish_changes(connection, WEST, 8, everything)
    assert changes_since(connection, {EAST: 7, WEST: 0}) == [
        (EAST, 8, ChangeSet(appended={5})),
        (EAST, 9, later),
        (WEST, 8, everything),
    ]
    assert changes_since(connection, {EAST: 9, WEST: 8}) == []
    assert changes_since(connection, {}) == []


def test_changes_since_tell_the_other_live_processes(connection: Connection) -> None:
    for server_id, seen_at in ((EAST, 100), (WEST, 49), (b"N" * 32, 100)):
        instances.record_heartbeat(connection, server_id, seen_at)
    for numbers in ({}, {EAST: 7}):
        assert changefeed.changes_since(connection, b"N" * 32, 50, numbers)[0] == {EAST}


def test_added_changes_keep_the_highest_head() -> None:
    changes = ChangeSet(appended={1}, heads={1: 5})
    changes.add(ChangeSet(appended={1, 2}, heads={1: 4, 2: 1}))
    assert changes == ChangeSet(appended={1, 2}, heads={1: 5, 2: 1})
    assert changes.is_only_appended
    assert not ChangeSet(appended={1}, changed={1}).is_only_appended


def test_closed_room_is_published_with_name(connection: Connection) -> None:
    closed = ClosedRoom(1, "thuhole", owner_id=2, private=False, by=None)
    changefeed.publish_changes(connection, EAST, 1, ChangeSet(closed=[closed]))
    assert changes_since(connection, {EAST: 0})[0].changes.closed == [closed]


def test_newest_numbers_of_processes(connection: Connection) -> None:
    changefeed.publish_changes(connection, EAST, 7, ChangeSet(appended={1}))
    assert changefeed.newest_numbers(connection, {EAST, WEST}) == {EAST: 7, WEST: 0}


def test_delete_changes_up_to_number(connection: Connection) -> None:
    for number in (1, 2, 3):
        changefeed.publish_changes(connection, EAST, number, ChangeSet(appended={number}))
    changefeed.delete_changes(connection, EAST, upto=2)
    assert [change.number for change in changes_since(connection, {EAST: 0})] == [3]


def test_removed_process_has_no_changes(connection: Connection) -> None:
    instances.record_heartbeat(connection, EAST, 100)
    changefeed.publish_changes(connection, EAST, 1, ChangeSet(appended={1}))
    instances.remove_dead_instances(connection, alive_since=101)
    assert changefeed.newest_numbers(connection, {EAST}) == {EAST: 0}
