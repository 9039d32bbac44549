"""Choices of the user that are kept in the configuration file and change the state."""

import msgspec
from msgspec.structs import replace

from chatroom.client.core.front_end import FrontEnd
from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.client.storage.config import ClientConfig
from chatroom.protocol.values import Message


def _moved_message(text: str, conversation: str) -> str:
    """Return a pinned message with another conversation; a damaged one as it is."""
    try:
        message = msgspec.json.decode(text, type=Message)
    except msgspec.MsgspecError:
        return text
    return msgspec.json.encode(replace(message, conversation=conversation)).decode()


class UserPreferences:
    """Ignored accounts, and the notifications of single conversations."""

    def __init__(self, state: ClientState, config: ClientConfig, front_end: FrontEnd) -> None:
        self._state = state
        self._config = config
        self._front_end = front_end

    def load_notify_words(self) -> None:
        """Put the words of ``/set notify_words`` into the state."""
        words = "" if self._config.notify_words == "off" else self._config.notify_words
        self._state.notify_words = _split_words(words)

    def set_words(self, name: str, words: str) -> None:
        """Choose words that count as mentions in one conversation; ``""`` for none."""
        key = f"{self._account}/{name}"
        self._config.words.pop(key, None)
        if words:
            self._config.words[key] = words
        self._config.save_config("words")
        self.load_attention()
        self._front_end.state_changed()

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
        apply.set_attention(self._state, self._of_account(self._config.attention))
        words = self._of_account(self._config.words)
        self._state.conversation_words = {name: _split_words(text) for name, text in words.items()}

    def _of_account(self, choices: dict[str, str]) -> dict[str, str]:
        """Return the choices of this account by conversation."""
        prefix = f"{self._account}/"
        return {key.removeprefix(prefix): choice for key, choice in choices.items() if key.startswith(prefix)}

    def unknown_rooms(self) -> set[str]:
        """Return the rooms with choices or pinned messages that the state does not have."""
        prefix = f"{self._account}/#"
        keys = [key for key in (*self._config.attention, *self._config.pins) if key.startswith(prefix)]
        names = {f"#{key.removeprefix(prefix).partition('/')[0]}" for key in keys}
        return {name for name in names if name not in self._state.conversations}

    def rename_room(self, former: str, name: str) -> None:
        """Move the choices and the pinned messages of a room that was renamed."""
        before, after = f"{self._account}/{former}", f"{self._account}/{name}"
        attention, pins = self._config.attention, self._config.pins
        if before in attention:
            attention[after] = attention.pop(before)
            self._config.save_config("attention")
            self.load_attention()
        moved = [key for key in pins if key.startswith(f"{before}/")]
        for key in moved:
            pins[after + key.removeprefix(before)] = _moved_message(pins.pop(key), name)
        if moved:
            self._config.save_config("pins")

    @property
    def _account(self) -> str:
        return f"{self._state.username}@{self._state.server}"


def _split_words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
