"""Where a command was entered. It runs in a context (``contextvars``) that holds its ``Target``, and so does
whatever it starts; outside of commands there is none.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Target:
    """``name`` is the conversation that the command is about, "" the home screen; it follows the command into
    another one. ``turns`` tells how often the user had turned to another conversation when it was entered.
    """

    name: str
    turns: int = 0


command_target: ContextVar[Target | None] = ContextVar("command_target", default=None)
