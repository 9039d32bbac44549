"""What the user has chosen, kept by the client itself: no file need ever be edited.

``SETTINGS`` is the table behind ``/set``. What else is kept (the last server and account, whom I ignore, what
calls me where, which keys do what) follows from what the user does.

Several clients of one user share the file. Each writes only what was changed in it (``save_config``); what
is not
ours in the file, such as a newer client's settings, stays.
"""

import json
import os
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from chatroom.client.storage import files
from chatroom.client.storage.files import Damaged, FileNotices


@dataclass(frozen=True)
class UserSetting:
    """One choice. ``help`` names its words in the catalogue; the first of ``choices`` is the default."""

    name: str
    choices: tuple[str, ...]
    help: str


SETTINGS = (
    UserSetting("lang", ("", "zh", "en"), "set.lang"),  # "" follows the locale
    UserSetting("theme", ("default", "light", "dark"), "set.theme"),
    UserSetting("notify", ("mentions", "all", "none"), "set.notify"),
    UserSetting("alert", ("bell", "osc9", "osc777", "off"), "set.alert"),
    UserSetting("typing", ("on", "off"), "set.typing"),
    UserSetting("compact", ("off", "on"), "set.compact"),
    UserSetting("fold", ("on", "off"), "set.fold"),
)

OURS = frozenset({"path", "notices", "read"})
"""Fields of ``ClientConfig`` that are not in the file."""

Kept = dict[str, Any]
"""The JSON object in the file."""


@dataclass
class ClientConfig:
    """The choices, and the file they are kept in. ``read`` is how the file was when this process last saw it:
    what differs from it was changed here.
    """

    path: Path
    notices: FileNotices = field(default_factory=FileNotices)
    read: Kept = field(default_factory=dict)
    lang: str = ""
    theme: str = "default"
    notify: str = "mentions"
    alert: str = "bell"
    typing: str = "on"
    compact: str = "off"
    fold: str = "on"
    server: str = ""
    username: str = ""
    ignored: list[str] = field(default_factory=list)
    attention: dict[str, str] = field(default_factory=dict)  # user@server/conversation -> as ``notify``
    keys: dict[str, str] = field(default_factory=dict)  # a key -> the action that it is bound to

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever kept."""
        return not os.path.exists(self.path)

    def save_config(self, *names: str) -> None:
        """Keep these choices; of a list or a table only what was changed here.

        A disk that does not take it costs the user nothing but the choice.
        """
        try:
            with files.locked(self.path):
                kept = _read(self.path, self.notices)
                for name in names:
                    kept[name] = _merged(kept.get(name), self.read.get(name), getattr(self, name))
                    self.read[name] = deepcopy(getattr(self, name))
                files.replace_text(self.path, _text(kept))
        except OSError as error:
            self.notices.tell("file_unsaved", self.path, reason=files.reason(error))


def load_config(path: Path, notices: FileNotices | None = None) -> ClientConfig:
    """The choices kept in a file; the defaults for what it does not hold."""
    config = ClientConfig(path, notices or FileNotices())
    for name, value in (files.read_text(path, _parse, config.notices) or {}).items():
        if name in _shapes():
            setattr(config, name, value)
            config.read[name] = deepcopy(value)
    for setting in SETTINGS:
        if getattr(config, setting.name) not in setting.choices:  # a newer client's; it stays in the file
            setattr(config, setting.name, setting.choices[0])
    return config


def _parse(text: str) -> Kept:
    """Raises ``ValueError`` for what no client of ours has written."""
    kept = json.loads(text)
    if not isinstance(kept, dict):
        raise ValueError("not a JSON object")
    wrong = [name for name, kind in _shapes().items() if name in kept and not _is(kept[name], kind)]
    if wrong:
        raise Damaged(f"wrong value of {', '.join(wrong)}", _text(_good(kept, wrong)))
    return kept


def _good(kept: Kept, wrong: list[str]) -> Kept:
    """Without what is wrong, be it a whole value or a part of a list or a table."""
    good = {name: value for name, value in kept.items() if name not in wrong}
    for name in wrong:
        match kept[name]:
            case list() as parts if _shapes()[name] is list:
                good[name] = [part for part in parts if isinstance(part, str)]
            case dict() as parts if _shapes()[name] is dict:
                good[name] = {key: part for key, part in parts.items() if isinstance(part, str)}
    return good


def _shapes() -> dict[str, type]:
    """The fields that are in the file, and what they are."""
    default = ClientConfig(Path())
    return {
        one.name: type(getattr(default, one.name)) for one in fields(ClientConfig) if one.name not in OURS
    }


def _is(value: object, kind: type) -> bool:
    """Whether a value is a text, a list of texts or a table of texts, as this kind asks."""
    if type(value) is not kind:
        return False
    parts = value.values() if isinstance(value, dict) else value
    return isinstance(parts, Iterable) and all(isinstance(part, str) for part in parts)


def _merged(theirs: Any, before: Any, ours: Any) -> Any:
    """``theirs``, as the file has it, with what was changed here since ``before``."""
    if isinstance(ours, list):
        gone = set(before or ()) - set(ours)
        new = set(ours) - set(before or ())
        return sorted((set(theirs or ()) - gone) | new)
    if isinstance(ours, dict):
        before = before or {}
        kept = {key: value for key, value in (theirs or {}).items() if key in ours or key not in before}
        return kept | {key: value for key, value in ours.items() if before.get(key) != value}
    return ours


def _read(path: Path, notices: FileNotices) -> Kept:
    """The file as it stands now, while its lock is held."""
    return files.read_locked(path, _parse, notices) or {}


def _text(kept: Kept) -> str:
    return json.dumps(kept, ensure_ascii=False, indent=1) + "\n"
