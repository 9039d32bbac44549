"""The commands that change settings, keys and notifications. ``storage.config`` keeps the choices."""

from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import UsageError, named_or_current
from chatroom.client.storage.config import SETTINGS, UserSetting
from chatroom.client.text import i18n, keys
from chatroom.client.text.i18n import TranslatedFact

MUTED = "none"

EDIT = "edit"
"""The argument of ``/theme`` that opens the editor."""

WORDS = "words"
"""The argument of ``/notify`` before words that count as mentions."""

DEFAULT = "default"
"""The argument that restores the general choice."""


async def set_language(context: CommandContext, language: str = "") -> None:
    if language:
        _apply_choice(context, "lang", language)
        context.notes.show("language")
    else:
        _show_setting(context, _find_setting("lang"))


async def set_theme(context: CommandContext, name: str = "") -> None:
    """Choose a theme. ``edit`` opens the user's copy of the current one in the editor."""
    if name == EDIT:
        await _edit_theme(context)
        return
    if name:
        _apply_choice(context, "theme", name)
    names = " ".join((*context.config.theme_files.names(), EDIT))
    setting = _find_setting("theme")
    context.notes.show(
        "setting_line",
        name="theme",
        value=context.config.theme,
        choices=names,
        help=TranslatedFact(setting.help),
    )


async def _edit_theme(context: CommandContext) -> None:
    files, name = context.config.theme_files, context.config.theme
    try:
        path = files.make_own(name)
    except OSError as error:
        raise UsageError("file_unsaved", path=files.path(name), reason=error.strerror or "") from None
    context.notes.show("theme_file", name=name, path=path)
    await context.front_end.edit_file(path)


async def set_option(context: CommandContext, name: str = "", value: str | None = None) -> None:
    if value is not None:
        _apply_choice(context, name, value)
    for setting in [_find_setting(name)] if name else SETTINGS:
        _show_setting(context, setting)


def _find_setting(name: str) -> UserSetting:
    for setting in SETTINGS:
        if setting.name == name:
            return setting
    raise UsageError("no_setting", name=name, names=" ".join(setting.name for setting in SETTINGS))


def _apply_choice(context: CommandContext, name: str, value: str) -> None:
    """Save a choice and apply it."""
    setting = _find_setting(name)
    own_themes = context.config.theme_files.names() if name == "theme" else []
    if not (setting.accepts(value) or value in own_themes):
        choices = " ".join(own_themes) or setting.allowed
        raise UsageError("no_choice", name=name, value=value, choices=choices)
    setattr(context.config, name, value)
    context.config.save_config(name)
    if name == "notify_words":
        context.preferences.load_notify_words()
    if name == "stay_logged_in":
        context.session.keep_login()
    if name == "lang":
        i18n.use_language(value or i18n.locale_language())
    context.front_end.state_changed()


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError("no_choice", name=name, value=value, choices=" ".join(filter(None, choices)))


def _show_setting(context: CommandContext, setting: UserSetting) -> None:
    value = getattr(context.config, setting.name) or TranslatedFact("state.unset")
    context.notes.show(
        "setting_line",
        name=setting.name,
        value=value,
        choices=setting.allowed,
        help=TranslatedFact(setting.help),
    )


# Notifications


async def set_notify(context: CommandContext, choice: str = "", words: str = "") -> None:
    """Choose what notifies in this conversation: a level, or words that count as mentions in it."""
    conversation = named_or_current(context)
    if choice == WORDS:
        if words and not _find_setting("notify_words").accepts(words):
            raise UsageError("no_choice", name=choice, value=words, choices="WORD,WORD off")
        if words:
            context.preferences.set_words(conversation.name, "" if words == "off" else words)
    elif words:
        raise UsageError("usage", usage="/notify [all|mentions|none|words] [WORD,WORD]")
    elif choice:
        choices = _find_setting("notify").choices
        _check_choice("notify", choice, (*choices, DEFAULT))
        context.preferences.set_attention(conversation.name, "" if choice == DEFAULT else choice)
    _show_notify(context, conversation.name)


async def toggle_mute(context: CommandContext, name: str = "") -> None:
    """Mute a conversation; the same command again unmutes it."""
    conversation = named_or_current(context, name)
    context.preferences.set_attention(
        conversation.name, "" if context.state.attention.get(conversation.name) == MUTED else MUTED
    )
    _show_notify(context, conversation.name)


def _show_notify(context: CommandContext, name: str) -> None:
    choice = context.state.attention.get(name, context.config.notify)
    if choice == "mentions" and name.startswith("@"):
        choice = "all"  # every private message counts as a mention
    context.notes.show(f"attention.{choice}", name=name)
    if words := context.state.conversation_words.get(name):
        context.notes.show("attention.words", name=name, words=", ".join(words))


# Keys


async def bind_key(context: CommandContext, key: str = "", action: str = "") -> None:
    """Bind a key; without an action, show the bindings."""
    if action:
        _bind_action(context, key, action)
    bindings = keys.apply_bindings(context.config.keys)
    if key:
        _show_binding(context, _parse_key(key), bindings)
    elif not context.config.keys:
        context.notes.show("no_keys_bound")
    for changed in () if key else context.config.keys:
        _show_binding(context, changed, bindings)


async def unbind_key(context: CommandContext, key: str) -> None:
    """Bind a key to no action."""
    _save_binding(context, _parse_key(key), keys.NO_ACTION)
    context.notes.show("key_unbound", name=keys.spell_keys(_parse_key(key)))


def _bind_action(context: CommandContext, key: str, action: str) -> None:
    action = action.replace("-", "_").lower()
    _check_choice("action", action, (*keys.BINDABLE, DEFAULT))
    _save_binding(context, _parse_key(key), None if action == DEFAULT else action)


def _parse_key(name: str) -> str:
    key = keys.parse_key(name)
    if key is None or not keys.is_free(key):
        raise UsageError("no_key", name=name)
    return key


def _save_binding(context: CommandContext, key: str, action: str | None) -> None:
    if action is None:
        context.config.keys.pop(key, None)
    else:
        context.config.keys[key] = action
    context.config.save_config("keys")
    context.front_end.state_changed()


def _show_binding(context: CommandContext, key: str, bindings: list[keys.KeyBinding]) -> None:
    for row in bindings:
        if key in row.keys:
            context.notes.show(
                "key_bound", name=keys.spell_keys(key), action=row.action, help=TranslatedFact(row.help)
            )
            return
    context.notes.show("key_free", name=keys.spell_keys(key))
