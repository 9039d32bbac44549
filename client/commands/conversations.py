"""What each command does. The table that names them is ``commands``; what is about messages is in ``said``.

Every function takes the chat and the command's arguments as they were typed, missing ones left out. It raises
``Refused`` or ``ConnectionLost`` where the server or the network says no, and ``UsageError`` where the
user's words make no
sense.
"""

from chatroom.client.commands import name_lookup
from chatroom.client.core.conversations import Chat
from chatroom.client.core.session import expect
from chatroom.client.model import apply, select
from chatroom.client.model.state import Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.text import i18n
from chatroom.client.text.i18n import TranslatedFact
from chatroom.protocol import requests, responses
from chatroom.protocol.frame import UNSET
from chatroom.protocol.names import name_key

ROOM_OPTIONS = ("private", "password")
"""What may be said of a room that is made."""


YES = "--yes"
"""What confirms a command that asks first: where no terminal can be asked, or in advance."""


class UsageError(Exception):
    """A command that cannot be understood, in words of the catalogue."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts


async def join_room(chat: Chat, room: str, nickname: str = "") -> None:
    name = await chat.get_in(room_label(chat, room), nickname)
    chat.switch(name)
    chat.note("entered_room", room=name, nickname=chat.state.conversations[name].nickname)


async def open_direct(chat: Chat, friend: str, nickname: str = "") -> None:
    username, nickname = name_lookup.addressee(chat, f"{friend} {nickname}".rstrip())
    name = await chat.enter(f"@{username}", nickname)
    chat.switch(name)
    chat.note("entered_direct", username=name[1:], nickname=select.default_nickname(chat.state, name))


async def leave_conversation(chat: Chat, name: str = "") -> None:
    one = named_or_current(chat, name)
    await chat.leave(one.name)
    chat.switch("")
    chat.note("left_room" if one.is_room else "left_direct", name=one.name)


async def resign_room(chat: Chat, room: str = "", yes: str = "") -> None:
    if room == YES:
        room, yes = "", room
    check_yes(yes, "/resign [ROOM] [--yes]")
    one = room_of(chat, room)
    if not one.member:
        raise Refused("not_a_member", {"room": one.name})
    if not yes:
        await chat.confirm("confirm.resign", room=one.name)
    await chat.give_up(requests.ResignRoom(id=0, room=one.name))
    chat.note("resigned", room=one.name)


async def create_room(chat: Chat, room: str, capacity: str, *options: str) -> None:
    if not _is_number(capacity):
        has_blanks = any(map(_is_number, options))
        raise UsageError("room_name_blanks") if has_blanks else UsageError("bad_seats", text=capacity)
    if not set(options) <= set(ROOM_OPTIONS):
        raise UsageError("usage", usage="/create ROOM CAPACITY [private] [password]")
    frame = requests.CreateRoom(
        id=0,
        room=room.removeprefix("#"),
        capacity=int(capacity),
        private=True if "private" in options else UNSET,
        password=await chat.new_secret("prompt.new_room_password") if "password" in options else UNSET,
    )
    answer = await chat.ask(frame)
    chat.note("created", room=expect(answer, responses.Room).room.room)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) < 10


async def list_rooms(chat: Chat) -> None:
    await chat.ask(requests.ListRooms(id=0))
    found = select.list_rooms(chat.state)
    chat.note("rooms", count=len(found)) if found else chat.note("no_rooms")
    for one in found:
        chat.note("room_line", room=one.name, members=one.members, capacity=one.capacity)


async def list_members(chat: Chat, room: str = "") -> None:
    one = room_of(chat, room)
    await chat.ask(requests.ListMembers(id=0, room=one.name))
    chat.note("members", room=one.name, count=len(one.roster))
    for seat in one.roster:
        nickname = seat.nickname or seat.username
        state = presence_words(seat.online, seat.away or "", inside=seat.entered)
        chat.note("member_line", username=seat.username, nickname=nickname, state=state)


async def list_friends(chat: Chat) -> None:
    await chat.ask(requests.ListFriends(id=0))
    found = select.list_friends(chat.state)
    chat.note("friends", count=len(found)) if found else chat.note("no_friends")
    for one in found:
        chat.note("friend_line", username=one.name[1:], state=presence_words(one.online, one.away))


def presence_words(online: bool, away: str, *, inside: bool = False) -> str:
    """Whether somebody is here; ``away``: why not, though there is a client of theirs."""
    if not online:
        return TranslatedFact("state.offline")
    if away:
        return i18n.translate("state.away_because", why=away)
    return TranslatedFact("state.inside" if inside else "state.online")


async def add_friend(chat: Chat, username: str) -> None:
    answer = await chat.ask(requests.AddFriend(id=0, username=name_lookup.account_name(chat, username)))
    chat.note("befriended", username=expect(answer, responses.Friend).friend.friend[1:])


async def remove_friend(chat: Chat, username: str) -> None:
    username = name_lookup.account_name(chat, username)
    await chat.ask(requests.RemoveFriend(id=0, username=username))
    chat.note("unfriended", username=username)


async def message_friend(chat: Chat, friend: str, text: str = "") -> None:
    username, text = name_lookup.addressee(chat, f"{friend} {text}".rstrip())
    if (name := f"@{username}") not in chat.state.conversations:
        username = await name_lookup.existing(chat, name)
        is_me = username == chat.state.username
        raise Refused("not_yourself") if is_me else Refused("not_friends", {"username": username})
    if text:
        chat.write(name, text)
        chat.note("written_to", username=name[1:], text=text)
    else:
        _show_conversation(chat, name)


async def change_nickname(chat: Chat, nickname: str) -> None:
    one = named_or_current(chat)
    if not one.entered:
        raise Refused("not_entered", {"conversation": one.name})
    await chat.enter(one.name, nickname)


async def switch_conversation(chat: Chat, name: str) -> None:
    found = select.find_conversation(chat.state, name)
    if found is None:
        raise UsageError("no_conversation", name=name)
    _show_conversation(chat, found)


async def close_conversation(chat: Chat) -> None:
    _show_conversation(chat, "")


def _show_conversation(chat: Chat, name: str) -> None:
    """Look at another conversation, or home; where no screen shows it, say so."""
    chat.switch(name)
    if not chat.on_screen:
        chat.note("turned_to" if name else "turned_home", name=name)


async def clear_conversation(chat: Chat) -> None:
    apply.clear_notes(chat.state, chat.here)
    chat.on_change()


async def toggle_ignore(chat: Chat, username: str = "") -> None:
    if not username:
        names = sorted(chat.state.ignored)
        chat.note("ignoring", names=" ".join(names)) if names else chat.note("ignoring_nobody")
        return
    if username not in chat.state.ignored:
        username = await name_lookup.existing(chat, username)
    if username == chat.state.username:
        raise Refused("not_yourself")
    ignored = username not in chat.state.ignored
    chat.ignore(username, ignored)
    chat.note("ignored" if ignored else "ignored_no_longer", username=username)


async def log_out(chat: Chat) -> None:
    await chat.logout()
    chat.note("logged_out")


async def quit_program(chat: Chat) -> None:
    chat.quit()


def room_label(chat: Chat, name: str) -> str:
    """A room's name as conversations are called: as it was first written, however it is typed."""
    wanted = name_key(name.removeprefix("#"))
    known = (one.name for one in select.list_rooms(chat.state) if name_key(one.name[1:]) == wanted)
    return next(known, f"#{name.removeprefix('#')}")


def room_of(chat: Chat, name: str = "") -> Conversation:
    """The room of this whole name, or the current one. Raises ``Refused``, ``UsageError``."""
    if not name:
        one = named_or_current(chat)
        if not one.is_room:
            raise UsageError("only_in_rooms")
        return one
    room = room_label(chat, name)
    if room not in chat.state.conversations:
        raise Refused("no_such_room", {"room": room})
    return chat.state.conversations[room]


def named_or_current(chat: Chat, name: str = "") -> Conversation:
    """The conversation of this whole name, or the one that the command is about. Raises ``Refused`` on the
    home screen.
    """
    if not name:
        if chat.here not in chat.state.conversations:
            raise Refused("nowhere")
        return chat.state.conversations[chat.here]
    found = select.conversations_named(chat.state, name)
    if len(found) > 1:
        raise Refused("ambiguous_name", {"name": name, "names": ", ".join(one.name for one in found)})
    if not found:
        raise UsageError("no_conversation", name=name)
    return found[0]


def check_yes(yes: str, usage: str) -> None:
    """What may stand behind the argument of a command that asks first. Raises ``UsageError``."""
    if yes not in ("", YES):
        raise UsageError("usage", usage=usage)
