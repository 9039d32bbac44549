"""What the commands do by which the user chooses how things are to be: settings, keys, what is worth a call.

The counterpart is ``config``, which keeps the choices; the other commands' work is in ``verbs``.
"""

from chatroom.client.commands.conversations import UsageError, named_or_current
from chatroom.client.core.conversations import Chat
from chatroom.client.storage.config import SETTINGS, UserSetting
from chatroom.client.text import i18n, keys
from chatroom.client.text.i18n import TranslatedFact

MUTED = "none"

DEFAULT = "default"
"""Typed in the place of a choice: what holds where nothing was chosen."""


async def set_language(chat: Chat, language: str = "") -> None:
    if language:
        _apply_choice(chat, "lang", language)
        chat.note("language")
    else:
        _show_setting(chat, _find_setting("lang"))


async def set_theme(chat: Chat, name: str = "") -> None:
    if name:
        _apply_choice(chat, "theme", name)
    _show_setting(chat, _find_setting("theme"))


async def set_option(chat: Chat, name: str = "", value: str | None = None) -> None:
    if value is not None:
        _apply_choice(chat, name, value)
    for setting in [_find_setting(name)] if name else SETTINGS:
        _show_setting(chat, setting)


def _find_setting(name: str) -> UserSetting:
    for setting in SETTINGS:
        if setting.name == name:
            return setting
    raise UsageError("no_setting", name=name, names=" ".join(setting.name for setting in SETTINGS))


def _apply_choice(chat: Chat, name: str, value: str) -> None:
    """Keep a choice, and let it take effect at once."""
    setting = _find_setting(name)
    _check_choice(name, value, setting.choices)
    setattr(chat.config, name, value)
    chat.config.save_config(name)
    if name == "lang":
        i18n.use_language(value or i18n.locale_language())
    chat.on_change()


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError("no_choice", name=name, value=value, choices=" ".join(filter(None, choices)))


def _show_setting(chat: Chat, setting: UserSetting) -> None:
    value = getattr(chat.config, setting.name) or TranslatedFact("state.unset")
    choices = " ".join(filter(None, setting.choices))
    chat.note(
        "setting_line", name=setting.name, value=value, choices=choices, help=TranslatedFact(setting.help)
    )


# What is worth a call


async def set_notify(chat: Chat, choice: str = "") -> None:
    one = named_or_current(chat)
    if choice:
        choices = _find_setting("notify").choices
        _check_choice("notify", choice, (*choices, DEFAULT))
        chat.attend(one.name, "" if choice == DEFAULT else choice)
    _show_notify(chat, one.name)


async def toggle_mute(chat: Chat, name: str = "") -> None:
    """No call for anything there; once more, as it was."""
    one = named_or_current(chat, name)
    chat.attend(one.name, "" if chat.state.attention.get(one.name) == MUTED else MUTED)
    _show_notify(chat, one.name)


def _show_notify(chat: Chat, name: str) -> None:
    choice = chat.state.attention.get(name, chat.config.notify)
    if choice == "mentions" and name.startswith("@"):
        choice = "all"  # whatever is said in private is meant for me
    chat.note(f"attention.{choice}", name=name)


# Keys


async def bind_key(chat: Chat, key: str = "", action: str = "") -> None:
    """Bind a key; or show what one does, or which were bound."""
    if action:
        _bind_action(chat, key, action)
    found = keys.apply_bindings(chat.config.keys)
    if key:
        _show_binding(chat, _parse_key(key), found)
    elif not chat.config.keys:
        chat.note("no_keys_bound")
    for changed in () if key else chat.config.keys:
        _show_binding(chat, changed, found)


async def unbind_key(chat: Chat, key: str) -> None:
    """The key is to do nothing of ours."""
    _save_binding(chat, _parse_key(key), keys.NO_ACTION)
    chat.note("key_unbound", name=keys.spell_keys(_parse_key(key)))


def _bind_action(chat: Chat, key: str, action: str) -> None:
    action = action.replace("-", "_").lower()
    _check_choice("action", action, (*keys.BINDABLE, DEFAULT))
    _save_binding(chat, _parse_key(key), None if action == DEFAULT else action)


def _parse_key(name: str) -> str:
    key = keys.parse_key(name)
    if key is None or not keys.is_free(key):
        raise UsageError("no_key", name=name)
    return key


def _save_binding(chat: Chat, key: str, action: str | None) -> None:
    if action is None:
        chat.config.keys.pop(key, None)
    else:
        chat.config.keys[key] = action
    chat.config.save_config("keys")
    chat.on_change()


def _show_binding(chat: Chat, key: str, found: list[keys.KeyBinding]) -> None:
    for row in found:
        if key in row.keys:
            chat.note(
                "key_bound", name=keys.spell_keys(key), action=row.action, help=TranslatedFact(row.help)
            )
            return
    chat.note("key_unbound", name=keys.spell_keys(key))
