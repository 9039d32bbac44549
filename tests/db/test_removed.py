"""A removed room is gone at once, and what was said there bit by bit."""

from sqlalchemy import Engine, func, select

from db import guests, memberships, removed, rooms
from db.engine import begin_write
from db.schema import conversations, messages
from tests.db.people import NOW, person, room, say, sit


def test_a_removed_room_is_nobodys_and_its_name_is_free(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = person(connection, "Alice"), person(connection, "Bob")
        hall = room(connection, "hall", alice)
        sit(connection, hall, alice, bob)
        guests.ban(connection, hall, alice, NOW)
        rooms.remove(connection, hall)
        assert rooms.find(connection, b"hall") is None
        assert rooms.listing(connection, bob) == []
        assert memberships.roster(connection, hall) == []
        again = room(connection, "hall", bob)
        assert again != hall
        assert guests.banned(connection, again) == []


def test_what_was_said_there_goes_slice_by_slice_and_nothing_else_does(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = person(connection, "Alice")
        hall, lobby = room(connection, "hall", alice), room(connection, "lobby", alice)
        for place in (hall, lobby):
            for number in range(5):
                say(connection, place, alice, f"{number}")
        assert not removed.sweep(connection, 2)
        rooms.remove(connection, hall)
        left = []
        while removed.sweep(connection, 2):
            count = select(func.count()).where(messages.c.conversation_id == hall)
            left.append(connection.execute(count).scalar_one())
        assert left == [3, 1, 0]
        assert len(list(connection.execute(select(messages)))) == 5


def test_the_id_of_a_removed_room_is_never_another_ones(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = person(connection, "Alice")
        hall = room(connection, "hall", alice)
        say(connection, hall, alice)
        rooms.remove(connection, hall)
        while removed.sweep(connection, 100):
            pass
        assert room(connection, "hall", alice) > hall
        kept = connection.execute(select(conversations.c.head).where(conversations.c.id == hall))
        assert kept.scalar_one() == 1
