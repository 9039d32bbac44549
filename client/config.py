"""What the user has chosen, kept by the client itself: no file need ever be edited.

``SETTINGS`` is the table behind ``/set``. What else is kept (the last server and account, whom I ignore, what
calls me where, which keys do what) follows from what the user does.
"""

import contextlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from client import files


@dataclass(frozen=True)
class Setting:
    """One choice. ``help`` names its words in the catalogue; the first of ``choices`` is the default."""

    name: str
    choices: tuple[str, ...]
    help: str


SETTINGS = (
    Setting("lang", ("", "zh", "en"), "set.lang"),  # "" follows the locale
    Setting("theme", ("default", "light", "dark"), "set.theme"),
    Setting("notify", ("mentions", "all", "none"), "set.notify"),
    Setting("alert", ("bell", "osc9", "osc777", "off"), "set.alert"),
    Setting("typing", ("on", "off"), "set.typing"),
    Setting("compact", ("off", "on"), "set.compact"),
    Setting("fold", ("on", "off"), "set.fold"),
)


@dataclass
class Config:
    """The choices, and the file they are kept in."""

    path: Path
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

    def save(self) -> None:
        """Keep it. A disk that does not take it costs the user nothing but the choice."""
        kept = asdict(self)
        del kept["path"]
        with contextlib.suppress(OSError):
            files.replace(self.path, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


def load(path: Path) -> Config:
    """The choices kept in a file; the defaults for what it does not hold, or holds in no shape of ours."""
    config = Config(path)
    try:
        kept = json.loads(files.read(path) or "{}")
    except ValueError:
        return config
    if not isinstance(kept, dict):
        return config
    for entry in fields(Config):
        value = kept.get(entry.name)
        if entry.name != "path" and type(value) is type(getattr(config, entry.name)):
            setattr(config, entry.name, value)
    config.ignored = [name for name in config.ignored if isinstance(name, str)]
    config.attention, config.keys = _texts(config.attention), _texts(config.keys)
    for setting in SETTINGS:
        if getattr(config, setting.name) not in setting.choices:
            setattr(config, setting.name, setting.choices[0])
    return config


def _texts(kept: dict[str, str]) -> dict[str, str]:
    """What of a kept table is text."""
    return {key: value for key, value in kept.items() if isinstance(value, str)}
