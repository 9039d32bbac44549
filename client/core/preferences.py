"""Choices of the user that are kept in the configuration file and change the state."""

from chatroom.client.core.front_end import FrontEnd
from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.client.storage.config import ClientConfig


class UserPreferences:
    """Ignored accounts, and the notifications of single conversations."""

    def __init__(self, state: ClientState, config: ClientConfig, front_end: FrontEnd) -> None:
        self._state = state
        self._config = config
        self._front_end = front_end

    def load_notify_words(self) -> None:
        """Put the words of ``/set notify_words`` into the state."""
        words = "" if self._config.notify_words == "off" else self._config.notify_words
        self._state.notify_words = tuple(word.strip() for word in words.split(",") if word.strip())

    def set_ignored(self, username: str, ignored: bool) -> None:
        """Hide the messages of an account, or show them again."""
        apply.set_ignored(self._state, username, ignored)
        self._config.ignored = sorted(self._state.ignored)
        self._config.save_config("ignored")
        self._front_end.state_changed()

    def set_attention(self, name: str, choice: str) -> None:
        """Choose which messages of a conversation notify; ``""`` restores the setting for all."""
        key = f"{self._account}/{name}"
        self._config.attention.pop(key, None)
        if choice:
            self._config.attention[key] = choice
        self._config.save_config("attention")
        self.load_attention()
        self._front_end.state_changed()

    def load_attention(self) -> None:
        """Put the account's choices into the state."""
        prefix = f"{self._account}/"
        choices = self._config.attention.items()
        attention = {name.removeprefix(prefix): choice for name, choice in choices if name.startswith(prefix)}
        apply.set_attention(self._state, attention)

    @property
    def _account(self) -> str:
        return f"{self._state.username}@{self._state.server}"
