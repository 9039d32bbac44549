"""The numbers of conversations, for the keys Alt-1 to Alt-9."""

from chatroom.client.model import select
from chatroom.client.model.state import ClientState


class ConversationNumbers:
    """A conversation keeps its number while others come and go; a new one gets the lowest that is free."""

    def __init__(self, state: ClientState) -> None:
        self._state = state
        self._numbers: dict[str, int] = {}

    def current_numbers(self) -> dict[str, int]:
        """Return the number of each conversation, counted from 1."""
        names = [conversation.name for conversation in select.sidebar_conversations(self._state)]
        assigned = {name: self._numbers[name] for name in names if name in self._numbers}
        used = set(assigned.values())
        free = (number for number in range(1, 2 * len(names) + 1) if number not in used)
        self._numbers = assigned | {name: next(free) for name in names if name not in assigned}
        return self._numbers

    def find(self, number: int) -> str | None:
        """Return the name of the conversation with this number."""
        numbers = self.current_numbers().items()
        return next((name for name, value in numbers if value == number), None)

    def rename_room(self, former: str, name: str) -> None:
        if former in self._numbers:
            self._numbers[name] = self._numbers.pop(former)

    def forget(self) -> None:
        self._numbers.clear()
