"""The conversation that a running command is about.

Each command runs in a context (``contextvars``) of its own with a ``CommandTarget``, which the tasks that it
starts inherit. Outside of commands there is none.
"""

from contextvars import ContextVar
from dataclasses import dataclass

from chatroom.client.model.state import ClientState


@dataclass
class CommandTarget:
    """``name`` is the conversation in which the command was entered, "" for the home screen; after the
    command has shown another conversation, it is that one. ``switches`` is how often the user had switched to
    another conversation when the command was entered.
    """

    name: str
    switches: int = 0


command_target: ContextVar[CommandTarget | None] = ContextVar("command_target", default=None)


def target_name(state: ClientState) -> str:
    """Return the conversation that the running command is about; outside of commands, the one shown."""
    target = command_target.get()
    return state.current if target is None else target.name
