"""The user's settings, in a file that only the client writes.

``SETTINGS`` is the table of ``/set``. The other values (the last server and account, ignored users,
notification levels, key bindings) are set by other commands.

Several clients of one user share the file. Each writes only the values that it has changed (``save_config``).
Unknown values, such as the settings of a newer client, stay in the file.
"""

import json
import os
import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from chatroom.client.storage import files
from chatroom.client.storage.files import DamagedFile, FileNotices
from chatroom.client.storage.theme_files import SHIPPED_THEMES, ThemeFiles


@dataclass(frozen=True)
class UserSetting:
    """A setting. ``help`` is the message id of its description; the first of ``choices`` is the default.

    ``pattern`` is a regular expression of other values that are allowed, ``form`` how the user sees them.
    """

    name: str
    choices: tuple[str, ...]
    help: str
    pattern: str = ""
    form: str = ""

    def accepts(self, value: str) -> bool:
        return value in self.choices or bool(self.pattern and re.fullmatch(self.pattern, value))

    @property
    def allowed(self) -> str:
        """The allowed values as they are shown to the user."""
        return " ".join(filter(None, (*self.choices, self.form)))


_HOURS = r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d"
_WORDS = r"[^\x00-\x1f\x7f]{1,200}"

SETTINGS = (
    UserSetting("lang", ("", "zh", "en"), "set.lang"),  # "" follows the locale
    UserSetting("theme", SHIPPED_THEMES, "set.theme"),
    UserSetting("notify", ("mentions", "all", "none"), "set.notify"),
    UserSetting("alert", ("bell", "osc9", "osc99", "osc777", "off"), "set.alert"),
    UserSetting("typing", ("on", "off"), "set.typing"),
    UserSetting("compact", ("off", "on"), "set.compact"),
    UserSetting("fold", ("on", "off"), "set.fold"),
    UserSetting("time", ("short", "seconds", "full", "none"), "set.time"),
    UserSetting("dnd", ("off", "on"), "set.dnd"),
    UserSetting("quiet_hours", ("off",), "set.quiet_hours", _HOURS, "22:00-08:00"),
    UserSetting("notify_words", ("off",), "set.notify_words", _WORDS, "WORD,WORD"),
    UserSetting("notify_command", ("off",), "set.notify_command", _WORDS, "PROGRAM"),
    UserSetting("markdown", ("on", "off"), "set.markdown"),
    UserSetting("ambiguous_width", ("auto", "narrow", "wide"), "set.ambiguous_width"),
    UserSetting("mouse", ("off", "on"), "set.mouse"),
    UserSetting("editing", ("emacs", "vi"), "set.editing"),
    UserSetting("title", ("on", "off"), "set.title"),
    UserSetting("links", ("auto", "on", "off"), "set.links"),
    UserSetting("open", ("on", "off"), "set.open"),
    UserSetting("clipboard", ("on", "off"), "set.clipboard"),
    UserSetting("stay_logged_in", ("off", "on"), "set.stay_logged_in"),
    UserSetting("sidebar_width", ("auto",), "set.sidebar_width", r"[1-9]\d", "10–99"),
    UserSetting("members_width", ("auto",), "set.members_width", r"[1-9]\d", "10–99"),
)

UNSAVED_FIELDS = frozenset({"path", "notices", "read"})
"""Fields of ``ClientConfig`` that are not in the file."""

ConfigObject = dict[str, Any]
"""The JSON object in the file."""


@dataclass
class ClientConfig:
    """The settings and the file that contains them.

    ``read`` has the values that were last read from or written to the file. A value that differs from it was
    changed by this process.
    """

    path: Path
    notices: FileNotices = field(default_factory=FileNotices)
    read: ConfigObject = field(default_factory=dict)
    lang: str = ""
    theme: str = "default"
    notify: str = "mentions"
    alert: str = "bell"
    typing: str = "on"
    compact: str = "off"
    fold: str = "on"
    time: str = "short"
    dnd: str = "off"
    quiet_hours: str = "off"
    notify_words: str = "off"
    notify_command: str = "off"
    markdown: str = "on"
    ambiguous_width: str = "auto"
    mouse: str = "off"
    editing: str = "emacs"
    title: str = "on"
    links: str = "auto"
    open: str = "on"
    clipboard: str = "on"
    stay_logged_in: str = "off"
    sidebar_width: str = "auto"
    members_width: str = "auto"
    server: str = ""
    username: str = ""
    ignored: list[str] = field(default_factory=list)
    attention: dict[str, str] = field(default_factory=dict)  # user@server/conversation -> as ``notify``
    words: dict[str, str] = field(default_factory=dict)  # user@server/conversation -> as ``notify_words``
    pins: dict[str, str] = field(default_factory=dict)  # user@server/conversation/seq -> message as JSON
    keys: dict[str, str] = field(default_factory=dict)  # key -> action that it is bound to

    @property
    def theme_files(self) -> ThemeFiles:
        """The shipped themes, and the user's own beside the configuration."""
        return ThemeFiles(self.path.parent / "themes")

    @property
    def is_new(self) -> bool:
        """Whether the file does not exist yet."""
        return not os.path.exists(self.path)

    def save_config(self, *names: str) -> None:
        """Write these values to the file; of a list or an object only the entries that were changed here.

        If the file cannot be written, the user is notified, and the values hold for this process.
        """
        try:
            with files.locked(self.path):
                values = _read_current(self.path, self.notices)
                for name in names:
                    values[name] = _merge_changes(values.get(name), self.read.get(name), getattr(self, name))
                    self.read[name] = deepcopy(getattr(self, name))
                files.replace_text(self.path, _to_json(values))
        except OSError as error:
            self.notices.tell("file_unsaved", self.path, reason=files.reason(error))


def load_config(path: Path, notices: FileNotices | None = None) -> ClientConfig:
    """Read the settings from a file. Missing values have their defaults."""
    config = ClientConfig(path, notices or FileNotices())
    for name, value in (files.read_text(path, _parse, config.notices) or {}).items():
        if name in _field_types():
            setattr(config, name, value)
            config.read[name] = deepcopy(value)
    for setting in SETTINGS:
        value = getattr(config, setting.name)
        is_own_theme = setting.name == "theme" and config.theme_files.has_own(value)
        if not (setting.accepts(value) or is_own_theme):  # of a newer client; it stays in the file
            setattr(config, setting.name, setting.choices[0])
    return config


def _parse(text: str) -> ConfigObject:
    """Parse the file. Raises ``ValueError`` if a value has the wrong type."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    wrong = [
        name for name, kind in _field_types().items() if name in values and not _has_type(values[name], kind)
    ]
    if wrong:
        raise DamagedFile(f"wrong value of {', '.join(wrong)}", _to_json(_without_wrong(values, wrong)))
    return values


def _without_wrong(values: ConfigObject, wrong: list[str]) -> ConfigObject:
    """Return the object without the wrong values, and without the wrong entries of a list or an object."""
    good = {name: value for name, value in values.items() if name not in wrong}
    for name in wrong:
        match values[name]:
            case list() as entries if _field_types()[name] is list:
                good[name] = [entry for entry in entries if isinstance(entry, str)]
            case dict() as entries if _field_types()[name] is dict:
                good[name] = {key: entry for key, entry in entries.items() if isinstance(entry, str)}
    return good


def _field_types() -> dict[str, type]:
    """Return the names and types of the fields that are in the file."""
    default = ClientConfig(Path())
    return {
        entry.name: type(getattr(default, entry.name))
        for entry in fields(ClientConfig)
        if entry.name not in UNSAVED_FIELDS
    }


def _has_type(value: object, kind: type) -> bool:
    """Whether a value has this type: a string, or a list or an object of strings."""
    if type(value) is not kind:
        return False
    entries = value.values() if isinstance(value, dict) else value
    return isinstance(entries, Iterable) and all(isinstance(entry, str) for entry in entries)


def _merge_changes(theirs: Any, before: Any, ours: Any) -> Any:
    """Apply the changes from ``before`` to ``ours`` to ``theirs``, the value in the file."""
    if isinstance(ours, list):
        removed = set(before or ()) - set(ours)
        added = set(ours) - set(before or ())
        return sorted((set(theirs or ()) - removed) | added)
    if isinstance(ours, dict):
        before = before or {}
        remaining = {key: value for key, value in (theirs or {}).items() if key in ours or key not in before}
        return remaining | {key: value for key, value in ours.items() if before.get(key) != value}
    return ours


def _read_current(path: Path, notices: FileNotices) -> ConfigObject:
    """Read the file again, while its lock is held."""
    return files.read_locked(path, _parse, notices) or {}


def _to_json(values: ConfigObject) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"
