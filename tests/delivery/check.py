"""The delivery contract as rules over a history. ``run`` produces the history.

``rules`` contains the rules. A run passes if ``check`` returns nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.delivery.history import History
from tests.delivery.history_index import HistoryIndex
from tests.delivery.rules import recovery, removed, seats, shown, stored

Rule = Callable[[HistoryIndex], Iterable[str]]

RULES: dict[str, Rule] = {
    "1": stored.acknowledged_is_stored,
    "2": stored.no_cid_is_stored_twice,
    "3": stored.only_sent_messages_are_stored,
    "4": stored.seqs_have_no_gap,
    "5": shown.observations_agree,
    "6": shown.streams_have_no_gap,
    "7": stored.order_is_kept,
    "8": shown.reads_do_not_go_back,
    "9": seats.only_members_receive,
    "10": seats.rooms_stay_within_capacity,
    "11": recovery.every_outcome_is_known,
    "D7": seats.entries_and_exits_alternate,
    "first": removed.first_never_goes_back,
    "stop": recovery.servers_stop_cleanly,
}
"""The eleven rules of the contract, and three more that the same runs can check."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, and the contradicting observations."""

    rule: str
    story: str

    def __str__(self) -> str:
        return f"rule {self.rule}: {self.story}"


def check(history: History) -> list[Violation]:
    """All violations, in the order of ``RULES``."""
    index = HistoryIndex(history)
    return [Violation(name, story) for name, rule in RULES.items() for story in rule(index)]
