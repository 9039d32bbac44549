"""What is new in the state since it was last asked for: for front ends that print instead of drawing."""

from collections.abc import Iterator

from client.model.state import Conversation, Delivery, Pending, State
from protocol.values import Message


class News:
    """Hands out each message once, in order, and each refused line once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._told: dict[str, int] = {}  # the last seq handed out, by conversation
        self._refused: set[str] = set()

    def messages(self) -> Iterator[tuple[Conversation, int, list[Message]]]:
        """By conversation, how many were passed over and what came behind them.

        At first that is the page that is here; what is fetched above it later is no news.
        """
        for one in self._state.conversations.values():
            timeline = one.timeline
            told = self._told.get(one.name, timeline.first - 1)
            if timeline.last > told:
                self._told[one.name] = timeline.last
                begin = max(0, told + 1 - timeline.first)
                yield one, max(0, timeline.first - told - 1), timeline.messages[begin:]

    def refused(self) -> Iterator[Pending]:
        """My lines that the server will not have."""
        for one in self._state.conversations.values():
            for pending in one.pending:
                if pending.delivery is Delivery.REFUSED and pending.cid not in self._refused:
                    self._refused.add(pending.cid)
                    yield pending
