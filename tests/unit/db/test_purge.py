"""A removed room disappears at once, its messages in slices."""

from sqlalchemy import Engine, func, select

from chatroom.db import purge
from chatroom.db.engine import begin_write
from chatroom.db.queries import bans_and_invites, memberships, rooms
from chatroom.db.schema import conversations, messages
from tests.unit.db.builders import NOW, append_message, make_account, make_room, take_seats


def test_removed_room_has_no_members_and_its_name_is_free(engine: Engine) -> None:
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


def test_purge_deletes_only_messages_of_removed_rooms_in_slices(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        hall, lobby = make_room(connection, "hall", alice), make_room(connection, "lobby", alice)
        for conversation_id in (hall, lobby):
            for number in range(5):
                append_message(connection, conversation_id, alice, f"{number}")
        assert not purge.purge_slice(connection, 2)
        rooms.remove_room(connection, hall)
        remaining = []
        while purge.purge_slice(connection, 2):
            count = select(func.count()).where(messages.c.conversation_id == hall)
            remaining.append(connection.execute(count).scalar_one())
        assert remaining == [3, 1, 0]
        assert len(list(connection.execute(select(messages)))) == 5


def test_id_of_removed_room_is_never_reused(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        hall = make_room(connection, "hall", alice)
        append_message(connection, hall, alice)
        rooms.remove_room(connection, hall)
        while purge.purge_slice(connection, 100):
            pass
        assert make_room(connection, "hall", alice) > hall
        heads = connection.execute(select(conversations.c.head).where(conversations.c.id == hall))
        assert heads.scalar_one() == 1
