"""The commands about conversations and friends, and what all command modules share.

Each function takes the ``CommandContext`` and the command's arguments as typed, without missing ones.
It raises ``Refused`` or ``ConnectionLost`` if the server or the network refuses, and ``UsageError`` if the
arguments make no sense.
"""

from chatroom.client.commands import name_lookup
from chatroom.client.commands.context import CommandContext
from chatroom.client.core.requester import expect
from chatroom.client.model import apply, roster, select
from chatroom.client.model.state import Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.client.text.i18n import TranslatedFact
from chatroom.protocol import requests, responses
from chatroom.protocol.frame import UNSET
from chatroom.protocol.names import name_key

ROOM_OPTIONS = ("private", "password")
"""The options of ``/create``."""


YES = "--yes"
"""The argument that confirms a command in advance, as is needed where there is no terminal."""


class UsageError(Exception):
    """The arguments of a command make no sense. ``key`` and ``facts`` give the text of the catalogue."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts


async def join_room(context: CommandContext, room: str, nickname: str = "") -> None:
    name = await context.conversations.enter(room_label(context, room), nickname)
    context.conversations.show(name)
    context.notes.show("entered_room", room=name, nickname=context.state.conversations[name].nickname)


async def open_direct(context: CommandContext, friend: str, nickname: str = "") -> None:
    username, nickname = name_lookup.addressee(context, f"{friend} {nickname}".rstrip())
    name = await context.conversations.enter(f"@{username}", nickname)
    context.conversations.show(name)
    nickname = select.default_nickname(context.state, name)
    context.notes.show("entered_direct", username=name[1:], nickname=nickname)


async def leave_conversation(context: CommandContext, name: str = "") -> None:
    conversation = named_or_current(context, name)
    await context.conversations.leave(conversation.name)
    context.conversations.show("")
    context.notes.show("left_room" if conversation.is_room else "left_direct", name=conversation.name)


async def resign_room(context: CommandContext, room: str = "", yes: str = "") -> None:
    if room == YES:
        room, yes = "", room
    check_yes(yes, "/resign [ROOM] [--yes]")
    conversation = room_of(context, room)
    if not conversation.member:
        raise Refused("not_a_member", {"room": conversation.name})
    if not yes:
        await context.prompts.confirm("confirm.resign", room=conversation.name)
    await context.conversations.give_up(requests.ResignRoom(id=0, room=conversation.name))
    context.notes.show("resigned", room=conversation.name)


async def create_room(context: CommandContext, room: str, capacity: str, *options: str) -> None:
    if not _is_number(capacity):
        has_blanks = any(map(_is_number, options))
        raise UsageError("room_name_blanks") if has_blanks else UsageError("bad_seats", text=capacity)
    if not set(options) <= set(ROOM_OPTIONS):
        raise UsageError("usage", usage="/create ROOM CAPACITY [private] [password]")
    has_password = "password" in options
    password = await context.prompts.ask_new_password("prompt.new_room_password") if has_password else UNSET
    frame = requests.CreateRoom(
        id=0,
        room=room.removeprefix("#"),
        capacity=int(capacity),
        private=True if "private" in options else UNSET,
        password=password,
    )
    answer = await context.requests.ask(frame)
    context.notes.show("created", room=expect(answer, responses.Room).room.room)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) < 10


async def list_rooms(context: CommandContext) -> None:
    await context.requests.ask_all_pages(requests.ListRooms(id=0))
    rooms = select.list_rooms(context.state)
    context.notes.show("rooms", count=len(rooms)) if rooms else context.notes.show("no_rooms")
    for room in rooms:
        key = "room_line_owner" if room.owner else "room_line"
        context.notes.show(
            key, room=room.name, members=room.members, capacity=room.capacity, owner=room.owner
        )


async def list_members(context: CommandContext, room: str = "") -> None:
    conversation = room_of(context, room)
    await context.requests.ask_all_pages(requests.ListMembers(id=0, room=conversation.name))
    context.notes.show("members", room=conversation.name, count=len(conversation.roster))
    for seat in conversation.roster:
        state = presence_words(seat.online, seat.away or "", inside=seat.entered)
        if role := roster.role_of(seat, conversation.owner):
            state = f"{i18n.translate(state)} · {i18n.translate(f'role.{role}')}"
        if seat.nickname in ("", seat.username):
            context.notes.show("member_line", username=seat.username, state=state)
        else:
            context.notes.show(
                "member_line_nickname", username=seat.username, nickname=seat.nickname, state=state
            )


async def list_friends(context: CommandContext) -> None:
    await context.requests.ask_all_pages(requests.ListFriends(id=0))
    friends = select.list_friends(context.state)
    context.notes.show("friends", count=len(friends)) if friends else context.notes.show("no_friends")
    for friend in friends:
        context.notes.show(
            "friend_line", username=friend.name[1:], state=presence_words(friend.online, friend.away)
        )


def presence_words(online: bool, away: str, *, inside: bool = False) -> str:
    """Return whether a user is online, in words; ``away`` is the user's away text."""
    if not online:
        return TranslatedFact("state.offline")
    if away:
        return i18n.translate("state.away_because", why=away)
    return TranslatedFact("state.inside" if inside else "state.online")


async def add_friend(context: CommandContext, username: str) -> None:
    username = name_lookup.account_name(context, username)
    answer = await context.requests.ask(requests.AddFriend(id=0, username=username))
    context.notes.show("befriended", username=expect(answer, responses.Friend).friend.friend[1:])


async def remove_friend(context: CommandContext, username: str) -> None:
    username = name_lookup.account_name(context, username)
    await context.requests.ask(requests.RemoveFriend(id=0, username=username))
    context.notes.show("unfriended", username=username)


async def message_friend(context: CommandContext, friend: str, text: str = "") -> None:
    username, text = name_lookup.addressee(context, f"{friend} {text}".rstrip())
    if (name := f"@{username}") not in context.state.conversations:
        username = await name_lookup.existing(context, name)
        is_me = username == context.state.username
        raise Refused("not_yourself") if is_me else Refused("not_friends", {"username": username})
    if text:
        context.writer.write(name, text)
        context.notes.show("written_to", username=name[1:], text=text)
    else:
        _show_conversation(context, name)


async def change_nickname(context: CommandContext, nickname: str) -> None:
    conversation = named_or_current(context)
    if not conversation.entered:
        raise Refused("not_entered", {"conversation": conversation.name})
    await context.conversations.enter(conversation.name, nickname)


async def switch_conversation(context: CommandContext, name: str) -> None:
    match = select.find_conversation(context.state, name)
    if match is None:
        raise UsageError("no_conversation", name=name)
    _show_conversation(context, match)


async def close_conversation(context: CommandContext) -> None:
    _show_conversation(context, "")


def _show_conversation(context: CommandContext, name: str) -> None:
    """Show a conversation or the home screen. Without a full screen, a note names it."""
    context.conversations.show(name)
    if not context.front_end.is_full_screen:
        context.notes.show("turned_to" if name else "turned_home", name=name)


async def clear_conversation(context: CommandContext) -> None:
    apply.clear_notes(context.state, context.target)
    context.front_end.state_changed()


async def toggle_ignore(context: CommandContext, username: str = "") -> None:
    if not username:
        names = sorted(context.state.ignored)
        if names:
            context.notes.show("ignoring", names=" ".join(names))
        else:
            context.notes.show("ignoring_nobody")
        return
    if username not in context.state.ignored:
        username = await name_lookup.existing(context, username)
    if username == context.state.username:
        raise Refused("not_yourself")
    ignored = username not in context.state.ignored
    context.preferences.set_ignored(username, ignored)
    context.notes.show("ignored" if ignored else "ignored_no_longer", username=username)


async def log_out(context: CommandContext) -> None:
    await context.session.logout()
    context.notes.show("logged_out")


async def quit_program(context: CommandContext) -> None:
    context.quit()


def room_label(context: CommandContext, name: str) -> str:
    """Return a room's name with ``#`` and, if it is known, as it was first written."""
    key = name_key(name.removeprefix("#"))
    known = (room.name for room in select.list_rooms(context.state) if name_key(room.name[1:]) == key)
    return next(known, f"#{name.removeprefix('#')}")


def room_of(context: CommandContext, name: str = "") -> Conversation:
    """Return the room of this exact name, or the current one. Raises ``Refused`` or ``UsageError``."""
    if not name:
        conversation = named_or_current(context)
        if not conversation.is_room:
            raise UsageError("only_in_rooms")
        return conversation
    room = room_label(context, name)
    if room not in context.state.conversations:
        raise Refused("no_such_room", {"room": room})
    return context.state.conversations[room]


def named_or_current(context: CommandContext, name: str = "") -> Conversation:
    """Return the conversation of this exact name, or the one that the command is about.

    Raises ``Refused`` on the home screen.
    """
    if not name:
        if context.target not in context.state.conversations:
            raise Refused("nowhere")
        return context.state.conversations[context.target]
    matches = select.conversations_named(context.state, name)
    if len(matches) > 1:
        raise Refused("ambiguous_name", {"name": name, "names": ", ".join(match.name for match in matches)})
    if not matches:
        raise UsageError("no_conversation", name=name)
    return matches[0]


def check_yes(yes: str, usage: str) -> None:
    """Check the optional last argument of a command that asks first. Raises ``UsageError``."""
    if yes not in ("", YES):
        raise UsageError("usage", usage=usage)
