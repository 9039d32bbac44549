"""Rooms, and the count of their seats under concurrency."""

from functools import partial

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import memberships, messages, rooms
from tests.unit.db.builders import NOW, append_message, make_account, make_room, run_concurrently, take_seats


def test_new_room_has_owner_and_no_members(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        id = make_room(connection, "THU hole", alice, capacity=5)
        room = rooms.find_room(connection, b"thu hole")
    assert room is not None
    assert (room.conversation_id, room.name, room.owner) == (id, "THU hole", "Alice")
    assert (room.members, room.capacity, room.head, room.seat) == (0, 5, 0, None)


def test_unknown_room_is_none(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        assert rooms.find_room(connection, b"thuhole") is None
        assert rooms.find_look_alike(connection, b"thuhole") is None
        assert rooms.find_room_as(connection, b"thuhole", alice) is None
        assert rooms.list_rooms(connection, alice) == []


@pytest.mark.parametrize(("key", "skeleton"), [(b"thuhole", b"other"), (b"other", b"thuhole")])
def test_duplicate_name_or_look_alike_is_refused(engine: Engine, key: bytes, skeleton: bytes) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        make_room(connection, "thuhole", alice)
    with pytest.raises(AlreadyExists), begin_write(engine) as connection:
        rooms.add_room(connection, name="x", key=key, skeleton=skeleton, capacity=2, owner_id=alice, now=NOW)
    with engine.connect() as connection:
        assert [room.name for room in rooms.list_rooms(connection, alice)] == ["thuhole"]


def test_room_is_found_by_skeleton(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        rooms.add_room(
            connection, name="paypal", key=b"paypal", skeleton=b"paypaI", capacity=2, owner_id=alice, now=NOW
        )
        room = rooms.find_look_alike(connection, b"paypaI")
    assert room is not None
    assert room.name == "paypal"


def test_list_rooms_is_sorted_and_includes_own_seat(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        beta, alpha, gamma = (make_room(connection, name, alice) for name in ("beta", "Alpha", "gamma"))
        take_seats(connection, beta, alice, bob)
        take_seats(connection, gamma, bob)
        memberships.enter_seat(connection, beta, alice, "ALICE")
        append_message(connection, beta, bob)
        listed = rooms.list_rooms(connection, alice)
        mine = rooms.list_rooms(connection, alice, only_member=True)
        some = rooms.list_rooms(connection, alice, [gamma, alpha])
    assert [(room.name, room.members, room.seat is not None) for room in listed] == [
        ("Alpha", 0, False),
        ("beta", 2, True),
        ("gamma", 1, False),
    ]
    assert [room.name for room in mine] == ["beta"]
    assert [room.name for room in some] == ["Alpha", "gamma"]
    seat = mine[0].seat
    assert seat is not None
    assert (seat.account_id, seat.username, seat.nickname, seat.entered) == (alice, "Alice", "ALICE", True)
    assert (mine[0].head, seat.read, seat.unread) == (1, 0, 1)


def test_last_seat_is_taken_once_by_concurrent_accounts(engine: Engine) -> None:
    with begin_write(engine) as connection:
        people = [make_account(connection, f"person{n}") for n in range(50)]
        narrow = make_room(connection, "narrow", people[0], capacity=1)

    def enter(connection: Connection, account_id: int) -> bool:
        messages.lock_heads(connection, [narrow])
        room = rooms.find_room_as(connection, b"narrow", account_id)
        assert room is not None
        if room.members >= room.capacity:
            return False
        take_seats(connection, narrow, account_id)
        return True

    seated = sum(run_concurrently(engine, [partial(enter, account_id=id) for id in people]))
    with engine.connect() as connection:
        room = rooms.find_room(connection, b"narrow")
        assert room is not None
        assert (seated, room.members, len(memberships.list_roster(connection, narrow))) == (1, 1, 1)
