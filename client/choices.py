"""What the commands do by which the user chooses how things are to be: settings, keys, what is worth a call.

The counterpart is ``config``, which keeps the choices; the other commands' work is in ``verbs``.
"""

from client import keys, words
from client.chat import Chat
from client.config import SETTINGS, Setting
from client.verbs import Wrong, meant
from client.words import Word

MUTED = "none"

DEFAULT = "default"
"""Typed in the place of a choice: what holds where nothing was chosen."""


async def speak(chat: Chat, language: str = "") -> None:
    if language:
        _choose(chat, "lang", language)
        chat.note("language")
    else:
        _show(chat, _setting("lang"))


async def theme(chat: Chat, name: str = "") -> None:
    if name:
        _choose(chat, "theme", name)
    _show(chat, _setting("theme"))


async def set_option(chat: Chat, name: str = "", value: str | None = None) -> None:
    if value is not None:
        _choose(chat, name, value)
    for setting in [_setting(name)] if name else SETTINGS:
        _show(chat, setting)


def _setting(name: str) -> Setting:
    for setting in SETTINGS:
        if setting.name == name:
            return setting
    raise Wrong("no_setting", name=name, names=" ".join(setting.name for setting in SETTINGS))


def _choose(chat: Chat, name: str, value: str) -> None:
    """Keep a choice, and let it take effect at once."""
    setting = _setting(name)
    _check(name, value, setting.choices)
    setattr(chat.config, name, value)
    chat.config.save(name)
    if name == "lang":
        words.use(value or words.of_locale())
    chat.on_change()


def _check(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise Wrong("no_choice", name=name, value=value, choices=" ".join(filter(None, choices)))


def _show(chat: Chat, setting: Setting) -> None:
    value = getattr(chat.config, setting.name) or Word("state.unset")
    choices = " ".join(filter(None, setting.choices))
    chat.note("setting_line", name=setting.name, value=value, choices=choices, help=Word(setting.help))


# What is worth a call


async def notify(chat: Chat, choice: str = "") -> None:
    one = meant(chat)
    if choice:
        choices = _setting("notify").choices
        _check("notify", choice, (*choices, DEFAULT))
        chat.attend(one.name, "" if choice == DEFAULT else choice)
    _tell_attention(chat, one.name)


async def mute(chat: Chat, name: str = "") -> None:
    """No call for anything there; once more, as it was."""
    one = meant(chat, name)
    chat.attend(one.name, "" if chat.state.attention.get(one.name) == MUTED else MUTED)
    _tell_attention(chat, one.name)


def _tell_attention(chat: Chat, name: str) -> None:
    choice = chat.state.attention.get(name, chat.config.notify)
    if choice == "mentions" and name.startswith("@"):
        choice = "all"  # whatever is said in private is meant for me
    chat.note(f"attention.{choice}", name=name)


# Keys


async def bind(chat: Chat, key: str = "", action: str = "") -> None:
    """Bind a key; or show what one does, or which were bound."""
    if action:
        _bind(chat, key, action)
    found = keys.held(chat.config.keys)
    if key:
        _show_key(chat, _key(key), found)
    elif not chat.config.keys:
        chat.note("no_keys_bound")
    for changed in () if key else chat.config.keys:
        _show_key(chat, changed, found)


async def unbind(chat: Chat, key: str) -> None:
    """The key is to do nothing of ours."""
    _keep_key(chat, _key(key), keys.NOTHING)
    chat.note("key_unbound", name=keys.spell(_key(key)))


def _bind(chat: Chat, key: str, action: str) -> None:
    action = action.replace("-", "_").lower()
    _check("action", action, (*keys.BINDABLE, DEFAULT))
    _keep_key(chat, _key(key), None if action == DEFAULT else action)


def _key(name: str) -> str:
    key = keys.read(name)
    if key is None or not keys.is_free(key):
        raise Wrong("no_key", name=name)
    return key


def _keep_key(chat: Chat, key: str, action: str | None) -> None:
    if action is None:
        chat.config.keys.pop(key, None)
    else:
        chat.config.keys[key] = action
    chat.config.save("keys")
    chat.on_change()


def _show_key(chat: Chat, key: str, found: list[keys.Key]) -> None:
    for row in found:
        if key in row.keys:
            chat.note("key_bound", name=keys.spell(key), action=row.action, help=Word(row.help))
            return
    chat.note("key_unbound", name=keys.spell(key))
