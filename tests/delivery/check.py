"""The contract, as assertions over a history. The counterpart is ``run``, which makes the history.

The rules stand in ``rules``; here is their table. A run is good when ``check`` finds nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.delivery.history import History
from tests.delivery.ledger import Ledger
from tests.delivery.rules import recovery, seats, shown, stored

Rule = Callable[[Ledger], Iterable[str]]

RULES: dict[str, Rule] = {
    "1": stored.acknowledged_is_kept,
    "2": stored.nothing_is_doubled,
    "3": stored.nothing_is_invented,
    "4": stored.seqs_have_no_gap,
    "5": shown.everybody_saw_the_same,
    "6": shown.streams_have_no_gap,
    "7": stored.order_is_kept,
    "8": shown.reads_do_not_go_back,
    "9": seats.nobody_sees_what_is_not_theirs,
    "10": seats.rooms_are_never_overfull,
    "11": recovery.nothing_stays_unknown,
    "D7": seats.comings_and_goings_alternate,
    "stop": recovery.servers_end_well,
}
"""The eleven assertions by which the contract is proven, and two more that the same runs can prove."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, and how."""

    rule: str
    story: str

    def __str__(self) -> str:
        return f"rule {self.rule}: {self.story}"


def check(history: History) -> list[Violation]:
    """Every violation of every rule, in the order of ``RULES``."""
    ledger = Ledger(history)
    return [Violation(name, story) for name, rule in RULES.items() for story in rule(ledger)]
