"""What is new in the state since it was last asked for: for front ends that print instead of drawing."""

from collections.abc import Iterator

from client.model.state import Conversation, State
from protocol.values import Message


class News:
    """Hands out each message once, in order."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._told: dict[str, int] = {}  # the last seq handed out, by conversation

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
