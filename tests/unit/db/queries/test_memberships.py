"""Seats: taken once, given up, entered and left; and ``mark_read``, which only advances."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import memberships, rooms
from tests.unit.db.builders import NOW, append_message, make_account, make_room, take_seats


class SeatScenario(NamedTuple):
    connection: Connection
    alice: int
    bob: int
    room: int

    def counts(self) -> tuple[int, int]:
        """The room's member count and roster version."""
        room = rooms.find_room(self.connection, b"thuhole")
        assert room is not None
        return room.members, room.roster


@pytest.fixture
def scene(engine: Engine) -> Iterator[SeatScenario]:
    """Alice has a seat in the room, Bob has none."""
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = make_room(connection, "thuhole", alice)
        take_seats(connection, id, alice)
        yield SeatScenario(connection, alice, bob, id)


def test_member_count_follows_seats(scene: SeatScenario) -> None:
    connection, alice, bob, id = scene
    assert scene.counts() == (1, 1)
    take_seats(connection, id, bob)
    assert scene.counts() == (2, 2)
    memberships.give_up_seat(connection, id, alice)
    assert scene.counts() == (1, 3)
    assert memberships.find_seat(connection, id, alice) is None


def test_second_seat_is_refused_and_not_counted(scene: SeatScenario) -> None:
    with pytest.raises(AlreadyExists), scene.connection.begin_nested():
        take_seats(scene.connection, scene.room, scene.alice)
    assert scene.counts() == (1, 1)


def test_give_up_missing_seat_changes_nothing(scene: SeatScenario) -> None:
    memberships.give_up_seat(scene.connection, scene.room, scene.bob)
    assert scene.counts() == (1, 1)


def test_roster_is_sorted_by_username(scene: SeatScenario) -> None:
    connection, _alice, bob, id = scene
    aaron = make_account(connection, "aaron")
    take_seats(connection, id, bob, aaron)
    memberships.enter_seat(connection, id, bob, "BOB")
    listed = memberships.list_roster(connection, id)
    assert [(seat.username, seat.nickname, seat.entered) for seat in listed] == [
        ("aaron", None, False),
        ("Alice", None, False),
        ("Bob", "BOB", True),
    ]


def test_leave_keeps_seat_and_nickname(scene: SeatScenario) -> None:
    connection, alice, _bob, id = scene
    memberships.enter_seat(connection, id, alice, "哈哈 😀")
    assert [seat.conversation_id for seat in memberships.entered_seats(connection, alice)] == [id]
    assert memberships.entered_accounts(connection) == [alice]
    memberships.set_left(connection, alice, [id])
    seat = memberships.find_seat(connection, id, alice)
    assert seat is not None
    assert (seat.nickname, seat.entered) == ("哈哈 😀", False)
    assert memberships.entered_seats(connection, alice) == []
    assert memberships.entered_accounts(connection) == []
    assert scene.counts() == (1, 3)


def test_new_seat_may_have_nickname(scene: SeatScenario) -> None:
    memberships.take_seat(
        scene.connection,
        conversation_id=scene.room,
        account_id=scene.bob,
        nickname="BOB",
        joined_seq=0,
        now=NOW,
    )
    seat = memberships.find_seat(scene.connection, scene.room, scene.bob)
    assert seat is not None
    assert (seat.nickname, seat.read, seat.unread) == ("BOB", 0, 0)


def test_mark_read_only_advances_and_stops_at_head(scene: SeatScenario) -> None:
    connection, alice, _bob, id = scene
    for _ in range(5):
        append_message(connection, id, alice)
    read = [memberships.mark_read(connection, id, alice, seq) for seq in (3, 1, 99, 4)]
    assert read == [3, 3, 5, 5]
    seat = memberships.find_seat(connection, id, alice)
    assert seat is not None
    assert seat.read == 5


def test_mark_read_without_seat_returns_zero(scene: SeatScenario) -> None:
    assert memberships.mark_read(scene.connection, scene.room, scene.bob, 3) == 0
    assert memberships.mark_read(scene.connection, 999, scene.alice, 3) == 0


def test_concurrent_mark_read_keeps_larger_seq(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        id = make_room(connection, "thuhole", alice)
        take_seats(connection, id, alice)
        for _ in range(9):
            append_message(connection, id, alice)
    with begin_write(engine) as connection:
        memberships.mark_read(connection, id, alice, 8)
        memberships._advance_read(connection, id, alice, 5)  # the slower one had read 0 before that
        assert memberships.mark_read(connection, id, alice, 0) == 8
