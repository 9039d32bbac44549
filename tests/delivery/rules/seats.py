"""Whose a conversation is: rules 9 and 10, and the atomic membership of D7."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from tests.delivery.history import Arrival, Move, Occupancy, Page, Seat
from tests.delivery.ledger import NOTICES, Ledger
from tests.delivery.rules.wording import asked


@dataclass(slots=True)
class Claim:
    """What is certain of one client's seat in one conversation.

    A request without an answer may take effect at any time, so with ``open_entries`` the seat may be there,
    and with ``open_exits`` it may be gone.
    """

    open_entries: int = 0
    open_exits: int = 0
    held: bool = False
    lost_at: float = 0.0
    given_up_at: float = inf  # elsewhere, and nothing was heard of it here yet

    def turn(self, seat: Seat) -> None:
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
        """Whether something asked for, or sent by the server, at this time may be shown."""
        return self.held or self.open_entries > 0 or since < self.lost_at

    def may_hear(self, born: float) -> bool:
        """Whether something said at this time, or later, may be handed out."""
        return self.open_entries > 0 or born < self.given_up_at

    @property
    def is_certain(self) -> bool:
        return self.held and not self.open_exits


def nobody_sees_what_is_not_theirs(ledger: Ledger) -> Iterator[str]:
    """9. Nobody gets anything of a conversation without a seat in it (in private: without being friends)."""
    claims: dict[tuple[str, str], Claim] = defaultdict(Claim)
    for record in ledger.history.records:
        if isinstance(record, Seat):
            claims[record.client, record.conversation].turn(record)
        elif isinstance(record, Arrival):
            claim = claims[record.client, record.message.conversation]
            if not (claim.may_see(record.at) and claim.may_hear(ledger.born(record.message))):
                yield f"{record.client} got {record.message} without a seat"
        elif isinstance(record, Page) and not claims[record.client, record.conversation].may_see(
            record.begun
        ):
            yield f"{asked(record)} and got it without a seat"


def rooms_are_never_overfull(ledger: Ledger) -> Iterator[str]:
    """10. There are never more members than seats: not by the count that is told, not by who sits there."""
    capacities = {count.conversation: count.capacity for count in ledger.history.of(Occupancy)}
    claims: dict[str, dict[str, Claim]] = defaultdict(lambda: defaultdict(Claim))
    for record in ledger.history.records:
        if isinstance(record, Occupancy) and record.members > record.capacity:
            yield f"{record.client} was told {record.members} of {record.capacity} in {record.conversation}"
        elif isinstance(record, Seat):
            room = claims[record.conversation]
            room[record.client].turn(record)
            seated = sorted(who for who, claim in room.items() if claim.is_certain)
            capacity = capacities.get(record.conversation, len(seated))
            if record.move is Move.ENTERED and len(seated) > capacity:
                yield f"{record.conversation} has {capacity} seats, and in them sit {', '.join(seated)}"


def comings_and_goings_alternate(ledger: Ledger) -> Iterator[str]:
    """D7. Whoever enters was not inside, whoever leaves was: notices are as atomic as what they tell."""
    inside: set[tuple[str, str]] = set()
    for message in ledger.finals():
        who = message.conversation, message.username
        if message.kind not in NOTICES:
            continue
        if (who in inside) == (message.kind == "enter"):
            yield f"{message}, who {'had entered already' if who in inside else 'was not inside'}"
        if message.kind == "leave":
            inside.discard(who)
        else:
            inside.add(who)
