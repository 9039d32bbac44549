"""The commands as a table. ``/help``, completion and the manual are made from it; ``verbs`` does what it
names.

``arguments`` is both what people read and how a line is taken apart: ``ROOM [NICK]`` is one word and perhaps
a second one, and the last argument takes the rest of the line, blanks included.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import get_close_matches

from client import choices, keys, moderation, name_lookup, people, said, saving, verbs, words
from client.chat import Chat
from client.config import SETTINGS
from client.model import select
from client.verbs import Wrong
from client.words import Word
from protocol.requests import SentKind

__all__ = [
    "COMMANDS",
    "Command",
    "Wrong",
    "find",
    "is_at_once",
    "is_command",
    "leads_to",
    "parse",
    "spoken",
]


@dataclass(frozen=True)
class Command:
    """One row. ``completes`` says what the arguments name, ``choices`` lists words that they may be."""

    name: str
    arguments: str
    run: Callable[..., Awaitable[None]]
    aliases: tuple[str, ...] = ()
    completes: str = ""
    choices: tuple[str, ...] = ()
    at_once: bool = False  # see ``is_at_once``
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


async def _help(chat: Chat, name: str = "") -> None:
    shown = [command] if (command := find(name.removeprefix("/"))) else COMMANDS
    if name and command is None:
        raise _unknown(name.removeprefix("/"))
    for row in shown:
        also = " ".join(f"/{alias}" for alias in row.aliases)
        usage = f"{row.usage} ({also})" if also else row.usage
        chat.note("help_line", usage=usage, help=Word(row.help))
    if not name:
        chat.note("help_more")


async def _keys(chat: Chat) -> None:
    for row in keys.held(chat.config.keys):
        chat.note("key_line", name=row.name, help=Word(row.help))


COMMANDS = (
    Command("help", "[COMMAND]", _help, completes="commands"),
    Command("keys", "", _keys),
    Command("join", "ROOM [NICK]", verbs.join, ("j", "enter"), completes="rooms"),
    Command("leave", "[NAME]", verbs.leave, ("part",), completes="conversations"),
    Command("resign", "[ROOM] [--yes]", verbs.resign, completes="rooms"),
    Command("create", "ROOM CAPACITY [private] [password]", verbs.create, choices=verbs.ROOM_OPTIONS),
    Command("rooms", "", verbs.list_rooms, ("list",)),
    Command("members", "[ROOM]", verbs.list_members, ("names", "who"), completes="rooms"),
    Command("topic", "[TEXT]", moderation.topic),
    Command("invite", "[NAME]", moderation.invite, completes="people"),
    Command("kick", "NAME", moderation.kick, completes="people"),
    Command("ban", "NAME", moderation.ban, completes="people"),
    Command("unban", "NAME", moderation.unban),
    Command("banned", "", moderation.list_banned),
    Command("transfer", "NAME [--yes]", moderation.transfer, completes="people"),
    Command("disband", "ROOM [--yes]", moderation.disband, completes="rooms"),
    Command("friends", "", verbs.list_friends),
    Command("friend", "NAME", verbs.add_friend, ("add",), completes="people"),
    Command("unfriend", "NAME", verbs.remove_friend, ("remove",), completes="people"),
    Command("msg", "NAME [TEXT]", verbs.message, ("m", "dm"), completes="people", at_once=True),
    Command("query", "NAME [NICK]", verbs.query, ("q",), completes="people"),
    Command("nick", "NICK", verbs.nick),
    Command("me", "TEXT", said.act, completes="people"),
    Command("reply", "TEXT", said.reply, ("r",), completes="people", at_once=True),
    Command("edit", "TEXT", said.edit, completes="people", at_once=True, verbatim=True),
    Command("delete", "", said.delete, ("del",), at_once=True),
    Command("react", "EMOJI", said.react, at_once=True),
    Command("search", "WORDS", said.search),
    Command("goto", "DATE|NUMBER", said.goto),
    Command("save", "[PATH]", saving.save, ("export",), choices=saving.OPTIONS),
    Command("switch", "NAME", verbs.switch, ("buffer", "win"), completes="conversations"),
    Command("close", "", verbs.close),
    Command("clear", "", verbs.clear),
    Command("whois", "NAME", people.whois, completes="people"),
    Command("away", "[TEXT]", people.away),
    Command("back", "", people.back),
    Command("ignore", "[NAME]", verbs.ignore, completes="people"),
    Command("notify", "[all|mentions|none]", choices.notify, choices=("all", "mentions", "none", "default")),
    Command("mute", "[NAME]", choices.mute, completes="conversations"),
    Command("block", "NAME", people.block, completes="people"),
    Command("unblock", "NAME", people.unblock),
    Command("blocked", "", people.list_blocked),
    Command("passwd", "", people.change_password),
    Command("lang", "[zh|en]", choices.speak, choices=words.LANGUAGES),
    Command("theme", "[NAME]", choices.theme, choices=("default", "light", "dark")),
    Command("set", "[NAME] [VALUE]", choices.set_option, choices=tuple(each.name for each in SETTINGS)),
    Command("bind", "[KEY] [ACTION]", choices.bind, choices=keys.BINDABLE),
    Command("unbind", "KEY", choices.unbind),
    Command("logout", "", verbs.logout),
    Command("quit", "", verbs.leave_program, ("exit",), at_once=True),
)

LEADING = frozenset({"join", "leave", "resign", "query", "switch", "close", "logout", "quit"})
"""Commands after which the user is in another conversation."""

_BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def find(name: str) -> Command | None:
    """The command of this name or alias."""
    return _BY_NAME.get(name.lower())


def is_command(text: str) -> bool:
    """Whether a line is a command; ``//`` begins a message with a slash."""
    return text.startswith("/") and not text.startswith("//")


def is_known_command(text: str) -> bool:
    """Whether a line is a command, and one that there is."""
    return is_command(text) and find(re.split(r"\s", text[1:], maxsplit=1)[0]) is not None


def spoken(text: str) -> tuple[str, SentKind] | None:
    """What a line says where it is entered, if it does only that."""
    if not is_command(text):
        return unescaped(text), "text"
    name, rest = _taken_apart(text)
    return (rest, "action") if rest and find(name) is find("me") else None


def _taken_apart(text: str) -> tuple[str, str]:
    """A command's name and what stands behind it."""
    name, rest = re.split(r"\s+|$", text[1:], maxsplit=1)
    return name, rest.rstrip()


def is_at_once(chat: Chat, command: Command, arguments: list[str]) -> bool:
    """Whether it waits for no other command: it says something, to an account that is known, or quits."""
    if command.name != "msg":
        return command.at_once
    username, _ = name_lookup.addressee(chat, " ".join(arguments))
    return f"@{username}" in chat.state.conversations


def leads_to(chat: Chat, here: str | None, command: Command, arguments: list[str]) -> str | None:
    """The conversation in which the user is after a command that is entered ``here``, if nothing goes wrong;
    ``None`` if that is not known beforehand. Raises ``Refused`` if the command is going to.
    """
    match command.name, arguments:
        case "join", [room, *_]:
            return verbs.as_room(chat, room)
        case (("query" | "msg"), _):
            username, text = name_lookup.addressee(chat, " ".join(arguments))
            return f"@{username}" if command.name == "query" or not text else here
        case "switch", [name]:
            return select.find(chat.state, name)
        case (("resign" | "disband"), [room, *_]) if room != verbs.YES:
            return "" if verbs.as_room(chat, room) == here else here
        case (("leave" | "resign" | "close" | "logout" | "quit"), _):
            return ""
    return here


def unescaped(text: str) -> str:
    """A message as it is meant."""
    return text[1:] if text.startswith("//") else text


def _unknown(name: str) -> Wrong:
    """There is no such command, but perhaps one that somebody meant."""
    like = get_close_matches(name.lower(), _BY_NAME, n=1)
    return Wrong("mistyped_command", name=name, like=like[0]) if like else Wrong("unknown_command", name=name)


def parse(text: str) -> tuple[Command, list[str]]:
    """A command's line -> the command and its arguments. Raises ``Wrong``."""
    name, rest = _taken_apart(text)
    command = find(name)
    if command is None:
        raise _unknown(name)
    arguments = rest.split(maxsplit=max(0, command.most - 1))
    if command.verbatim and arguments:
        arguments = [text[len(f"/{name} ") :]]
    if not command.least <= len(arguments) <= command.most:
        raise Wrong("usage", usage=command.usage)
    return command, arguments
