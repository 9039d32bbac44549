"""Seats: taken once, given up, entered and left; and reading, which only ever moves forward."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import memberships, rooms
from sqlalchemy import Connection, Engine

from tests.unit.db.people import NOW, append_message, make_account, make_room, take_seats


class Scene(NamedTuple):
    connection: Connection
    alice: int
    bob: int
    room: int

    def counts(self) -> tuple[int, int]:
        """The members that the room counts, and its roster number."""
        found = rooms.find_room(self.connection, b"thuhole")
        assert found is not None
        return found.members, found.roster


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    """Alice has a seat in the room, Bob has none."""
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = make_room(connection, "thuhole", alice)
        take_seats(connection, id, alice)
        yield Scene(connection, alice, bob, id)


def test_a_seat_is_counted_when_it_is_taken_and_when_it_is_given_up(scene: Scene) -> None:
    connection, alice, bob, id = scene
    assert scene.counts() == (1, 1)
    take_seats(connection, id, bob)
    assert scene.counts() == (2, 2)
    memberships.give_up_seat(connection, id, alice)
    assert scene.counts() == (1, 3)
    assert memberships.find_seat(connection, id, alice) is None


def test_a_second_seat_is_refused_and_not_counted(scene: Scene) -> None:
    with pytest.raises(AlreadyExists), scene.connection.begin_nested():
        take_seats(scene.connection, scene.room, scene.alice)
    assert scene.counts() == (1, 1)


def test_giving_up_a_seat_that_one_has_not_changes_nothing(scene: Scene) -> None:
    memberships.give_up_seat(scene.connection, scene.room, scene.bob)
    assert scene.counts() == (1, 1)


def test_the_roster_lists_seats_by_user_name(scene: Scene) -> None:
    connection, _alice, bob, id = scene
    aaron = make_account(connection, "aaron")
    take_seats(connection, id, bob, aaron)
    memberships.set_entered(connection, id, bob, True, "BOB")
    listed = memberships.list_roster(connection, id)
    assert [(seat.username, seat.nickname, seat.entered) for seat in listed] == [
        ("aaron", None, False),
        ("Alice", None, False),
        ("Bob", "BOB", True),
    ]


def test_leaving_keeps_the_seat_and_the_nickname(scene: Scene) -> None:
    connection, alice, _bob, id = scene
    memberships.set_entered(connection, id, alice, True, "哈哈 😀")
    assert [seat.conversation_id for seat in memberships.entered_seats(connection, alice)] == [id]
    assert memberships.entered_accounts(connection) == [alice]
    memberships.set_entered(connection, id, alice, False)
    seat = memberships.find_seat(connection, id, alice)
    assert seat is not None
    assert (seat.nickname, seat.entered) == ("哈哈 😀", False)
    assert memberships.entered_seats(connection, alice) == []
    assert memberships.entered_accounts(connection) == []
    assert scene.counts() == (1, 3)


def test_a_taken_seat_may_bring_its_nickname(scene: Scene) -> None:
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


def test_reading_moves_forward_only_and_not_beyond_the_head(scene: Scene) -> None:
    connection, alice, _bob, id = scene
    for _ in range(5):
        append_message(connection, id, alice)
    told = [memberships.mark_read(connection, id, alice, seq) for seq in (3, 1, 99, 4)]
    assert told == [3, 3, 5, 5]
    seat = memberships.find_seat(connection, id, alice)
    assert seat is not None
    assert seat.read == 5


def test_whoever_has_no_seat_has_read_nothing(scene: Scene) -> None:
    assert memberships.mark_read(scene.connection, scene.room, scene.bob, 3) == 0
    assert memberships.mark_read(scene.connection, 999, scene.alice, 3) == 0


def test_two_processes_that_mark_at_once_end_with_the_further_one(engine: Engine) -> None:
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
