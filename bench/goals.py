"""The goals for the figures. ``publish`` compares them.

They were set on an idle machine of two cores at 2.8 GHz. On other machines, the ratios to the floors and to
the peers of the same run say more.
"""

from dataclasses import dataclass

from bench.figures import Figure


@dataclass(frozen=True)
class Goal:
    """``value`` is the goal on SQLite, or for the client; ``mariadb`` the goal on MariaDB.

    ``beside`` names another part of the figure than its value, such as a percentile.
    """

    scenario: str
    title: str
    unit: str
    value: float
    mariadb: float | None = None
    beside: str = ""
    less_is_better: bool = False

    def of(self, figure: Figure) -> float | None:
        """Return the value of a figure for this goal, or ``None``."""
        return figure.beside.get(self.beside) if self.beside else figure.value

    def reached(self, value: float, goal: float) -> float:
        """Return the ratio to the goal; 1 or more is good."""
        return (goal / value if value else 0.0) if self.less_is_better else value / goal


def _at_most(scenario: str, title: str, unit: str, value: float, mariadb: float | None = None,
             beside: str = "") -> Goal:  # fmt: skip
    return Goal(scenario, title, unit, value, mariadb, beside, less_is_better=True)


GOALS = (
    Goal("S1", "one room of 100, 10 speak, 16 unconfirmed each", "deliveries/s", 3e6, 2e6),
    Goal("S2", "200 rooms of 10, all speak, 4 unconfirmed each", "deliveries/s", 350e3, 350e3),
    _at_most("S3", "an idle connection", "kB", 8, 8),
    _at_most("S4", "a private message, one way, p50", "µs", 600),
    _at_most("S4", "the same, p99", "ms", 2, beside="p99 ms"),
    Goal("S5a", "one sender, one at a time", "messages/s", 2500, 1200),
    Goal("S5b", "50 senders in one room, one at a time", "messages/s", 25e3, 15e3),
    Goal("S5c", "50 senders in rooms of their own, 16 unconfirmed", "messages/s", 40e3, 25e3),
    _at_most("S5d", "100 senders in one room: p99 of a confirmation", "ms", 25, 25, beside="p99 ms"),
    _at_most("login storm", "a ping while 20 people log in, p99", "ms", 10),
    _at_most("newest 50", "the newest page of the long room", "ms", 0.2, 1),
    _at_most("search: a rare word", "search for a rare word", "ms", 5, 5),
    _at_most("search: two Chinese characters", "search for two Chinese characters", "ms", 5, 5),
    _at_most("search: a common word", "search for a word in every tenth message", "ms", 200, 200),
    Goal("export", "`/save` of the long room", "messages/s", 100e3),
    _at_most("client start", "the client, from the command to the first picture", "ms", 250),
    _at_most("key → picture", "a key, in the long room", "ms", 5),
    _at_most("one more message → picture", "one more message, in the long room", "ms", 8),
    _at_most("PageUp → picture", "PageUp, in the long room", "ms", 8),
    _at_most("flood", "the client while 200 messages/s arrive", "% of a core", 15),
    _at_most("flood", "a key meanwhile, p99", "ms", 10, beside="p99 ms"),
)
