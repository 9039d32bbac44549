"""What each command does. The table that names them is ``commands``; what is about messages is in ``said``.

Every function takes the chat and the command's arguments as they were typed, missing ones left out. It raises
``Refused`` or ``Lost`` where the server or the network says no, and ``Wrong`` where the user's words make no
sense.
"""

from client import name_lookup, words
from client.chat import Chat
from client.connection import Refused
from client.model import apply, select
from client.model.state import Conversation
from client.session import expect
from client.words import Word
from protocol import requests, responses
from protocol.frame import UNSET
from protocol.names import key

ROOM_OPTIONS = ("private", "password")
"""What may be said of a room that is made."""


YES = "--yes"
"""What confirms a command that asks first: where no terminal can be asked, or in advance."""


class Wrong(Exception):
    """A command that cannot be understood, in words of the catalogue."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts


async def join(chat: Chat, room: str, nickname: str = "") -> None:
    name = await chat.get_in(as_room(chat, room), nickname)
    chat.switch(name)
    chat.note("entered_room", room=name, nickname=chat.state.conversations[name].nickname)


async def query(chat: Chat, friend: str, nickname: str = "") -> None:
    username, nickname = name_lookup.addressee(chat, f"{friend} {nickname}".rstrip())
    name = await chat.enter(f"@{username}", nickname)
    chat.switch(name)
    chat.note("entered_direct", username=name[1:], nickname=select.nickname(chat.state, name))


async def leave(chat: Chat, name: str = "") -> None:
    one = meant(chat, name)
    await chat.leave(one.name)
    chat.switch("")
    chat.note("left_room" if one.is_room else "left_direct", name=one.name)


async def resign(chat: Chat, room: str = "", yes: str = "") -> None:
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


async def create(chat: Chat, room: str, capacity: str, *options: str) -> None:
    if not _is_number(capacity):
        has_blanks = any(map(_is_number, options))
        raise Wrong("room_name_blanks") if has_blanks else Wrong("bad_seats", text=capacity)
    if not set(options) <= set(ROOM_OPTIONS):
        raise Wrong("usage", usage="/create ROOM CAPACITY [private] [password]")
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
    found = select.rooms(chat.state)
    chat.note("rooms", count=len(found)) if found else chat.note("no_rooms")
    for one in found:
        chat.note("room_line", room=one.name, members=one.members, capacity=one.capacity)


async def list_members(chat: Chat, room: str = "") -> None:
    one = room_of(chat, room)
    await chat.ask(requests.ListMembers(id=0, room=one.name))
    chat.note("members", room=one.name, count=len(one.roster))
    for seat in one.roster:
        nickname = seat.nickname or seat.username
        state = presence(seat.online, seat.away or "", inside=seat.entered)
        chat.note("member_line", username=seat.username, nickname=nickname, state=state)


async def list_friends(chat: Chat) -> None:
    await chat.ask(requests.ListFriends(id=0))
    found = select.friends(chat.state)
    chat.note("friends", count=len(found)) if found else chat.note("no_friends")
    for one in found:
        chat.note("friend_line", username=one.name[1:], state=presence(one.online, one.away))


def presence(online: bool, away: str, *, inside: bool = False) -> str:
    """Whether somebody is here; ``away``: why not, though there is a client of theirs."""
    if not online:
        return Word("state.offline")
    if away:
        return words.say("state.away_because", why=away)
    return Word("state.inside" if inside else "state.online")


async def add_friend(chat: Chat, username: str) -> None:
    answer = await chat.ask(requests.AddFriend(id=0, username=name_lookup.account(chat, username)))
    chat.note("befriended", username=expect(answer, responses.Friend).friend.friend[1:])


async def remove_friend(chat: Chat, username: str) -> None:
    username = name_lookup.account(chat, username)
    await chat.ask(requests.RemoveFriend(id=0, username=username))
    chat.note("unfriended", username=username)


async def message(chat: Chat, friend: str, text: str = "") -> None:
    username, text = name_lookup.addressee(chat, f"{friend} {text}".rstrip())
    if (name := f"@{username}") not in chat.state.conversations:
        username = await name_lookup.existing(chat, name)
        is_me = username == chat.state.username
        raise Refused("not_yourself") if is_me else Refused("not_friends", {"username": username})
    if text:
        chat.write(name, text)
        chat.note("written_to", username=name[1:], text=text)
    else:
        _turn(chat, name)


async def nick(chat: Chat, nickname: str) -> None:
    one = meant(chat)
    if not one.entered:
        raise Refused("not_entered", {"conversation": one.name})
    await chat.enter(one.name, nickname)


async def switch(chat: Chat, name: str) -> None:
    found = select.find(chat.state, name)
    if found is None:
        raise Wrong("no_conversation", name=name)
    _turn(chat, found)


async def close(chat: Chat) -> None:
    _turn(chat, "")


def _turn(chat: Chat, name: str) -> None:
    """Look at another conversation, or home; where no screen shows it, say so."""
    chat.switch(name)
    if not chat.on_screen:
        chat.note("turned_to" if name else "turned_home", name=name)


async def clear(chat: Chat) -> None:
    apply.cleared(chat.state, chat.here)
    chat.on_change()


async def ignore(chat: Chat, username: str = "") -> None:
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


async def logout(chat: Chat) -> None:
    await chat.logout()
    chat.note("logged_out")


async def leave_program(chat: Chat) -> None:
    chat.quit()


def as_room(chat: Chat, name: str) -> str:
    """A room's name as conversations are called: as it was first written, however it is typed."""
    wanted = key(name.removeprefix("#"))
    known = (one.name for one in select.rooms(chat.state) if key(one.name[1:]) == wanted)
    return next(known, f"#{name.removeprefix('#')}")


def room_of(chat: Chat, name: str = "") -> Conversation:
    """The room of this whole name, or the current one. Raises ``Refused``, ``Wrong``."""
    if not name:
        one = meant(chat)
        if not one.is_room:
            raise Wrong("only_in_rooms")
        return one
    room = as_room(chat, name)
    if room not in chat.state.conversations:
        raise Refused("no_such_room", {"room": room})
    return chat.state.conversations[room]


def meant(chat: Chat, name: str = "") -> Conversation:
    """The conversation of this whole name, or the one that the command is about. Raises ``Refused`` on the
    home screen.
    """
    if not name:
        if chat.here not in chat.state.conversations:
            raise Refused("nowhere")
        return chat.state.conversations[chat.here]
    found = select.called(chat.state, name)
    if len(found) > 1:
        raise Refused("ambiguous_name", {"name": name, "names": ", ".join(one.name for one in found)})
    if not found:
        raise Wrong("no_conversation", name=name)
    return found[0]


def check_yes(yes: str, usage: str) -> None:
    """What may stand behind the argument of a command that asks first. Raises ``Wrong``."""
    if yes not in ("", YES):
        raise Wrong("usage", usage=usage)
