"""The table of keys and their actions. The key bindings, F1, ``/keys`` and the manual are made from it.

``view.key_actions`` has a method for every action. ``apply_bindings`` applies the user's changes (``/bind``)
to the table. A row without keys only appears in the help: prompt_toolkit's input line handles those keys.
"""

from collections.abc import Mapping
from typing import NamedTuple


class KeyBinding(NamedTuple):
    """A row of the table.

    ``keys`` are prompt_toolkit's names, those of a sequence separated by a blank. ``label`` is shown instead
    of the names of the keys, if it is not empty.
    """

    keys: tuple[str, ...]
    action: str
    label: str = ""

    @property
    def name(self) -> str:
        """The keys as they are shown to the user."""
        return self.label or ", ".join(map(spell_keys, self.keys))

    @property
    def help(self) -> str:
        """The message id of the action's description."""
        return f"key.{self.action}"


KEY_GROUPS = {
    "keys.writing": (
        KeyBinding(("enter",), "send"),
        KeyBinding(("escape enter", "c-j"), "newline"),
        KeyBinding(("tab",), "complete"),
        KeyBinding(("s-tab",), "complete_backwards"),
        KeyBinding((), "history", "↑ ↓"),
        KeyBinding((), "search", "Ctrl-R"),
        KeyBinding((), "readline", "Ctrl-A E K U W Y"),
        KeyBinding(("c-x c-e",), "edit"),
    ),
    "keys.history": (
        KeyBinding(("pageup",), "page_up"),
        KeyBinding(("pagedown",), "page_down"),
        KeyBinding(("escape home",), "top"),
        KeyBinding(("escape end",), "bottom"),
        KeyBinding(("escape o",), "unfold"),
        KeyBinding(("escape u",), "first_unread"),
        KeyBinding(("escape n",), "next_mention"),
        KeyBinding(("escape p",), "previous_mention"),
        KeyBinding(("escape j",), "original"),
        KeyBinding(("escape g",), "open_link"),
    ),
    "keys.message": (
        KeyBinding(("escape up",), "select_above"),
        KeyBinding(("escape down",), "select_below"),
        KeyBinding(("escape r",), "reply"),
        KeyBinding(("escape e",), "revise"),
        KeyBinding(("escape +",), "react"),
        KeyBinding(("escape delete",), "delete"),
    ),
    "keys.conversations": (
        KeyBinding(("c-n", "escape right", "f6"), "next_conversation"),
        KeyBinding(("c-p", "escape left", "f5"), "previous_conversation"),
        KeyBinding(tuple(f"escape {digit}" for digit in range(1, 10)), "numbered_conversation", "Alt-1…9"),
        KeyBinding(("escape 0",), "home"),
        KeyBinding(("escape a",), "next_active"),
        KeyBinding(("c-g",), "switcher"),
    ),
    "keys.screen": (
        KeyBinding(("f1",), "help"),
        KeyBinding(("f7",), "fold_conversations"),
        KeyBinding(("f8",), "fold_members"),
        KeyBinding(("f11", "escape pageup"), "members_up"),
        KeyBinding(("f12", "escape pagedown"), "members_down"),
        KeyBinding(("escape l",), "bare"),
        KeyBinding(("c-l",), "redraw"),
        KeyBinding(("c-z",), "suspend"),
        KeyBinding(("escape",), "dismiss"),
        KeyBinding(("c-c",), "clear_or_quit"),
    ),
}
"""The keys by group, in the order of the help. The name of a group is its heading in the catalogue."""

KEYS = tuple(row for group in KEY_GROUPS.values() for row in group)

FIXED_KEYS = frozenset({"enter", "escape", "c-c"})
"""Keys that cannot be bound: without them the user could not undo a binding."""

BINDABLE = tuple(row.action for row in KEYS if row.keys and not row.label)
"""Actions that any key can be bound to: all except those that depend on the key itself."""

NO_ACTION = ""
"""The action of a key that is unbound."""


def apply_bindings(changes: Mapping[str, str]) -> list[KeyBinding]:
    """Return the table with the user's changes. ``changes`` maps each key that was bound to its action."""
    changes = {keys: action for keys, action in changes.items() if is_free(keys)}
    return [_bound_row(row, changes) for row in KEYS]


def key_of(action: str, changes: Mapping[str, str]) -> str:
    """Return the display name of the first key with this action; empty if there is none."""
    row = next(row for row in KEYS if row.action == action)
    return next(map(spell_keys, _bound_row(row, changes).keys), "")


def is_free(keys: str) -> bool:
    """Whether these keys can be bound."""
    return keys not in FIXED_KEYS and parse_key(spell_keys(keys)) == keys


def _bound_row(row: KeyBinding, changes: Mapping[str, str]) -> KeyBinding:
    unchanged = [keys for keys in row.keys if keys not in changes]
    added = [keys for keys, action in changes.items() if action == row.action in BINDABLE]
    is_changed = len(unchanged) < len(row.keys)
    return row._replace(keys=(*unchanged, *added), label="" if is_changed else row.label)


# Names of keys

_DISPLAY_NAMES = {
    "enter": "Enter",
    "tab": "Tab",
    "escape": "Esc",
    "space": "Space",
    "insert": "Ins",
    "delete": "Del",
    "home": "Home",
    "end": "End",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}
"""prompt_toolkit's names and the display names of keys."""

_KEYS_BY_NAME = {name.lower(): key for key, name in _DISPLAY_NAMES.items()} | {
    key: key for key in _DISPLAY_NAMES
}
"""Both spellings, lower case, and prompt_toolkit's name."""

_NAVIGATION_KEYS = frozenset(_DISPLAY_NAMES) - {"enter", "tab", "escape", "space"}
"""Keys that a terminal distinguishes with Ctrl or Shift."""

_RESERVED_LETTERS = frozenset("him")
"""Ctrl with one of these letters sends the byte of Backspace, Tab or Enter."""


def spell_keys(keys: str) -> str:
    """Convert prompt_toolkit's name of a key or a sequence to its display name: ``escape n`` is ``Alt-N``."""
    if keys.startswith("escape "):
        return f"Alt-{spell_keys(keys.removeprefix('escape '))}"
    return " ".join(map(_spell_key, keys.split()))


def _spell_key(key: str) -> str:
    for prefix, modifier in (("c-", "Ctrl-"), ("s-", "Shift-")):
        if key.startswith(prefix) and len(key) > len(prefix):
            return f"{modifier}{_spell_key(key.removeprefix(prefix))}"
    return _DISPLAY_NAMES.get(key, key.upper())


def parse_key(name: str) -> str | None:
    """Convert a display name to prompt_toolkit's name; ``None`` for a key that cannot be bound.

    A letter without a modifier cannot be bound, because it is typed into messages.
    """
    modifier, _, key = name.lower().partition("-")
    match modifier:
        case "alt" if rest := _base_key(key) or parse_key(key):
            return f"escape {rest}"
        case "ctrl" if _goes_with_ctrl(key):
            return f"c-{_KEYS_BY_NAME.get(key, key)}"
        case "shift" if _KEYS_BY_NAME.get(key) in _NAVIGATION_KEYS | {"tab"}:
            return f"s-{_KEYS_BY_NAME[key]}"
    key = _KEYS_BY_NAME.get(name.lower(), name.lower())
    return key if key in _DISPLAY_NAMES.keys() - {"space"} or _is_function_key(key) else None


def _base_key(key: str) -> str | None:
    """Return the key for Alt with a key that has no other modifier; ``None`` for any other key."""
    if key in _KEYS_BY_NAME and key not in ("space", "escape", "esc"):
        return _KEYS_BY_NAME[key]
    return key if len(key) == 1 and key.isascii() and key.isprintable() and key != " " else None


def _goes_with_ctrl(key: str) -> bool:
    letter = len(key) == 1 and "a" <= key <= "z" and key not in _RESERVED_LETTERS
    return letter or _KEYS_BY_NAME.get(key) in _NAVIGATION_KEYS


def _is_function_key(key: str) -> bool:
    return key.startswith("f") and key[1:].isdecimal() and key[1:].isascii() and 1 <= int(key[1:]) <= 24
