"""Logins that continue at the next start: a file with the token of each, if the user stays logged in.

The server replaces a token when it is used, and accepts the old one until the new one is used. So the client
uses a new token only after it is on the disk, and a crash at any moment leaves a valid one there.

Several clients of one user may continue the same login. A client replaces the token of a login that is in the
file, and never adds one that another client has removed.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatroom.client.storage import files
from chatroom.client.storage.config import ClientConfig
from chatroom.protocol.names import name_key

FILE_NAME = "logins.json"
"""In the state folder."""


@dataclass(frozen=True)
class KeptLogin:
    """A token. ``id`` is random, and the same for all tokens of one login."""

    id: str
    token: str


LoginTable = dict[str, KeptLogin]


def account_key(server: str, username: str) -> str:
    """Return the name of an account in the file. ``server`` is the canonical ``host:port``."""
    return f"{name_key(username).decode(errors='backslashreplace')}@{server}"


class KeptLogins:
    """The file of kept logins."""

    def __init__(self, config: ClientConfig, folder: Path) -> None:
        self._config = config
        self._path = folder / FILE_NAME

    @property
    def enabled(self) -> bool:
        """Whether the user has chosen to stay logged in."""
        return self._config.stay_logged_in == "on"

    def find_login(self, account: str) -> KeptLogin | None:
        if not self.enabled:
            return None
        return (files.read_text(self._path, _parse, self._config.notices) or {}).get(account)

    def keep_login(self, account: str, login: KeptLogin) -> None:
        """Store a new login, instead of an earlier one of the account."""
        self._change_file(lambda logins: logins | {account: login})

    def replace_token(self, account: str, login: KeptLogin) -> bool:
        """Store the new token of a login if the login is kept. Return whether the new token may be used."""

        def replaced(logins: LoginTable) -> LoginTable:
            stored = logins.get(account)
            return logins | {account: login} if stored is not None and stored.id == login.id else logins

        return self._change_file(replaced)

    def forget_login(self, account: str, token: str = "") -> None:
        """Remove the login of an account; with ``token``, only if that is still its token."""

        def reduced(logins: LoginTable) -> LoginTable:
            stored = logins.get(account)
            if stored is None or token not in ("", stored.token):
                return logins
            return {name: login for name, login in logins.items() if name != account}

        self._change_file(reduced)

    def forget_all(self) -> None:
        self._change_file(lambda logins: {})

    def _change_file(self, change: Callable[[LoginTable], LoginTable]) -> bool:
        """Change the file under its lock. Return false if it cannot be written; the user is told."""
        if not self.enabled and not os.path.exists(self._path):
            return True
        try:
            with files.locked(self._path):
                logins = files.read_locked(self._path, _parse, self._config.notices) or {}
                if (changed := change(logins)) != logins:
                    files.replace_text(self._path, _to_json(changed))
        except OSError as error:
            self._config.notices.tell("file_unsaved", self._path, reason=files.reason(error))
            return False
        return True


def _parse(text: str) -> LoginTable:
    """Parse the file. Raises ``ValueError``."""
    entries = json.loads(text)
    if not isinstance(entries, dict):
        raise ValueError("not a JSON object")
    return {account: _parse_login(entry) for account, entry in entries.items()}


def _parse_login(entry: object) -> KeptLogin:
    match entry:
        case {"id": str(login_id), "token": str(token)}:
            return KeptLogin(login_id, token)
    raise ValueError("not a login")


def _to_json(logins: LoginTable) -> str:
    entries = {account: {"id": login.id, "token": login.token} for account, login in logins.items()}
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"
