"""What other server processes have changed, as it stands in the database now.

``peers`` knows where to look, and ``takeover`` makes what is found live here. It is found by a job of the
writer, so that it becomes live in that one's order, like everything else.
"""

from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass

from db import accounts, blocks, friends, guests, memberships, messages, rooms, servers
from db.accounts import Ended
from db.messages import Known
from db.records import Direct, Room, SeatKey
from db.servers import alive_since
from db.transaction import Transaction

NOBODY = 0
"""No account's id."""


@dataclass(frozen=True, slots=True)
class Places:
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
class Person:
    """An account that came or went elsewhere, or of which something changed there."""

    id: int
    username: str
    elsewhere: bool  # it has a session on another process
    follows: set[int]
    invited: set[int]
    blocked: set[int]


@dataclass(frozen=True, slots=True)
class Findings:
    rooms: list[Room]  # as nobody in particular sees them
    seats: list[tuple[int, Room | Direct]]  # by account
    people: list[Person]
    ended: dict[int, Ended]


def find(transaction: Transaction, server_id: bytes, places: Places) -> Findings:
    """Look there, for the process of this name."""
    connection = transaction.connection
    if places.live:
        transaction.catch_up(messages.peek(connection, places.live))
    changed, moved = places.changed, set(places.moved)
    if changed:
        moved |= memberships.attending(connection, changed, server_id) - places.seated
    to_see_to = places.people or places.everything
    among = None if places.everything else places.people
    return Findings(
        rooms=rooms.listing(connection, NOBODY, changed) if changed else [],
        seats=_seats(transaction, moved),
        people=_people(transaction, server_id, places) if to_see_to else [],
        ended=accounts.ended_on(connection, server_id, among) if to_see_to else {},
    )


def _seats(transaction: Transaction, wanted: Iterable[SeatKey]) -> list[tuple[int, Room | Direct]]:
    connection, found = transaction.connection, []
    for account_id, ids in _by_account(wanted).items():
        own: list[Room | Direct] = [
            *rooms.listing(connection, account_id, ids, only_member=True),
            *friends.listing(connection, account_id, ids, include_ended=True),
        ]
        transaction.catch_up({one.conversation_id: Known(one.head, one.roster) for one in own})
        found += [(account_id, one) for one in own]
    return found


def _people(transaction: Transaction, server_id: bytes, places: Places) -> list[Person]:
    connection = transaction.connection
    among = None if places.everything else places.people
    elsewhere = servers.attending_elsewhere(connection, server_id, alive_since(transaction.now), among)
    ids = elsewhere | places.people
    follows = memberships.followed(connection, ids)
    invited = _by_account(guests.invited(connection, ids))
    blocked = _by_account(blocks.pairs(connection, ids))
    return [
        Person(id, name, id in elsewhere, follows[id], invited.get(id, set()), blocked.get(id, set()))
        for id, name in accounts.usernames(connection, ids).items()
    ]


def _by_account(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for account_id, other in pairs:
        found[account_id].add(other)
    return found
