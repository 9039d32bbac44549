"""Blocks, bans and invitations: each is there or not, however often it is asked for."""

from sqlalchemy import Engine

from db import accounts, blocks, guests, memberships, rooms, servers
from db.engine import begin_write
from tests.db.people import NOW, person, room, sit

EAST = b"E" * 32


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


def test_ended_sessions_are_counted_by_an_epoch_whatever_the_clock_says(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = person(connection, "Alice"), person(connection, "Bob")
        hall = room(connection, "hall", alice)
        sit(connection, hall, bob)
        servers.beat(connection, EAST, NOW)
        for account_id in (alice, bob):
            servers.attend(connection, EAST, account_id)
        assert accounts.ended_on(connection, EAST) == accounts.ended_in(connection, hall) == {}
        assert accounts.end_sessions(connection, alice, NOW) == 1
        assert accounts.end_sessions(connection, bob, NOW) == 1
        assert accounts.end_sessions(connection, bob, NOW - 3_600_000) == 2
        accounts.set_disabled(connection, bob, NOW)
        assert accounts.ended(connection, alice) == (1, False)
        assert accounts.ended_on(connection, EAST) == {alice: (1, False), bob: (2, True)}
        assert accounts.ended_on(connection, EAST, [alice]) == {alice: (1, False)}
        assert accounts.ended_in(connection, hall) == {bob: (2, True)}
        accounts.set_disabled(connection, bob, None)
        assert [one.disabled for one in accounts.everybody(connection)] == [False, False]
