"""The keys and what they do, as a table. The bindings, F1, ``/keys`` and the manual are made from it.

The counterpart is ``view.actions``, which has a method for every action. What the user has changed with
``/bind`` is laid over the table (``apply_bindings``). A row without keys is told to people but needs no
binding of
ours: the input line does it by itself.
"""

from collections.abc import Mapping
from typing import NamedTuple


class KeyBinding(NamedTuple):
    """``keys`` are prompt_toolkit's names, those of a sequence separated by a blank; ``label`` is what people
    read where that is not simply the keys' own names.
    """

    keys: tuple[str, ...]
    action: str
    label: str = ""

    @property
    def name(self) -> str:
        """What people read."""
        return self.label or ", ".join(map(spell_keys, self.keys))

    @property
    def help(self) -> str:
        """The catalogue's key of what it does."""
        return f"key.{self.action}"


KEYS = (
    KeyBinding(("enter",), "send"),
    KeyBinding(("escape enter", "c-j"), "newline"),
    KeyBinding(("tab",), "complete"),
    KeyBinding(("s-tab",), "complete_backwards"),
    KeyBinding((), "history", "↑ ↓"),
    KeyBinding((), "search", "Ctrl-R"),
    KeyBinding((), "readline", "Ctrl-A E K U W Y"),
    KeyBinding(("c-x c-e",), "edit"),
    KeyBinding(("pageup",), "page_up"),
    KeyBinding(("pagedown",), "page_down"),
    KeyBinding(("escape home",), "top"),
    KeyBinding(("escape end",), "bottom"),
    KeyBinding(("escape o",), "unfold"),
    KeyBinding(("escape up",), "select_above"),
    KeyBinding(("escape down",), "select_below"),
    KeyBinding(("escape r",), "reply"),
    KeyBinding(("escape e",), "revise"),
    KeyBinding(("escape +",), "react"),
    KeyBinding(("escape delete",), "delete"),
    KeyBinding(("escape u",), "first_unread"),
    KeyBinding(("escape n",), "next_mention"),
    KeyBinding(("escape p",), "previous_mention"),
    KeyBinding(("c-n", "escape right", "f6"), "next_conversation"),
    KeyBinding(("c-p", "escape left", "f5"), "previous_conversation"),
    KeyBinding(tuple(f"escape {digit}" for digit in range(1, 10)), "numbered_conversation", "Alt-1…9"),
    KeyBinding(("escape 0",), "home"),
    KeyBinding(("escape a",), "next_active"),
    KeyBinding(("c-g",), "switcher"),
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
)

FIXED = frozenset({"enter", "escape", "c-c"})
"""Keys that nobody can take away from themselves: without them there is no way back."""

BINDABLE = tuple(row.action for row in KEYS if row.keys and not row.label)
"""Actions that any key can do: all but those that depend on which key it was."""

NOTHING = ""
"""The action of a key that is to do nothing of ours."""


def apply_bindings(changes: Mapping[str, str]) -> list[KeyBinding]:
    """The table as the user has changed it: ``changes`` has an action for each key that was bound anew."""
    changes = {keys: action for keys, action in changes.items() if is_free(keys)}
    return [_bound_row(row, changes) for row in KEYS]


def key_of(action: str, changes: Mapping[str, str]) -> str:
    """What people call the key that does this now, the first of several; empty where none does."""
    row = next(row for row in KEYS if row.action == action)
    return next(map(spell_keys, _bound_row(row, changes).keys), "")


def is_free(keys: str) -> bool:
    """Whether it can be bound."""
    return keys not in FIXED and parse_key(spell_keys(keys)) == keys


def _bound_row(row: KeyBinding, changes: Mapping[str, str]) -> KeyBinding:
    kept = [keys for keys in row.keys if keys not in changes]
    more = [keys for keys, action in changes.items() if action == row.action in BINDABLE]
    changed = len(kept) < len(row.keys)
    return row._replace(keys=(*kept, *more), label="" if changed else row.label)


# How keys are called

_SPELLED = {
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
"""Keys that have a name."""

_READ = {name.lower(): key for key, name in _SPELLED.items()} | {key: key for key in _SPELLED}
"""Both ways to type one."""

_MOVING = frozenset(_SPELLED) - {"enter", "tab", "escape", "space"}
"""Those that a terminal tells apart with Ctrl or Shift."""

_TYPED_OTHERWISE = frozenset("him")
"""Ctrl with one of these is the byte of Backspace, Tab or Enter."""


def spell_keys(keys: str) -> str:
    """prompt_toolkit's name of a key or of a sequence -> people's: ``escape n`` is ``Alt-N``."""
    if keys.startswith("escape "):
        return f"Alt-{spell_keys(keys.removeprefix('escape '))}"
    return " ".join(map(_spell_key, keys.split()))


def _spell_key(key: str) -> str:
    for prefix, modifier in (("c-", "Ctrl-"), ("s-", "Shift-")):
        if key.startswith(prefix) and len(key) > len(prefix):
            return f"{modifier}{_spell_key(key.removeprefix(prefix))}"
    return _SPELLED.get(key, key.upper())


def parse_key(name: str) -> str | None:
    """What people call a key -> prompt_toolkit's name of it; ``None`` for what is no key that could be bound.

    A letter alone is to be written, not to be bound.
    """
    modifier, _, key = name.lower().partition("-")
    match modifier:
        case "alt" if rest := _base_key(key) or parse_key(key):
            return f"escape {rest}"
        case "ctrl" if _goes_with_ctrl(key):
            return f"c-{_READ.get(key, key)}"
        case "shift" if _READ.get(key) in _MOVING | {"tab"}:
            return f"s-{_READ[key]}"
    key = _READ.get(name.lower(), name.lower())
    return key if key in _SPELLED.keys() - {"space"} or _is_function_key(key) else None


def _base_key(key: str) -> str | None:
    """A key that needs no modifier of its own behind Alt."""
    if key in _READ and key not in ("space", "escape", "esc"):
        return _READ[key]
    return key if len(key) == 1 and key.isascii() and key.isprintable() and key != " " else None


def _goes_with_ctrl(key: str) -> bool:
    letter = len(key) == 1 and "a" <= key <= "z" and key not in _TYPED_OTHERWISE
    return letter or _READ.get(key) in _MOVING


def _is_function_key(key: str) -> bool:
    return key.startswith("f") and key[1:].isdecimal() and key[1:].isascii() and 1 <= int(key[1:]) <= 24
