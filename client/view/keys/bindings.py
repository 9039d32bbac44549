"""The key bindings of the chat, the login form, and the prompts that replace the input."""

from collections.abc import Callable
from functools import lru_cache, partial

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition, FilterOrBool, is_searching, vi_insert_mode
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

from chatroom.client.app import App, Refused
from chatroom.client.commands.conversations import UsageError
from chatroom.client.commands.links import copy_target, open_target
from chatroom.client.text.keys import apply_bindings
from chatroom.client.view.input.composer import one_line
from chatroom.client.view.keys.action_table import KeyHandler, action_handlers
from chatroom.client.view.screen_state import ScreenState

KeyTable = dict[tuple[str, ...], Callable[[], object]]
"""Alternative keys, and what they do."""


@Condition
def _is_lone_escape() -> bool:
    """An ESC byte that comes alone is the key Esc, and need not wait for the rest of a sequence."""
    return not get_app().key_processor.input_queue


def all_bindings(screen_state: ScreenState) -> KeyBindingsBase:
    """Return all bindings; each set is active while its part of the screen has the focus."""
    in_prompt = Condition(lambda: screen_state.logged_in and screen_state.inline_prompt.is_open)
    in_switcher = Condition(lambda: screen_state.logged_in and screen_state.switcher.is_open) & ~in_prompt
    in_hints = Condition(lambda: bool(screen_state.link_hints)) & ~in_prompt & ~in_switcher
    in_chat = (
        Condition(lambda: screen_state.logged_in) & ~in_prompt & ~in_switcher & ~is_searching & ~in_hints
    )
    in_search = Condition(lambda: screen_state.logged_in) & is_searching
    in_form = Condition(lambda: not screen_state.logged_in)
    return merge_key_bindings(
        [
            _no_quoted_insert(),
            ConditionalKeyBindings(_search_starts(screen_state), in_chat),
            ConditionalKeyBindings(_chat_bindings(screen_state), in_chat),
            ConditionalKeyBindings(_one_line_paste(), ~in_chat & ~in_hints),
            ConditionalKeyBindings(_hint_keys(screen_state), in_hints),
            ConditionalKeyBindings(_bind_table(_switcher_keys(screen_state)), in_switcher),
            ConditionalKeyBindings(_bind_table(_prompt_keys(screen_state)), in_prompt),
            ConditionalKeyBindings(_bind_table(_search_keys(screen_state)), in_search),
            ConditionalKeyBindings(_bind_table(_form_keys(screen_state)), in_form),
        ]
    )


def _chat_bindings(screen_state: ScreenState) -> KeyBindingsBase:
    """Return the bindings of the chat. They are rebuilt when the user binds a key."""
    handlers = action_handlers(screen_state)
    closes = _is_lone_escape & (vi_insert_mode | Condition(screen_state.can_dismiss))

    @lru_cache(maxsize=1)
    def bindings(changes: frozenset[tuple[str, str]]) -> KeyBindings:
        return _bind_actions(handlers, dict(changes), closes)

    return DynamicKeyBindings(lambda: bindings(frozenset(screen_state.app.config.keys.items())))


def _bind_actions(
    handlers: dict[str, KeyHandler], changes: dict[str, str], closes: FilterOrBool
) -> KeyBindings:
    """``closes`` tells whether Esc acts at once. Else the next key may follow, as with Alt."""
    bindings = _no_accept_line()
    for row in apply_bindings(changes):
        for keys in row.keys:
            eager = closes if keys == "escape" else _is_eager(keys)
            bindings.add(*keys.split(), eager=eager)(handlers[row.action])
    bindings.add(Keys.BracketedPaste)(handlers["paste"])
    bindings.add(Keys.ScrollUp)(handlers["wheel_up"])
    bindings.add(Keys.ScrollDown)(handlers["wheel_down"])
    return bindings


def _is_eager(keys: str) -> FilterOrBool:
    """Return whether a key acts at once, without waiting for a longer sequence."""
    return _is_lone_escape if keys == "escape" else False


def _switcher_keys(screen_state: ScreenState) -> KeyTable:
    def close(name: str | None = None) -> None:
        screen_state.switcher.close_switcher()
        get_app().layout.focus(screen_state.composer.control)
        if name is not None:
            screen_state.show_conversation(name)

    return {
        ("enter",): lambda: close(screen_state.switcher.chosen_name),
        ("escape", "c-g", "c-c"): close,
        ("down", "c-n", "tab"): lambda: screen_state.switcher.move_choice(1),
        ("up", "c-p", "s-tab"): lambda: screen_state.switcher.move_choice(-1),
    }


def _hint_keys(screen_state: ScreenState) -> KeyBindings:
    """A letter opens its link, the capital letter copies it; any other key closes the hints."""
    bindings = KeyBindings()

    @bindings.add(Keys.Any, eager=True)
    def _(event: KeyPressEvent) -> None:
        hints, screen_state.link_hints = screen_state.link_hints, {}
        letter = event.data
        target = next((target for target, hint in hints.items() if hint == letter.lower()), "")
        if target:
            use_link(screen_state.app, target, copies=letter.isupper())

    return bindings


def use_link(app: App, target: str, *, copies: bool) -> None:
    """Open a link or copy it, as the commands do."""
    try:
        if copies:
            copy_target(app.context, target)
        else:
            open_target(app.context, target)
    except UsageError as error:
        app.notes.show(error.key, error=True, **error.facts)
    except Refused as error:
        app.notes.show_error(error)


def _search_keys(screen_state: ScreenState) -> KeyTable:
    """Keys that end a search, as in readline: with the line that is shown, or with the one before it."""
    composer = screen_state.composer
    return {
        ("c-g", "c-c"): composer.abort_search,
        ("escape", "tab", "right", "end", "c-e", "enter"): composer.accept_search,
    }


def _search_starts(screen_state: ScreenState) -> KeyBindings:
    """Keys that start a search. They come first in the list, so that ``/bind`` can override them."""
    search = screen_state.composer.start_search
    return _bind_table(
        {
            ("c-r",): partial(search, SearchDirection.BACKWARD),
            ("c-s",): partial(search, SearchDirection.FORWARD),
        }
    )


def _one_line_paste() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(one_line(event.data))

    return bindings


def _no_quoted_insert() -> KeyBindings:
    """Ctrl-Q does nothing: users press it after Ctrl-S, and the next key would be inserted as a byte."""
    return _bind_table({("c-q",): lambda: None})


def _prompt_keys(screen_state: ScreenState) -> KeyTable:
    return {
        ("enter",): screen_state.inline_prompt.accept_answer,
        ("escape", "c-c"): screen_state.inline_prompt.close_prompt,
    }


def _form_keys(screen_state: ScreenState) -> KeyTable:
    return {
        ("enter",): screen_state.login_form.submit_or_advance,
        ("tab", "down"): lambda: screen_state.login_form.focus_step(1),
        ("s-tab", "up"): lambda: screen_state.login_form.focus_step(-1),
        ("f2",): screen_state.login_form.toggle_mode,
        ("f3",): screen_state.login_form.toggle_stay,
        ("escape",): screen_state.login_form.back_to_login,
        ("c-c", "c-d"): screen_state.app.quit,
        ("c-l",): lambda: get_app().renderer.clear(),
    }


def _no_accept_line() -> KeyBindings:
    """Disable readline keys that accept a line: prompt_toolkit would clear the input."""
    bindings = KeyBindings()
    for keys in (("c-o",), ("escape", "#")):
        bindings.add(*keys)(lambda event: None)
    return bindings


def _bind_table(table: KeyTable) -> KeyBindings:
    bindings = _no_accept_line()
    for keys, act in table.items():
        for key in keys:
            bindings.add(key, eager=_is_eager(key))(lambda event, act=act: act())
    return bindings
