"""The files of themes: colours and attributes by style, in TOML.

Themes are shipped in ``client/themes``; a file of the same name in the user's folder comes first. Files are
checked when they are read, so an error is told with the name of the style.
"""

import re
import tomllib
from os.path import isdir, isfile
from pathlib import Path
from typing import Any, NamedTuple

SHIPPED_THEMES = ("default", "dark", "light", "contrast", "weechat")

MAX_FILE_BYTES = 64 * 1024
"""A larger file is not a theme."""

_SHIPPED_FOLDER = Path(__file__).parents[1] / "themes"

STYLE_ATTRIBUTES = {
    "time": "dim",
    "colon": "dim",
    "border": "dim",
    "hint": "dim",
    "offline": "dim",
    "notice": "dim",
    "pending": "dim italic",
    "topic": "reverse",
    "status": "reverse",
    "status.warning": "reverse bold",
    "heading": "bold",
    "current": "reverse",
    "unread": "underline",
    "mentioned": "bold underline",
    "mention": "bold underline",
    "link": "underline",
    "me": "bold",
    "new": "bold",
    "day": "",
    "note": "",
    "online": "",
    "action": "",
    "reaction": "",
    "error": "reverse",
    "refused": "reverse",
    "banner": "bold",
    "banner.error": "bold reverse",
    "question": "bold reverse",
    "chosen": "reverse",
    "key": "bold",
    "field": "underline",
    "text": "",
    "strong": "bold",
    "emphasis": "italic",
    "code": "",
    "quote": "italic",
    "match": "reverse",
    "syntax.keyword": "bold",
    "syntax.string": "",
    "syntax.number": "",
    "syntax.name": "bold",
    "syntax.comment": "italic",
    "hint.letter": "bold reverse",
    "prompt": "",
    "incsearch": "noinherit reverse",
    "incsearch.current": "noinherit reverse",
    "selected": "reverse",
    "completion-menu": "noinherit reverse",
    "completion-menu.completion": "noinherit reverse",
    "completion-menu.completion.current": "noinherit bold",
    "completion-menu.meta.completion": "noinherit reverse",
    "completion-menu.meta.completion.current": "noinherit",
    "scrollbar.background": "noinherit reverse",
    "scrollbar.button": "noinherit",
}
"""Attributes that mark a style without colour. A theme may contain these names and no others."""

_COLOURS = r"ansi(?:default|black|white|gray|brightblack|(?:bright)?(?:red|green|yellow|blue|magenta|cyan))"
_KNOWN_WORDS = re.compile(
    rf"(?:bg:|fg:)?(?:{_COLOURS}|#[0-9a-fA-F]{{6}}|default)"
    r"|(?:no)?(?:bold|dim|italic|underline|reverse)|noinherit"
)
"""The words of prompt_toolkit that a style may consist of."""


class ThemeError(ValueError):
    """A theme cannot be used; the message is the reason."""


class ThemeFile(NamedTuple):
    """What a file contains."""

    styles: dict[str, str]
    nicknames: list[str]


class ThemeFiles:
    """The files of the shipped themes, and those in the user's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names of all themes, the shipped ones first."""
        own = sorted(path.stem for path in self._folder.glob("*.toml")) if isdir(self._folder) else []
        return list(dict.fromkeys((*SHIPPED_THEMES, *filter(is_theme_name, own))))

    def has_own(self, name: str) -> bool:
        return isfile(self._own_path(name))  # False if the folder may not be read

    def path(self, name: str) -> Path:
        """Return the user's file of this theme, or else the shipped one."""
        is_shipped = name in SHIPPED_THEMES and not self.has_own(name)
        return _SHIPPED_FOLDER / f"{name}.toml" if is_shipped else self._own_path(name)

    def make_own(self, name: str) -> Path:
        """Return the user's file of this theme, a copy of the shipped one. Raises ``OSError``."""
        source, own = self.path(name), self._own_path(name)
        if source != own:
            self._folder.mkdir(parents=True, exist_ok=True)
            own.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        return own

    def modified_at(self, name: str) -> float:
        """Return when the file was last written; 0 if there is none."""
        try:
            return self.path(name).stat().st_mtime
        except OSError:
            return 0.0

    def read(self, name: str) -> ThemeFile:
        """Read and check a theme. Raises ``ThemeError``."""
        return read_theme(self.path(name))

    def _own_path(self, name: str) -> Path:
        return self._folder / f"{name}.toml"


def is_theme_name(name: str) -> bool:
    return re.fullmatch(r"[a-z0-9_-]{1,32}", name) is not None


def read_theme(path: Path) -> ThemeFile:
    """Read and check a file. Raises ``ThemeError``."""
    try:
        data = path.read_bytes()
        content: dict[str, Any] = tomllib.loads(data[: MAX_FILE_BYTES + 1].decode())
    except OSError as error:
        raise ThemeError(error.strerror or "cannot be read") from None
    except (ValueError, RecursionError) as error:
        raise ThemeError(str(error)) from None
    styles, nicknames = content.get("styles", {}), content.get("nicknames", [])
    if len(data) > MAX_FILE_BYTES:
        raise ThemeError("the file is too large")
    if not isinstance(styles, dict) or not isinstance(nicknames, list):
        raise ThemeError("styles must be a table, nicknames a list")
    for name, value in [*_flat_styles(styles), *(("nicknames", value) for value in nicknames)]:
        _check_style(name, value)
    return ThemeFile(dict(_flat_styles(styles)), nicknames)


def _flat_styles(styles: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the entries of a table; ``banner.error = …`` without quotes is a table within it."""
    entries: list[tuple[str, Any]] = []
    for name, value in styles.items():
        entries += (
            _flat_styles(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
        )
    return entries


def _check_style(name: str, value: object) -> None:
    if name not in STYLE_ATTRIBUTES and name != "nicknames":
        raise ThemeError(f"unknown style {name}")
    if not isinstance(value, str):
        raise ThemeError(f"{name}: not a string")
    for word in value.split():
        if not _KNOWN_WORDS.fullmatch(word):
            raise ThemeError(f"{name}: unknown word {word}")
