"""Questions to the user: passwords, and confirmations of what cannot be undone."""

import os

from chatroom.client.core.front_end import FrontEnd
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.client.text.decoding import decodable

PASSWORD_VARIABLE = "CHAT_PASSWORD"
"""The environment variable that may have the password of the account."""


def environment_password(variable: str = PASSWORD_VARIABLE) -> str:
    """Return the password that the environment has, or an empty string."""
    return decodable(os.environ.get(variable, ""))


class UserPrompts:
    """Asks by way of the front end."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    async def ask_password(self, key: str, /, **facts: object) -> str:
        """Ask for a password. Raises ``Refused`` if there is no answer."""
        return await self._front_end.ask_password(key, facts)

    async def ask_new_password(self, key: str, /) -> str:
        """Ask for a new password twice, as the input is hidden. Raises ``Refused``."""
        password = await self.ask_password(key)
        if await self.ask_password(f"{key}_again") != password:
            raise Refused("mismatch")
        return password

    async def confirm(self, key: str, /, command: str = "", **facts: object) -> None:
        """Ask before something that cannot be undone. Raises ``Refused`` unless the answer is yes.

        ``command`` is the command that needs no confirmation. Where there is no terminal to ask at, the user
        has to use it; if it is empty, nothing is asked there.
        """
        agreed = await self._front_end.confirm(i18n.translate(key, **facts))
        if agreed is None and command:
            raise Refused("needs_yes", {"command": command})
        if agreed is False:
            raise Refused("cancelled")
