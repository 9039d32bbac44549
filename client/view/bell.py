"""When to ring the terminal's bell: somebody wants me, where I am not looking.

A plain BEL is what every terminal, and tmux as well, makes into whatever its user wishes.
"""

from client.model import select
from client.model.state import State


class Bell:
    """Remembers how much was waiting, so that it rings once for what comes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._waiting: int | None = None

    def rings(self, choice: str) -> bool:
        """Whenever the state changed. ``choice``: ``mentions`` (private messages too), ``all`` or ``off``."""
        before, self._waiting = self._waiting, self._count(choice)
        return choice != "off" and before is not None and (self._waiting or 0) > before

    def _count(self, choice: str) -> int | None:
        """``None`` while nobody is logged in: what waits at the login is shown, not rung."""
        if not self._state.username:
            return None
        elsewhere = [one for one in select.sidebar(self._state) if one.name != self._state.current]
        return sum(one.mentions if one.is_room and choice == "mentions" else one.unread for one in elsewhere)
