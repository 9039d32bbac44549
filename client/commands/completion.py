"""What Tab offers: commands, rooms, names, nicknames, and emoji by name (``:grin``)."""

from collections.abc import Iterator
from typing import NamedTuple

from chatroom.client.commands import table
from chatroom.client.commands.name_lookup import NameTable
from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.text import emoji, i18n

_RECENT_MESSAGES = 500
"""The newest messages, whose authors are offered first."""


class CompletionItem(NamedTuple):
    """``replacement`` goes where ``start`` (an index in the text) to the cursor was."""

    replacement: str
    start: int
    display: str
    meta: str = ""


def complete_word(state: ClientState, text: str, cursor: int) -> list[CompletionItem]:
    """Everything that the word before the cursor could become, the likeliest first."""
    before = text[:cursor]
    start = max(before.rfind(" "), before.rfind("\n")) + 1
    word = before[start:]
    if table.is_command(before) and start == 0:
        return list(_command_items(word))
    if word.startswith(":") and len(word) > 2:
        matches = emoji.find_emoji(word[1:].rstrip(":"))
        return [CompletionItem(picture, start, picture, name) for picture, name in matches]
    if not word and not table.is_command(before):
        return []
    if _names_account(before):
        return [CompletionItem(f"{name} ", start, display) for name, display in _accounts(state, word)]
    names = dict.fromkeys(_name_candidates(state, before, word))
    behind = ": " if start == 0 and word[0] not in "@#" else " "  # to whom a line begins is spoken
    return [CompletionItem(f"{name}{behind}", start, name) for name in names]


def _names_account(before: str) -> bool:
    """Whether the word before the cursor is a command's argument that names an account."""
    if not table.is_command(before) or (command := table.find_command(before[1:].split(" ", 1)[0])) is None:
        return False
    takes_account = command.completes == "people" and command.arguments.strip("[").startswith("NAME")
    return takes_account and len(before.split(" ")) == 2


def _accounts(state: ClientState, word: str) -> Iterator[tuple[str, str]]:
    """Accounts found by their name or nickname: as the command resolves them, and as the menu shows them."""
    table, prefix = NameTable.of(state), word.removeprefix("@").casefold()
    room = select.current_conversation(state)
    nicknames = {seat.username: seat.nickname for seat in (room.roster if room else ())}
    for friend in select.list_friends(state):
        nicknames.setdefault(friend.name[1:], "")
    nicknames.pop(state.username, None)
    for username, nickname in nicknames.items():
        if any(name.casefold().startswith(prefix) for name in (username, nickname) if name):
            typed = f"@{username}" if word.startswith("@") else table.typed(username)
            yield typed, f"{typed} ({nickname})" if nickname not in ("", username) else typed


def _command_items(word: str) -> Iterator[CompletionItem]:
    for command in table.COMMANDS:
        for name in (command.name, *command.aliases):
            if f"/{name}".startswith(word.lower()):
                usage = i18n.command_usage(f"/{name} {command.arguments}".rstrip())
                yield CompletionItem(f"/{name} ", 0, usage, i18n.translate(command.help))
                break


def _name_candidates(state: ClientState, before: str, word: str) -> Iterator[str]:
    """Rooms as their names are typed, and people, those of this room first; ``@name`` where that is begun."""
    for name in _word_candidates(state, before, word):
        plain_name = name.lstrip("#@")
        if name.casefold().startswith(word.casefold()) or plain_name.casefold().startswith(word.casefold()):
            yield name


def _word_candidates(state: ClientState, before: str, word: str) -> Iterator[str]:
    command = table.find_command(before[1:].split(" ", 1)[0]) if table.is_command(before) else None
    kind = command.completes if command else "people"
    if kind in ("rooms", "conversations") or word.startswith("#"):
        yield from (conversation.name for conversation in select.list_rooms(state))
    if kind == "conversations":
        yield from (conversation.name for conversation in select.list_friends(state))
    if kind == "people":
        at = "@" if word.startswith("@") else ""
        yield from (at + name for name in _known_accounts(state))
    if kind == "commands":
        yield from (entry.name for entry in table.COMMANDS)
    if command is not None:
        yield from command.choices


def _last_spoken(conversation: Conversation) -> dict[str, int]:
    """Return the seq of the last message of each account that has spoken lately."""
    return {message.username: message.seq for message in conversation.timeline.messages[-_RECENT_MESSAGES:]}


def _known_accounts(state: ClientState) -> Iterator[str]:
    conversation = select.current_conversation(state)
    if conversation is not None:
        others = [seat for seat in conversation.roster if seat.username != state.username]
        spoken = _last_spoken(conversation)
        for seat in sorted(others, key=lambda seat: -spoken.get(seat.username, 0)):
            yield from filter(None, (seat.nickname, seat.username))
    yield from (friend.name[1:] for friend in select.list_friends(state))
