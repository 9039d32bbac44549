"""A removed room is gone at once, and what was said there bit by bit."""

from chatroom.db import purge
from chatroom.db.engine import begin_write
from chatroom.db.queries import bans_and_invites, memberships, rooms
from chatroom.db.schema import conversations, messages
from sqlalchemy import Engine, func, select

from tests.unit.db.people import NOW, append_message, make_account, make_room, take_seats


def test_a_removed_room_is_nobodys_and_its_name_is_free(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        hall = make_room(connection, "hall", alice)
        take_seats(connection, hall, alice, bob)
        bans_and_invites.add_ban(connection, hall, alice, NOW)
        rooms.remove_room(connection, hall)
        assert rooms.find_room(connection, b"hall") is None
        assert rooms.list_rooms(connection, bob) == []
        assert memberships.list_roster(connection, hall) == []
        again = make_room(connection, "hall", bob)
        assert again != hall
        assert bans_and_invites.banned_usernames(connection, again) == []


def test_what_was_said_there_goes_slice_by_slice_and_nothing_else_does(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        hall, lobby = make_room(connection, "hall", alice), make_room(connection, "lobby", alice)
        for place in (hall, lobby):
            for number in range(5):
                append_message(connection, place, alice, f"{number}")
        assert not purge.purge_slice(connection, 2)
        rooms.remove_room(connection, hall)
        left = []
        while purge.purge_slice(connection, 2):
            count = select(func.count()).where(messages.c.conversation_id == hall)
            left.append(connection.execute(count).scalar_one())
        assert left == [3, 1, 0]
        assert len(list(connection.execute(select(messages)))) == 5


def test_the_id_of_a_removed_room_is_never_another_ones(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        hall = make_room(connection, "hall", alice)
        append_message(connection, hall, alice)
        rooms.remove_room(connection, hall)
        while purge.purge_slice(connection, 100):
            pass
        assert make_room(connection, "hall", alice) > hall
        kept = connection.execute(select(conversations.c.head).where(conversations.c.id == hall))
        assert kept.scalar_one() == 1
