"""Blocks, bans and invitations: each is there or not, however often it is asked for."""

from sqlalchemy import Engine

from db import accounts, blocks, guests, memberships, rooms
from db.engine import begin_write
from tests.db.people import NOW, person, room, sit


def test_a_block_is_one_persons_view_of_another(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob, carol = (person(connection, name) for name in ("Alice", "Bob", "Carol"))
        for other in (carol, bob, bob):
            accounts.lock(connection, (alice, other))
            blocks.add(connection, alice, other, NOW)
        assert blocks.listing(connection, alice) == ["Bob", "Carol"]
        assert blocks.blocked_by(connection, alice) == {bob, carol}
        assert (blocks.blockers(connection, bob), blocks.blockers(connection, alice)) == ({alice}, set())
        assert blocks.exists(connection, alice, bob)
        assert not blocks.exists(connection, bob, alice)
        blocks.remove(connection, alice, bob)
        blocks.remove(connection, alice, bob)
        assert blocks.listing(connection, alice) == ["Carol"]


def test_a_ban_and_an_invitation_are_new_once(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = person(connection, "Alice"), person(connection, "Bob")
        hall = room(connection, "hall", alice)
        assert [guests.ban(connection, hall, bob, NOW) for _ in range(2)] == [True, False]
        assert guests.banned(connection, hall) == ["Bob"]
        assert [guests.invite(connection, hall, bob, NOW) for _ in range(2)] == [True, False]
        assert guests.invited_to(connection, bob) == {hall}
        found = rooms.find_as(connection, b"hall", bob)
        assert found is not None
        assert (found.invited, found.seat) == (True, None)
        for _ in range(2):
            guests.unban(connection, hall, bob)
            guests.uninvite(connection, hall, bob)
        assert not guests.is_banned(connection, hall, bob)
        assert guests.invited_to(connection, bob) == set()


def test_the_eldest_seat_is_the_first_that_is_still_taken(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob, carol = (person(connection, name) for name in ("Alice", "Bob", "Carol"))
        hall = room(connection, "hall", alice)
        assert memberships.eldest(connection, hall) is None
        for now, account_id in enumerate((carol, alice, bob)):
            memberships.take(
                connection, conversation_id=hall, account_id=account_id, nickname=None, joined_seq=0, now=now
            )
        memberships.give_up(connection, hall, carol)
        eldest = memberships.eldest(connection, hall)
        assert eldest is not None
        assert (eldest.account_id, eldest.username) == (alice, "Alice")


def test_whose_sessions_were_ended_is_told_for_a_while(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = person(connection, "Alice"), person(connection, "Bob")
        sit(connection, room(connection, "hall", alice), bob)
        accounts.end_sessions(connection, alice, NOW)
        accounts.end_sessions(connection, bob, NOW + 5)
        accounts.set_disabled(connection, bob, NOW + 5)
        assert accounts.ended_sessions(connection, NOW) == {alice: (NOW, False), bob: (NOW + 5, True)}
        assert accounts.ended_sessions(connection, NOW + 1) == {bob: (NOW + 5, True)}
        accounts.set_disabled(connection, bob, None)
        assert [one.disabled for one in accounts.everybody(connection)] == [False, False]
