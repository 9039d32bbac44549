"""Friendships: one for each pair of accounts, through ends, renewals and concurrent requests."""

from functools import partial

import pytest
from sqlalchemy import Connection, Engine, func, select

from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import friends, memberships
from chatroom.db.schema import conversations
from tests.unit.db.builders import NOW, append_message, make_account, run_concurrently


def test_direct_record_shows_the_other_account(engine: Engine) -> None:
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


def test_accounts_without_friendship_have_no_chat(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        assert friends.find_direct(connection, alice, bob) is None
        assert friends.list_directs(connection, alice) == []
        assert friends.friend_ids(connection, alice) == set()


def test_second_friendship_is_refused(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        friends.add_friendship(connection, alice, bob, NOW)
        with pytest.raises(AlreadyExists):
            friends.add_friendship(connection, bob, alice, NOW)


def test_chat_remains_after_friendship_ends_and_is_reused(engine: Engine) -> None:
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


def test_list_directs_is_sorted_and_filtered(engine: Engine) -> None:
    with begin_write(engine) as connection:
        bob, alice, carol = (make_account(connection, name) for name in ("Bob", "alice", "Carol"))
        zoe = make_account(connection, "Zoe")
        with_alice = friends.add_friendship(connection, bob, alice, NOW)
        friends.add_friendship(connection, bob, zoe, NOW)
        friends.add_friendship(connection, carol, bob, NOW)
        friends.add_friendship(connection, carol, alice, NOW)
        assert [direct.friend for direct in friends.list_directs(connection, bob)] == [
            "alice",
            "Carol",
            "Zoe",
        ]
        assert [direct.friend for direct in friends.list_directs(connection, bob, [with_alice])] == ["alice"]
        assert friends.list_directs(connection, zoe, [with_alice]) == []
        assert friends.friend_ids(connection, bob) == {alice, carol, zoe}


def test_both_friends_can_enter_chat(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = friends.add_friendship(connection, alice, bob, NOW)
        memberships.enter_seat(connection, id, bob, "BOB")
        (direct,) = friends.list_directs(connection, bob)
        assert (direct.seat.nickname, direct.seat.entered) == ("BOB", True)
        assert [seat.entered for seat in memberships.list_roster(connection, id)] == [False, True]


@pytest.mark.parametrize("before", ["strangers", "friends once"])
def test_concurrent_add_friendship_succeeds_once(engine: Engine, before: str) -> None:
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

    both_ways = pairs + [(second, first) for first, second in pairs]
    results = run_concurrently(
        engine,
        [partial(befriend, account_id=account_id, other_id=other_id) for account_id, other_id in both_ways],
    )
    assert [first + second for first, second in zip(results[:10], results[10:], strict=True)] == [1] * 10
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(conversations)) == 10
        assert all(len(friends.list_directs(connection, id)) == 1 for pair in pairs for id in pair)
