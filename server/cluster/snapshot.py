"""The current state, in the database, of what other server processes have changed.

``change_poller`` knows what to read, ``apply_changes`` applies the snapshot to the live state. A job of the
writer reads it, so that it is applied in commit order.
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

NO_ACCOUNT = 0
"""The id of no account."""


@dataclass(frozen=True, slots=True)
class ChangedPlaces:
    """What to read. With ``everything``, also every account that is connected to another process."""

    live: Set[int]  # live conversations with new messages or other changes
    changed: Set[int]  # conversations with changes other than messages
    seated: Set[SeatKey]  # live seats in changed conversations
    moved: Set[SeatKey]  # seats of live accounts with a moved read mark, or unsettled
    accounts: Set[int]  # accounts that connected, disconnected or changed
    everything: bool


@dataclass(frozen=True, slots=True)
class ChangedAccount:
    """An account that connected to, disconnected from, or was changed by another process."""

    id: int
    username: str
    elsewhere: bool  # it has a session on another process
    follows: set[int]
    invited: set[int]
    blocked: set[int]


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    rooms: list[RoomRecord]  # without the view of an account
    seats: list[tuple[int, RoomRecord | DirectRecord]]  # by account
    accounts: list[ChangedAccount]
    ended: dict[int, EndedSessions]


def read_snapshot(transaction: WriteTransaction, server_id: bytes, places: ChangedPlaces) -> ClusterSnapshot:
    """Read the changed places for the process ``server_id``."""
    connection = transaction.connection
    if places.live:
        transaction.note_heads(messages.read_heads(connection, places.live))
    changed, moved = places.changed, set(places.moved)
    if changed:
        moved |= memberships.attending_seats(connection, changed, server_id) - places.seated
    has_accounts = places.accounts or places.everything
    account_ids = None if places.everything else places.accounts
    return ClusterSnapshot(
        rooms=rooms.list_rooms(connection, NO_ACCOUNT, changed) if changed else [],
        seats=_read_seats(transaction, moved),
        accounts=_read_accounts(transaction, server_id, places) if has_accounts else [],
        ended=accounts.ended_sessions_on_server(connection, server_id, account_ids) if has_accounts else {},
    )


def _read_seats(
    transaction: WriteTransaction, keys: Iterable[SeatKey]
) -> list[tuple[int, RoomRecord | DirectRecord]]:
    connection, seats = transaction.connection, []
    for account_id, ids in _group_by_account(keys).items():
        own: list[RoomRecord | DirectRecord] = [
            *rooms.list_rooms(connection, account_id, ids, only_member=True),
            *friends.list_directs(connection, account_id, ids, include_ended=True),
        ]
        transaction.note_heads(
            {record.conversation_id: KnownHead(record.head, record.roster) for record in own}
        )
        seats += [(account_id, record) for record in own]
    return seats


def _read_accounts(
    transaction: WriteTransaction, server_id: bytes, places: ChangedPlaces
) -> list[ChangedAccount]:
    connection = transaction.connection
    account_ids = None if places.everything else places.accounts
    elsewhere = instances.attending_elsewhere(connection, server_id, alive_since(connection), account_ids)
    ids = elsewhere | places.accounts
    follows = memberships.followed_conversations(connection, ids)
    invited = _group_by_account(bans_and_invites.invited_pairs(connection, ids))
    blocked = _group_by_account(blocks.blocking_pairs(connection, ids))
    return [
        ChangedAccount(id, name, id in elsewhere, follows[id], invited.get(id, set()), blocked.get(id, set()))
        for id, name in accounts.usernames_by_id(connection, ids).items()
    ]


def _group_by_account(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    groups: dict[int, set[int]] = defaultdict(set)
    for account_id, other in pairs:
        groups[account_id].add(other)
    return groups
