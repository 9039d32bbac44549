"""Server processes and the accounts that have sessions on them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write, is_sqlite
from chatroom.db.queries import changefeed, instances
from tests.unit.db.builders import make_account

EAST, WEST = b"E" * 32, b"W" * 32


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with begin_write(engine) as connection:
        yield connection


@pytest.fixture
def alice(connection: Connection) -> int:
    """An account with sessions on both processes, last seen at 100 and 200."""
    alice = make_account(connection, "Alice")
    for server, seen_at in ((EAST, 100), (WEST, 200)):
        instances.record_heartbeat(connection, server, seen_at)
        instances.add_attendance(connection, server, alice, seen_at)
    return alice


@pytest.mark.parametrize("zone", ["+00:00", "+08:00"])
def test_database_time_is_independent_of_the_time_zone(connection: Connection, zone: str) -> None:
    if not is_sqlite(connection.engine.url):
        connection.exec_driver_sql(f"SET time_zone = '{zone}'")
        connection.exec_driver_sql("SET timestamp = 1234567890.5")
        assert instances.database_time(connection) == 1234567890500
        connection.exec_driver_sql("SET timestamp = DEFAULT, time_zone = DEFAULT")
    else:
        assert abs(instances.clock_lead(connection)) < 60


def test_process_that_sends_heartbeats_is_alive_by_the_clock_of_the_database(connection: Connection) -> None:
    instances.record_heartbeat(connection, EAST, instances.database_now(connection))
    alive_since = instances.alive_since(connection)
    instances.remove_dead_instances(connection, alive_since)
    assert instances.has_live_instance(connection, alive_since)
    assert instances.other_instances(connection, WEST, alive_since) == {EAST}
    assert changefeed.changes_since(connection, WEST, alive_since, {})[0] == {EAST}
    late = instances.database_time(connection) - round(2 * instances.DEAD_AFTER_SECONDS * 1000)
    instances.record_heartbeat(connection, EAST, late)
    assert not instances.has_live_instance(connection, alive_since)


def test_record_heartbeat_reports_new_process(connection: Connection) -> None:
    assert instances.record_heartbeat(connection, EAST, 100)
    instances.describe_instance(connection, EAST, "east", 100)
    assert not instances.record_heartbeat(connection, EAST, 200)
    instances.remove_dead_instances(connection, alive_since=201)
    assert instances.record_heartbeat(connection, EAST, 300)


def test_dead_processes_are_ignored(connection: Connection, alice: int) -> None:
    assert instances.attended_elsewhere(connection, EAST, alice, alive_since=200)
    assert not instances.attended_elsewhere(connection, EAST, alice, alive_since=201)
    assert instances.attended_elsewhere(connection, WEST, alice, alive_since=100)
    assert not instances.attended_elsewhere(connection, WEST, alice, alive_since=101)
    assert instances.attended_accounts(connection, alive_since=200) == {alice}
    assert instances.attended_accounts(connection, alive_since=201) == set()


def test_attended_elsewhere_with_several_processes(connection: Connection, alice: int) -> None:
    assert instances.attended_elsewhere(connection, b"N" * 32, alice, alive_since=0)


def test_repeated_attendance_is_stored_once(connection: Connection, alice: int) -> None:
    instances.add_attendance(connection, EAST, alice, 100)
    instances.remove_attendance(connection, EAST, alice)
    assert not instances.attended_elsewhere(connection, WEST, alice, alive_since=0)
    assert instances.attended_accounts(connection, alive_since=0) == {alice}


def test_removed_process_has_no_attendances(connection: Connection, alice: int) -> None:
    instances.remove_instance(connection, WEST)
    assert not instances.attended_elsewhere(connection, EAST, alice, alive_since=0)
    instances.remove_dead_instances(connection, alive_since=101)
    assert instances.attended_accounts(connection, alive_since=0) == set()


def test_attending_elsewhere_may_be_filtered(connection: Connection, alice: int) -> None:
    bob = make_account(connection, "Bob")
    instances.add_attendance(connection, EAST, bob, 100)
    assert instances.attending_elsewhere(connection, WEST, alive_since=0) == {alice, bob}
    assert instances.attending_elsewhere(connection, EAST, alive_since=0) == {alice}
    assert instances.attending_elsewhere(connection, WEST, alive_since=0, account_ids=[bob]) == {bob}
    assert instances.attending_elsewhere(connection, WEST, alive_since=101) == set()


def test_other_instances_are_live(connection: Connection, alice: int) -> None:
    assert instances.other_instances(connection, EAST, alive_since=0) == {WEST}
    assert instances.other_instances(connection, EAST, alive_since=201) == set()
    assert instances.last_heartbeats(connection, [EAST, WEST]) == {EAST: 100, WEST: 200}


def test_attendance_of_removed_process_brings_it_back(connection: Connection, alice: int) -> None:
    """Its heartbeat then stores its name and all attendances again."""
    instances.describe_instance(connection, EAST, "east", 100)
    instances.remove_instance(connection, EAST)
    assert instances.add_attendance(connection, EAST, alice, 300)
    assert instances.attended_elsewhere(connection, WEST, alice, alive_since=300)
    assert instances.record_heartbeat(connection, EAST, 400)
    instances.describe_instance(connection, EAST, "east", 100)
    assert not instances.record_heartbeat(connection, EAST, 500)
    assert ("east", 100, 500, 1) in instances.list_instances(connection)
