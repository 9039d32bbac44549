"""Blocks, bans and invitations are idempotent."""

from sqlalchemy import Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import accounts, bans_and_invites, blocks, instances, memberships, rooms
from tests.unit.db.builders import NOW, make_account, make_room, take_seats

EAST = b"E" * 32


def test_block_is_one_directional(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob, carol = (make_account(connection, name) for name in ("Alice", "Bob", "Carol"))
        for other in (carol, bob, bob):
            accounts.lock_accounts(connection, (alice, other))
            blocks.add_block(connection, alice, other, NOW)
        assert blocks.blocked_usernames(connection, alice) == ["Bob", "Carol"]
        assert blocks.blocked_ids(connection, alice) == {bob, carol}
        assert (blocks.blocker_ids(connection, bob), blocks.blocker_ids(connection, alice)) == (
            {alice},
            set(),
        )
        assert blocks.has_blocked(connection, alice, bob)
        assert not blocks.has_blocked(connection, bob, alice)
        blocks.remove_block(connection, alice, bob)
        blocks.remove_block(connection, alice, bob)
        assert blocks.blocked_usernames(connection, alice) == ["Carol"]


def test_repeated_ban_and_invitation_return_false(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        hall = make_room(connection, "hall", alice)
        assert [bans_and_invites.add_ban(connection, hall, bob, NOW) for _ in range(2)] == [True, False]
        assert bans_and_invites.banned_usernames(connection, hall) == ["Bob"]
        assert [bans_and_invites.add_invite(connection, hall, bob, NOW) for _ in range(2)] == [True, False]
        assert bans_and_invites.invited_room_ids(connection, bob) == {hall}
        listed = rooms.find_room_as(connection, b"hall", bob)
        assert listed is not None
        assert (listed.invited, listed.seat) == (True, None)
        for _ in range(2):
            bans_and_invites.remove_ban(connection, hall, bob)
            bans_and_invites.remove_invite(connection, hall, bob)
        assert not bans_and_invites.is_banned(connection, hall, bob)
        assert bans_and_invites.invited_room_ids(connection, bob) == set()


def test_oldest_seat_is_first_still_taken(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob, carol = (make_account(connection, name) for name in ("Alice", "Bob", "Carol"))
        hall = make_room(connection, "hall", alice)
        assert memberships.oldest_seat(connection, hall) is None
        for now, account_id in enumerate((carol, alice, bob)):
            memberships.take_seat(
                connection, conversation_id=hall, account_id=account_id, nickname=None, joined_seq=0, now=now
            )
        memberships.give_up_seat(connection, hall, carol)
        oldest = memberships.oldest_seat(connection, hall)
        assert oldest is not None
        assert (oldest.account_id, oldest.username) == (alice, "Alice")


def test_session_epoch_increases_independently_of_clock(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        hall = make_room(connection, "hall", alice)
        take_seats(connection, hall, bob)
        instances.record_heartbeat(connection, EAST, NOW)
        for account_id in (alice, bob):
            instances.add_attendance(connection, EAST, account_id, NOW)
        assert (
            accounts.ended_sessions_on_server(connection, EAST)
            == accounts.ended_sessions_of_members(connection, hall)
            == {}
        )
        assert accounts.end_sessions(connection, alice, NOW) == 1
        assert accounts.end_sessions(connection, bob, NOW) == 1
        assert accounts.end_sessions(connection, bob, NOW - 3_600_000) == 2
        accounts.set_disabled(connection, bob, NOW)
        assert accounts.find_ended_sessions(connection, alice) == (1, False)
        assert accounts.ended_sessions_on_server(connection, EAST) == {alice: (1, False), bob: (2, True)}
        assert accounts.ended_sessions_on_server(connection, EAST, [alice]) == {alice: (1, False)}
        assert accounts.ended_sessions_of_members(connection, hall) == {bob: (2, True)}
        accounts.set_disabled(connection, bob, None)
        assert [account.disabled for account in accounts.list_accounts(connection)] == [False, False]
