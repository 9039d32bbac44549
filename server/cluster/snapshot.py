"""What other server processes have changed, as it stands in the database now.

``peers`` knows where to look, and ``takeover`` makes what is found live here. It is found by a job of the
writer, so that it becomes live in that one's order, like everything else.
"""

from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass

from chatroom.db.queries import (
    accounts,
    bans_and_invites,
    blocks,
    friends,
    instances,
    memberships,
    messages,
    rooms,
)
from chatroom.db.queries.accounts import EndedSessions
from chatroom.db.queries.instances import alive_since
from chatroom.db.queries.messages import KnownHead
from chatroom.db.records import DirectRecord, RoomRecord, SeatKey
from chatroom.db.writer.transaction import WriteTransaction

NOBODY = 0
"""No account's id."""


@dataclass(frozen=True, slots=True)
class ChangedPlaces:
    """Where to look. With ``everything`` nobody knows who has come or gone, so all who are on other processes
    are looked for.
    """

    live: Set[int]  # conversations that are live here, in which something was said or has changed
    changed: Set[int]  # conversations of which something else has changed
    seated: Set[SeatKey]  # the seats in those that are live here
    moved: Set[SeatKey]  # seats of accounts that are here, whose mark has moved or which are unsettled
    people: Set[int]  # accounts that came or went, or of which something changed
    everything: bool


@dataclass(frozen=True, slots=True)
class ChangedAccount:
    """An account that came or went elsewhere, or of which something changed there."""

    id: int
    username: str
    elsewhere: bool  # it has a session on another process
    follows: set[int]
    invited: set[int]
    blocked: set[int]


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    rooms: list[RoomRecord]  # as nobody in particular sees them
    seats: list[tuple[int, RoomRecord | DirectRecord]]  # by account
    people: list[ChangedAccount]
    ended: dict[int, EndedSessions]


def read_snapshot(transaction: WriteTransaction, server_id: bytes, places: ChangedPlaces) -> ClusterSnapshot:
    """Look there, for the process of this name."""
    connection = transaction.connection
    if places.live:
        transaction.note_heads(messages.read_heads(connection, places.live))
    changed, moved = places.changed, set(places.moved)
    if changed:
        moved |= memberships.attending_seats(connection, changed, server_id) - places.seated
    to_see_to = places.people or places.everything
    among = None if places.everything else places.people
    return ClusterSnapshot(
        rooms=rooms.list_rooms(connection, NOBODY, changed) if changed else [],
        seats=_read_seats(transaction, moved),
        people=_read_accounts(transaction, server_id, places) if to_see_to else [],
        ended=accounts.ended_sessions_on_server(connection, server_id, among) if to_see_to else {},
    )


def _read_seats(
    transaction: WriteTransaction, wanted: Iterable[SeatKey]
) -> list[tuple[int, RoomRecord | DirectRecord]]:
    connection, found = transaction.connection, []
    for account_id, ids in _group_by_account(wanted).items():
        own: list[RoomRecord | DirectRecord] = [
            *rooms.list_rooms(connection, account_id, ids, only_member=True),
            *friends.list_directs(connection, account_id, ids, include_ended=True),
        ]
        transaction.note_heads({one.conversation_id: KnownHead(one.head, one.roster) for one in own})
        found += [(account_id, one) for one in own]
    return found


def _read_accounts(
    transaction: WriteTransaction, server_id: bytes, places: ChangedPlaces
) -> list[ChangedAccount]:
    connection = transaction.connection
    among = None if places.everything else places.people
    elsewhere = instances.attending_elsewhere(connection, server_id, alive_since(transaction.now), among)
    ids = elsewhere | places.people
    follows = memberships.followed_conversations(connection, ids)
    invited = _group_by_account(bans_and_invites.invited_pairs(connection, ids))
    blocked = _group_by_account(blocks.blocking_pairs(connection, ids))
    return [
        ChangedAccount(id, name, id in elsewhere, follows[id], invited.get(id, set()), blocked.get(id, set()))
        for id, name in accounts.usernames_by_id(connection, ids).items()
    ]


def _group_by_account(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for account_id, other in pairs:
        found[account_id].add(other)
    return found
