"""The table of slash commands. ``/help``, completion and the manual are made from it.

``arguments`` is shown to the user and tells how to split a line: ``ROOM [NICK]`` is one word and an optional
second one. The last argument takes the rest of the line with its blanks.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import get_close_matches

from chatroom.client.commands import (
    conversations,
    inbox,
    links,
    messages,
    moderation,
    name_lookup,
    people,
    room_settings,
    save,
    settings,
)
from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import UsageError
from chatroom.client.model import select
from chatroom.client.storage.config import SETTINGS
from chatroom.client.storage.theme_files import SHIPPED_THEMES
from chatroom.client.text import i18n, keys
from chatroom.client.text.i18n import TranslatedFact
from chatroom.protocol.requests import SentKind

__all__ = [
    "COMMANDS",
    "COMMAND_GROUPS",
    "SlashCommand",
    "UsageError",
    "destination_of",
    "find_command",
    "is_command",
    "parse_command",
    "parse_message",
    "runs_at_once",
]


@dataclass(frozen=True)
class SlashCommand:
    """One row. ``completes`` is the kind of names in the arguments, ``choices`` are words for them."""

    name: str
    arguments: str
    run: Callable[..., Awaitable[None]]
    aliases: tuple[str, ...] = ()
    completes: str = ""
    choices: tuple[str, ...] = ()
    at_once: bool = False  # see ``runs_at_once``
    verbatim: bool = False  # its argument keeps the blanks around it

    @property
    def help(self) -> str:
        """The catalogue's key of what it does."""
        return f"help.{self.name}"

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()

    @property
    def least(self) -> int:
        return sum(not word.startswith("[") for word in self.arguments.split())

    @property
    def most(self) -> int:
        return len(self.arguments.split())


async def _show_help(context: CommandContext, name: str = "") -> None:
    command = find_command(name.removeprefix("/"))
    if command is not None:
        _show_usage(context, command)
        if command.choices:
            context.notes.show("help_choices", choices=" ".join(command.choices))
    elif name:
        raise _unknown_command(name.removeprefix("/"))
    else:
        for row in COMMANDS:
            _show_usage(context, row)
        context.notes.show("help_more")


def _show_usage(context: CommandContext, command: SlashCommand) -> None:
    also = " ".join(f"/{alias}" for alias in command.aliases)
    usage = f"{command.usage} ({also})" if also else command.usage
    context.notes.show("help_line", usage=usage, help=TranslatedFact(command.help))


async def _show_keys(context: CommandContext) -> None:
    for row in keys.apply_bindings(context.config.keys):
        context.notes.show("key_line", name=row.name, help=TranslatedFact(row.help))


COMMAND_GROUPS = {
    "commands.rooms": (
        SlashCommand("join", "ROOM [NICK]", conversations.join_room, ("j", "enter"), completes="rooms"),
        SlashCommand(
            "leave", "[NAME]", conversations.leave_conversation, ("part",), completes="conversations"
        ),
        SlashCommand("resign", "[ROOM] [--yes]", conversations.resign_room, completes="rooms"),
        SlashCommand(
            "create",
            "ROOM CAPACITY [private] [password]",
            conversations.create_room,
            choices=conversations.ROOM_OPTIONS,
        ),
        SlashCommand("rooms", "", conversations.list_rooms, ("list",)),
        SlashCommand("members", "[ROOM]", conversations.list_members, ("names", "who"), completes="rooms"),
        SlashCommand("room", "[ROOM]", room_settings.show_room, completes="rooms"),
        SlashCommand("topic", "[TEXT]", moderation.set_topic),
        SlashCommand("nick", "NICK", conversations.change_nickname),
    ),
    "commands.owner": (
        SlashCommand("invite", "[NAME]", moderation.invite_user, completes="people"),
        SlashCommand("kick", "NAME", moderation.kick_member, completes="people"),
        SlashCommand("ban", "NAME", moderation.ban_user, completes="people"),
        SlashCommand("unban", "NAME", moderation.unban_user),
        SlashCommand("banned", "", moderation.list_banned),
        SlashCommand("moderators", "[ROOM]", moderation.list_moderators, ("ops",), completes="rooms"),
        SlashCommand("op", "NAME", moderation.add_moderator, completes="people"),
        SlashCommand("deop", "NAME", moderation.remove_moderator, completes="people"),
        SlashCommand("set-room", "SETTING [VALUE]", room_settings.set_room, choices=room_settings.KEYS),
        SlashCommand("transfer", "NAME [--yes]", moderation.transfer_room, completes="people"),
        SlashCommand("disband", "ROOM [--yes]", moderation.disband_room, completes="rooms"),
    ),
    "commands.people": (
        SlashCommand("friends", "", conversations.list_friends),
        SlashCommand("friend", "NAME", conversations.add_friend, ("add",), completes="people"),
        SlashCommand("unfriend", "NAME", conversations.remove_friend, ("remove",), completes="people"),
        SlashCommand(
            "msg", "NAME [TEXT]", conversations.message_friend, ("m", "dm"), completes="people", at_once=True
        ),
        SlashCommand("query", "NAME [NICK]", conversations.open_direct, ("q",), completes="people"),
        SlashCommand("whois", "NAME", people.show_user, completes="people"),
        SlashCommand("ignore", "[NAME]", conversations.toggle_ignore, completes="people"),
        SlashCommand("block", "NAME", people.block_user, completes="people"),
        SlashCommand("unblock", "NAME", people.unblock_user),
        SlashCommand("blocked", "", people.list_blocked),
        SlashCommand("away", "[TEXT]", people.set_away),
        SlashCommand("back", "", people.clear_away),
    ),
    "commands.messages": (
        SlashCommand("me", "TEXT", messages.send_action, completes="people"),
        SlashCommand("reply", "TEXT", messages.reply_to_message, ("r",), completes="people", at_once=True),
        SlashCommand("edit", "TEXT", messages.edit_message, completes="people", at_once=True, verbatim=True),
        SlashCommand("delete", "", messages.delete_message, ("del",), at_once=True),
        SlashCommand("react", "EMOJI", messages.react_to_message, at_once=True),
        SlashCommand("search", "WORDS", messages.search_history),
        SlashCommand("goto", "DATE|NUMBER|original", messages.go_to_place, choices=(messages.ORIGINAL,)),
        SlashCommand("inbox", "", inbox.show_inbox),
        SlashCommand("unread", "", inbox.mark_unread),
        SlashCommand("pin", "", inbox.toggle_pin),
        SlashCommand("pins", "", inbox.list_pins),
        SlashCommand("links", "", links.list_links),
        SlashCommand("open", "[NUMBER]", links.open_numbered),
        SlashCommand("copy", "[NUMBER]", links.copy_numbered),
        SlashCommand("save", "[PATH]", save.start_save, ("export",), choices=save.OPTIONS),
    ),
    "commands.conversations": (
        SlashCommand(
            "switch", "NAME", conversations.switch_conversation, ("buffer", "win"), completes="conversations"
        ),
        SlashCommand("close", "", conversations.close_conversation),
        SlashCommand("clear", "", conversations.clear_conversation),
        SlashCommand(
            "notify",
            "[all|mentions|none|words] [WORD,WORD]",
            settings.set_notify,
            choices=("all", "mentions", "none", settings.DEFAULT, settings.WORDS),
        ),
        SlashCommand("mute", "[NAME]", settings.toggle_mute, completes="conversations"),
    ),
    "commands.program": (
        SlashCommand("help", "[COMMAND]", _show_help, completes="commands"),
        SlashCommand("keys", "", _show_keys),
        SlashCommand("lang", "[zh|en]", settings.set_language, choices=i18n.LANGUAGES),
        SlashCommand("theme", "[NAME|edit]", settings.set_theme, choices=(*SHIPPED_THEMES, settings.EDIT)),
        SlashCommand(
            "set", "[NAME] [VALUE]", settings.set_option, choices=tuple(setting.name for setting in SETTINGS)
        ),
        SlashCommand("bind", "[KEY] [ACTION]", settings.bind_key, choices=keys.BINDABLE),
        SlashCommand("unbind", "KEY", settings.unbind_key),
        SlashCommand("passwd", "", people.change_password),
        SlashCommand("account", "delete [--yes]", people.manage_account, choices=(people.DELETE,)),
        SlashCommand("logout", "", conversations.log_out),
        SlashCommand("quit", "", conversations.quit_program, ("exit",), at_once=True),
    ),
}
"""The commands by group, in the order of the help. The name of a group is its heading in the catalogue."""

COMMANDS = tuple(command for group in COMMAND_GROUPS.values() for command in group)

LEADING = frozenset({"join", "leave", "resign", "query", "switch", "close", "logout", "quit", "account"})
"""Commands after which the user is in another conversation."""

_BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def find_command(name: str) -> SlashCommand | None:
    """The command of this name or alias."""
    return _BY_NAME.get(name.lower())


def is_command(text: str) -> bool:
    """Whether a line is a command; ``//`` begins a message with a slash."""
    return text.startswith("/") and not text.startswith("//")


def parse_message(text: str) -> tuple[str, SentKind] | None:
    """Return the text and the kind if a line only sends a message to the current conversation."""
    if not is_command(text):
        return unescape_slash(text), "text"
    name, rest = _split_name(text)
    return (rest, "action") if rest and find_command(name) is find_command("me") else None


def _split_name(text: str) -> tuple[str, str]:
    """Return a command's name and the rest of its line."""
    name, rest = re.split(r"\s+|$", text[1:], maxsplit=1)
    return name, rest.rstrip()


def runs_at_once(context: CommandContext, command: SlashCommand, arguments: list[str]) -> bool:
    """Whether it waits for no other command: it sends a message to a known account, or quits."""
    if command.name != "msg":
        return command.at_once
    username, _ = name_lookup.addressee(context, " ".join(arguments))
    return f"@{username}" in context.state.conversations


def destination_of(
    context: CommandContext, current: str | None, command: SlashCommand, arguments: list[str]
) -> str | None:
    """Return the conversation that is current after a command, if it succeeds; ``None`` if that is not known
    beforehand. Raises ``Refused`` if the command would.
    """
    match command.name, arguments:
        case "join", [room, *_]:
            return conversations.room_label(context, room)
        case (("query" | "msg"), _):
            username, text = name_lookup.addressee(context, " ".join(arguments))
            return f"@{username}" if command.name == "query" or not text else current
        case "switch", [name]:
            return select.find_conversation(context.state, name)
        case (("resign" | "disband"), [room, *_]) if room != conversations.YES:
            return "" if conversations.room_label(context, room) == current else current
        case (("leave" | "resign" | "close" | "logout" | "quit" | "account"), _):
            return ""
    return current


def unescape_slash(text: str) -> str:
    """A message as it is meant."""
    return text[1:] if text.startswith("//") else text


def _unknown_command(name: str) -> UsageError:
    """Return the error for an unknown command, with the most similar one."""
    like = get_close_matches(name.lower(), _BY_NAME, n=1)
    return (
        UsageError("mistyped_command", name=name, like=like[0])
        if like
        else UsageError("unknown_command", name=name)
    )


def parse_command(text: str) -> tuple[SlashCommand, list[str]]:
    """A command's line -> the command and its arguments. Raises ``UsageError``."""
    name, rest = _split_name(text)
    command = find_command(name)
    if command is None:
        raise _unknown_command(name)
    arguments = rest.split(maxsplit=max(0, command.most - 1))
    if command.verbatim and arguments:
        arguments = [text[len(f"/{name} ") :]]
    if not command.least <= len(arguments) <= command.most:
        raise UsageError("usage", usage=command.usage)
    return command, arguments
