"""The keys and what they do, as a table. The bindings, F1, ``/keys`` and the manual are made from it.

The counterpart is ``view.actions``, which has a method for every action. A row without an action is told
to people but needs no binding of ours: the input line does it by itself.
"""

from typing import NamedTuple


class Key(NamedTuple):
    """``keys`` are prompt_toolkit's names, those of a sequence separated by a blank; ``name`` is what people
    read.
    """

    keys: tuple[str, ...]
    name: str
    action: str
    editing: str = ""

    @property
    def help(self) -> str:
        """The catalogue's key of what it does."""
        return f"key.{self.action or self.editing}"


KEYS = (
    Key(("enter",), "Enter", "send"),
    Key(("escape enter", "c-j"), "Alt-Enter, Ctrl-J", "newline"),
    Key(("tab",), "Tab", "complete"),
    Key(("s-tab",), "Shift-Tab", "complete_backwards"),
    Key((), "↑ ↓", "", editing="history"),
    Key((), "Ctrl-R", "", editing="search"),
    Key((), "Ctrl-A E K U W Y", "", editing="readline"),
    Key(("c-x c-e",), "Ctrl-X Ctrl-E", "edit"),
    Key(("pageup",), "PgUp", "page_up"),
    Key(("pagedown",), "PgDn", "page_down"),
    Key(("escape home",), "Alt-Home", "top"),
    Key(("escape end",), "Alt-End", "bottom"),
    Key(("escape u",), "Alt-U", "first_unread"),
    Key(("escape n",), "Alt-N", "next_mention"),
    Key(("escape p",), "Alt-P", "previous_mention"),
    Key(("c-n", "escape right", "f6"), "Ctrl-N, Alt-→, F6", "next_conversation"),
    Key(("c-p", "escape left", "f5"), "Ctrl-P, Alt-←, F5", "previous_conversation"),
    Key(tuple(f"escape {digit}" for digit in range(1, 10)), "Alt-1…9", "numbered_conversation"),
    Key(("escape 0",), "Alt-0", "home"),
    Key(("escape a",), "Alt-A", "next_active"),
    Key(("c-g",), "Ctrl-G", "switcher"),
    Key(("f1",), "F1", "help"),
    Key(("f7",), "F7", "fold_conversations"),
    Key(("f8",), "F8", "fold_members"),
    Key(("escape l",), "Alt-L", "bare"),
    Key(("c-l",), "Ctrl-L", "redraw"),
    Key(("c-z",), "Ctrl-Z", "suspend"),
    Key(("escape",), "Esc", "dismiss"),
    Key(("c-c",), "Ctrl-C", "clear_or_quit"),
)
