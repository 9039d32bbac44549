"""Friendships: one for two, for ever, however often it ends and whoever is faster."""

from functools import partial

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import friends, memberships
from chatroom.db.schema import conversations
from sqlalchemy import Connection, Engine, func, select

from tests.unit.db.people import NOW, append_message, make_account, run_concurrently


def test_friends_see_each_other_from_their_own_side(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = friends.add_friendship(connection, bob, alice, NOW)
        to_alice, to_bob = (
            friends.find_direct(connection, alice, bob),
            friends.find_direct(connection, bob, alice),
        )
    assert to_alice is not None
    assert to_bob is not None
    assert (to_alice.conversation_id, to_alice.friend_id, to_alice.friend) == (id, bob, "Bob")
    assert (to_bob.conversation_id, to_bob.friend_id, to_bob.friend) == (id, alice, "Alice")
    assert (to_alice.seat.username, to_bob.seat.username) == ("Alice", "Bob")
    assert not to_alice.ended


def test_strangers_have_no_chat(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        assert friends.find_direct(connection, alice, bob) is None
        assert friends.list_directs(connection, alice) == []
        assert friends.friend_ids(connection, alice) == set()


def test_a_second_time_is_refused_from_either_side(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        friends.add_friendship(connection, alice, bob, NOW)
        with pytest.raises(AlreadyExists):
            friends.add_friendship(connection, bob, alice, NOW)


def test_after_an_end_the_chat_stays_and_a_new_beginning_goes_on_in_it(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = friends.add_friendship(connection, alice, bob, NOW)
        append_message(connection, id, alice)
        friends.end_friendship(connection, id, NOW)
        ended = friends.find_direct(connection, bob, alice)
        assert ended is not None
        assert (ended.ended, ended.head, ended.roster) == (True, 1, 2)
        assert friends.list_directs(connection, bob) == []
        assert friends.list_directs(connection, bob, include_ended=True) == [ended]
        assert friends.friend_ids(connection, alice) == set()
        assert friends.add_friendship(connection, bob, alice, NOW) == id
        (again,) = friends.list_directs(connection, bob)
        assert (again.ended, again.head, again.roster) == (False, 1, 3)


def test_the_list_is_by_name_and_can_be_narrowed(engine: Engine) -> None:
    with begin_write(engine) as connection:
        bob, alice, carol = (make_account(connection, name) for name in ("Bob", "alice", "Carol"))
        zoe = make_account(connection, "Zoe")
        with_alice = friends.add_friendship(connection, bob, alice, NOW)
        friends.add_friendship(connection, bob, zoe, NOW)
        friends.add_friendship(connection, carol, bob, NOW)
        friends.add_friendship(connection, carol, alice, NOW)
        assert [one.friend for one in friends.list_directs(connection, bob)] == ["alice", "Carol", "Zoe"]
        assert [one.friend for one in friends.list_directs(connection, bob, [with_alice])] == ["alice"]
        assert friends.list_directs(connection, zoe, [with_alice]) == []
        assert friends.friend_ids(connection, bob) == {alice, carol, zoe}


def test_both_can_enter_their_chat(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = friends.add_friendship(connection, alice, bob, NOW)
        memberships.set_entered(connection, id, bob, True, "BOB")
        (seen,) = friends.list_directs(connection, bob)
        assert (seen.seat.nickname, seen.seat.entered) == ("BOB", True)
        assert [seat.entered for seat in memberships.list_roster(connection, id)] == [False, True]


@pytest.mark.parametrize("before", ["strangers", "friends once"])
def test_two_who_add_each_other_at_once_become_friends_once(
    database_url: str, engine: Engine, before: str
) -> None:
    with begin_write(engine) as connection:
        pairs = [(make_account(connection, f"a{n}"), make_account(connection, f"b{n}")) for n in range(10)]
        if before == "friends once":
            for pair in pairs:
                friends.end_friendship(connection, friends.add_friendship(connection, *pair, NOW), NOW)

    def befriend(connection: Connection, account_id: int, other_id: int) -> bool:
        try:
            with connection.begin_nested():
                friends.add_friendship(connection, account_id, other_id, NOW)
        except AlreadyExists:
            return False
        return True

    both_ways = pairs + [(other, one) for one, other in pairs]
    told = run_concurrently(
        database_url, [partial(befriend, account_id=one, other_id=other) for one, other in both_ways]
    )
    assert [one + other for one, other in zip(told[:10], told[10:], strict=True)] == [1] * 10
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(conversations)) == 10
        assert all(len(friends.list_directs(connection, id)) == 1 for pair in pairs for id in pair)
