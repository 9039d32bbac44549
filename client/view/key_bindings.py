"""Which keys lead to which action: those of the chat, and of what stands in for its input."""

from collections.abc import Callable
from functools import lru_cache, partial

from chatroom.client.text.keys import apply_bindings
from chatroom.client.view.input.composer import one_line
from chatroom.client.view.key_actions import KeyActions
from chatroom.client.view.screen_state import ScreenState
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition, FilterOrBool, is_searching
from prompt_toolkit.key_binding import (
    ConditionalKeyBindings,
    DynamicKeyBindings,
    KeyBindings,
    KeyBindingsBase,
    merge_key_bindings,
)
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.search import SearchDirection

Table = dict[tuple[str, ...], Callable[[], object]]
"""Keys that do the same, and what they do."""


@Condition
def _is_lone_escape() -> bool:
    """An ESC byte that nothing came with is the key Esc, and need not wait for what may follow."""
    return not get_app().key_processor.input_queue


def all_bindings(desk: ScreenState) -> KeyBindingsBase:
    """The keys of the chat, of what stands in for its input, and of the form, while each has the keyboard."""
    in_secret = Condition(lambda: desk.logged_in and desk.secret.is_open)
    in_switcher = Condition(lambda: desk.logged_in and desk.switcher.opened) & ~in_secret
    in_chat = Condition(lambda: desk.logged_in) & ~in_secret & ~in_switcher & ~is_searching
    in_search = Condition(lambda: desk.logged_in) & is_searching
    in_form = Condition(lambda: not desk.logged_in)
    return merge_key_bindings(
        [
            _no_quoted_insert(),
            ConditionalKeyBindings(_search_starts(desk), in_chat),
            ConditionalKeyBindings(_chat_bindings(desk), in_chat),
            ConditionalKeyBindings(_one_line_paste(), ~in_chat),
            ConditionalKeyBindings(_bind_table(_switcher_keys(desk)), in_switcher),
            ConditionalKeyBindings(_bind_table(_secret_keys(desk)), in_secret),
            ConditionalKeyBindings(_bind_table(_search_keys(desk)), in_search),
            ConditionalKeyBindings(_bind_table(_form_keys(desk)), in_form),
        ]
    )


def _chat_bindings(desk: ScreenState) -> KeyBindingsBase:
    """The table of keys as the user has changed it; made anew whenever that is another."""
    actions = KeyActions(desk)

    @lru_cache(maxsize=1)
    def bound(changes: frozenset[tuple[str, str]]) -> KeyBindings:
        return _bind_actions(actions, dict(changes))

    return DynamicKeyBindings(lambda: bound(frozenset(desk.app.config.keys.items())))


def _bind_actions(actions: KeyActions, changes: dict[str, str]) -> KeyBindings:
    found = _unaccepting()
    for row in apply_bindings(changes):
        for keys in row.keys:
            found.add(*keys.split(), eager=_is_eager(keys))(getattr(actions, row.action))
    found.add(Keys.BracketedPaste)(actions.paste)
    return found


def _is_eager(keys: str) -> FilterOrBool:
    """Whether a key acts at once: what else might begin with it is not waited for."""
    return _is_lone_escape if keys == "escape" else False


def _switcher_keys(desk: ScreenState) -> Table:
    def close(name: str | None = None) -> None:
        desk.switcher.close_switcher()
        get_app().layout.focus(desk.composer.control)
        if name is not None:
            desk.show_conversation(name)

    return {
        ("enter",): lambda: close(desk.switcher.chosen_name),
        ("escape", "c-g", "c-c"): close,
        ("down", "c-n", "tab"): lambda: desk.switcher.move_choice(1),
        ("up", "c-p", "s-tab"): lambda: desk.switcher.move_choice(-1),
    }


def _search_keys(desk: ScreenState) -> Table:
    """The rest is prompt_toolkit's, which would leave another line in the input than the one shown."""
    return {("escape", "c-g", "c-c"): desk.composer.abort_search}


def _search_starts(desk: ScreenState) -> KeyBindings:
    """Keys that ``/bind`` may take for something else, so they come first."""
    search = desk.composer.start_search
    return _bind_table(
        {
            ("c-r",): partial(search, SearchDirection.BACKWARD),
            ("c-s",): partial(search, SearchDirection.FORWARD),
        }
    )


def _one_line_paste() -> KeyBindings:
    found = KeyBindings()

    @found.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(one_line(event.data))

    return found


def _no_quoted_insert() -> KeyBindings:
    """Ctrl-Q does nothing: users press it after Ctrl-S, and the next key would be inserted as a byte."""
    return _bind_table({("c-q",): lambda: None})


def _secret_keys(desk: ScreenState) -> Table:
    return {("enter",): desk.secret.accept_answer, ("escape", "c-c"): desk.secret.close_prompt}


def _form_keys(desk: ScreenState) -> Table:
    return {
        ("enter",): desk.form.submit_or_advance,
        ("tab", "down"): lambda: desk.form.focus_step(1),
        ("s-tab", "up"): lambda: desk.form.focus_step(-1),
        ("f2",): desk.form.toggle_mode,
        ("escape",): desk.form.back_to_login,
        ("c-c", "c-d"): desk.app.quit,
        ("c-l",): lambda: get_app().renderer.clear(),
    }


def _unaccepting() -> KeyBindings:
    """Keys of readline that accept a line, which prompt_toolkit would empty: here they do nothing."""
    found = KeyBindings()
    for keys in (("c-o",), ("escape", "#")):
        found.add(*keys)(lambda event: None)
    return found


def _bind_table(table: Table) -> KeyBindings:
    found = _unaccepting()
    for keys, act in table.items():
        for key in keys:
            found.add(key, eager=_is_eager(key))(lambda event, act=act: act())
    return found
