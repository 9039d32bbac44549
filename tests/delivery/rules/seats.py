"""Membership: rules 9 and 10, and the atomic membership of D7."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from tests.delivery.history import Arrival, Move, Occupancy, Page, Seat
from tests.delivery.history_index import NOTICES, HistoryIndex
from tests.delivery.rules.wording import asked


@dataclass(slots=True)
class Claim:
    """What is certain about one client's seat in one conversation.

    An unanswered request may take effect at any time: with ``open_entries`` the seat may exist, and with
    ``open_exits`` it may be gone.
    """

    open_entries: int = 0
    open_exits: int = 0
    held: bool = False
    lost_at: float = 0.0
    given_up_at: float = inf  # on another connection; this one was not informed yet

    def apply_move(self, seat: Seat) -> None:
        match seat.move:
            case Move.ENTERING:
                self.open_entries += 1
            case Move.ENTERED:
                self.open_entries -= 1
                self.held, self.given_up_at = True, inf
            case Move.KEPT_OUT:
                self.open_entries -= 1
            case Move.RESIGNING:
                self.open_exits += 1
            case Move.RESIGNED:
                self.open_exits -= 1
                self.held, self.lost_at, self.given_up_at = False, seat.at, inf
            case Move.GIVEN_UP:
                if self.open_exits:
                    self.given_up_at = seat.at
            case Move.STAYED:
                self.open_exits -= 1
            case Move.LEAVING | Move.LEFT:
                pass  # the seat is kept

    def may_see(self, since: float) -> bool:
        """Whether the client may be shown an answer to a request, or an event, of this time."""
        return self.held or self.open_entries > 0 or since < self.lost_at

    def may_receive(self, born: float) -> bool:
        """Whether a message that was sent at this time or later may be delivered."""
        return self.open_entries > 0 or born < self.given_up_at

    @property
    def is_certain(self) -> bool:
        return self.held and not self.open_exits


def only_members_receive(index: HistoryIndex) -> Iterator[str]:
    """9. No client receives anything of a conversation without a seat in it (in private chats: without
    friendship).
    """
    claims: dict[tuple[str, str], Claim] = defaultdict(Claim)
    for record in index.history.records:
        if isinstance(record, Seat):
            claims[record.client, record.conversation].apply_move(record)
        elif isinstance(record, Arrival):
            claim = claims[record.client, record.message.conversation]
            if not (claim.may_see(record.at) and claim.may_receive(index.born(record.message))):
                yield f"{record.client} got {record.message} without a seat"
        elif isinstance(record, Page) and not claims[record.client, record.conversation].may_see(
            record.begun
        ):
            yield f"{asked(record)} and got it without a seat"


def rooms_stay_within_capacity(index: HistoryIndex) -> Iterator[str]:
    """10. There are never more members than seats, neither by the reported count nor by the seats in use."""
    capacities = {count.conversation: count.capacity for count in index.history.of(Occupancy)}
    claims: dict[str, dict[str, Claim]] = defaultdict(lambda: defaultdict(Claim))
    for record in index.history.records:
        if isinstance(record, Occupancy) and record.members > record.capacity:
            yield f"{record.client} was told {record.members} of {record.capacity} in {record.conversation}"
        elif isinstance(record, Seat):
            room = claims[record.conversation]
            room[record.client].apply_move(record)
            seated = sorted(client for client, claim in room.items() if claim.is_certain)
            capacity = capacities.get(record.conversation, len(seated))
            if record.move is Move.ENTERED and len(seated) > capacity:
                yield f"{record.conversation} has {capacity} seats, which are held by {', '.join(seated)}"


def entries_and_exits_alternate(index: HistoryIndex) -> Iterator[str]:
    """D7. An account that enters was outside, an account that leaves was inside."""
    inside: set[tuple[str, str]] = set()
    noticed: set[tuple[str, str]] = set()
    for message in index.finals():
        account = message.conversation, message.username
        if message.kind not in NOTICES:
            continue
        is_known = account in noticed or index.first(message.conversation) == 1  # else a notice was removed
        noticed.add(account)
        if is_known and (account in inside) == (message.kind == "enter"):
            yield f"{message}, who {'had entered already' if account in inside else 'was not inside'}"
        if message.kind == "leave":
            inside.discard(account)
        else:
            inside.add(account)
