"""What each command does. The table that names them is ``commands``.

Every function takes the chat and the command's arguments as they were typed, missing ones left out. It raises
``Refused`` or ``Lost`` where the server or the network says no, and ``Wrong`` where the user's words make no
sense.
"""

import asyncio
from pathlib import Path
from typing import Any

from client import lines, transcript, words
from client.chat import Chat
from client.config import SETTINGS
from client.connection import Refused
from client.model import apply, select
from client.model.state import Conversation
from client.session import expect
from protocol import requests, responses
from protocol.names import key

FOUND = 30
"""So many messages a search shows; with more, another word helps."""


class Wrong(Exception):
    """A command that cannot be understood, in words of the catalogue."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts


async def join(chat: Chat, room: str, nickname: str = "") -> None:
    name = as_room(room)
    await chat.enter(name, nickname)
    chat.switch(name)
    chat.note("entered_room", room=name, nickname=chat.state.conversations[name].nickname)


async def query(chat: Chat, friend: str, nickname: str = "") -> None:
    name = as_friend(chat, friend)
    await chat.enter(name, nickname)
    chat.switch(name)
    chat.note("entered_direct", username=name[1:], nickname=select.nickname(chat.state, name))


async def leave(chat: Chat, name: str = "") -> None:
    one = _meant(chat, name)
    await chat.leave(one.name)
    chat.switch("")
    chat.note("left_room" if one.is_room else "left_direct", name=one.name)


async def resign(chat: Chat, room: str = "") -> None:
    one = _meant(chat, room)
    if not one.is_room:
        raise Wrong("only_in_rooms")
    await chat.ask(requests.ResignRoom(id=0, room=one.name))
    chat.switch("")
    chat.note("resigned", room=one.name)


async def create(chat: Chat, room: str, capacity: str) -> None:
    if not (capacity.isascii() and capacity.isdecimal() and len(capacity) < 10):
        raise Wrong("not_a_number", text=capacity)
    answer = await chat.ask(requests.CreateRoom(id=0, room=room.removeprefix("#"), capacity=int(capacity)))
    chat.note("created", room=expect(answer, responses.Room).room.room)


async def list_rooms(chat: Chat) -> None:
    await chat.ask(requests.ListRooms(id=0))
    found = select.rooms(chat.state)
    chat.note("rooms", count=len(found)) if found else chat.note("no_rooms")
    for one in found:
        chat.note("room_line", room=one.name, members=one.members, capacity=one.capacity)


async def list_members(chat: Chat, room: str = "") -> None:
    one = _meant(chat, room)
    if not one.is_room:
        raise Wrong("only_in_rooms")
    await chat.ask(requests.ListMembers(id=0, room=one.name))
    chat.note("members", room=one.name, count=len(one.roster))
    for seat in one.roster:
        state = "inside" if seat.entered else "online" if seat.online else "offline"
        nickname = seat.nickname or seat.username
        chat.note("member_line", username=seat.username, nickname=nickname, state=words.say(f"state.{state}"))


async def list_friends(chat: Chat) -> None:
    await chat.ask(requests.ListFriends(id=0))
    found = select.friends(chat.state)
    chat.note("friends", count=len(found)) if found else chat.note("no_friends")
    for one in found:
        state = words.say("state.online" if one.online else "state.offline")
        chat.note("friend_line", username=one.name[1:], state=state)


async def add_friend(chat: Chat, username: str) -> None:
    answer = await chat.ask(requests.AddFriend(id=0, username=_account(username)))
    chat.note("befriended", username=expect(answer, responses.Friend).friend.friend[1:])


async def remove_friend(chat: Chat, username: str) -> None:
    await chat.ask(requests.RemoveFriend(id=0, username=_account(username)))
    chat.note("unfriended", username=_account(username))


async def message(chat: Chat, friend: str, text: str = "") -> None:
    name = as_friend(chat, friend)
    if name not in chat.state.conversations:
        raise Refused("not_friends", {"username": name[1:]})
    if text:
        chat.write(name, text)
        chat.note("written_to", username=name[1:], text=text)
    else:
        chat.switch(name)


async def nick(chat: Chat, nickname: str) -> None:
    one = _meant(chat)
    if not one.entered:
        raise Refused("not_entered", {"conversation": one.name})
    await chat.enter(one.name, nickname)


async def act(chat: Chat, text: str) -> None:
    chat.write(_meant(chat).name, text, kind="action")


async def reply(chat: Chat, text: str) -> None:
    name = select.last_writer(chat.state)
    if name is None:
        raise Wrong("nobody_to_reply_to")
    chat.write(name, text)
    chat.note("written_to", username=name[1:], text=text)


async def search(chat: Chat, query: str) -> None:
    answer = expect(await chat.ask(requests.Search(id=0, query=query, limit=FOUND)), responses.Found)
    if not answer.messages:
        chat.note("found_nothing", query=query)
        return
    chat.note("found", query=query, count=len(answer.messages))
    for found in reversed(answer.messages):
        chat.note("found_line", conversation=found.conversation, line=lines.of(found))
    if answer.more:
        chat.note("found_more")


async def save(chat: Chat, typed: str = "") -> None:
    """Write log.txt beside whatever else is done; ``stop`` ends it and keeps the old file."""
    if typed == "stop":
        if chat.saving is None:
            raise Wrong("nothing_to_stop")
        chat.saving.cancel()
        return
    if chat.saving is not None:
        raise Wrong("saving_already")
    path, shape = transcript.arguments(typed)
    if shape is None:
        raise Wrong("usage", usage="/save [PATH] [--format txt|jsonl]")
    chat.saving = chat.spawn(_save(chat, path, shape))


async def _save(chat: Chat, path: Path, shape: transcript.Shape) -> None:
    note = chat.note("saving", done=0, total=transcript.total(chat.state))

    def progress(done: int) -> None:
        note.facts["done"] = done
        chat.on_change()

    try:
        count = await transcript.save(chat, path, shape, progress)
    except OSError as error:
        chat.note("save_failed", error=True, path=str(path), reason=error.strerror or str(error))
    except asyncio.CancelledError:
        chat.note("save_stopped", path=str(path))
        raise
    else:
        chat.note("saved", path=str(path), count=count)
    finally:
        chat.saving = None


async def switch(chat: Chat, name: str) -> None:
    found = select.find(chat.state, name)
    if found is None:
        raise Wrong("no_conversation", name=name)
    chat.switch(found)


async def close(chat: Chat) -> None:
    chat.switch("")


async def clear(chat: Chat) -> None:
    apply.cleared(chat.state, chat.state.current)
    chat.on_change()


async def speak(chat: Chat, language: str = "") -> None:
    if not language:
        language = "en" if words.language == "zh" else "zh"
    _choose(chat, "lang", language)
    chat.note("language")


async def theme(chat: Chat, name: str = "") -> None:
    if name:
        _choose(chat, "theme", name)
    _show(chat, "theme")


async def set_option(chat: Chat, name: str = "", value: str | None = None) -> None:
    names = [setting.name for setting in SETTINGS]
    if name and name not in names:
        raise Wrong("no_setting", name=name, names=" ".join(names))
    if value is not None:
        _choose(chat, name, value)
    for shown in [name] if name else names:
        _show(chat, shown)


def _choose(chat: Chat, name: str, value: str) -> None:
    """Keep a choice, and let it take effect at once."""
    setting = next(setting for setting in SETTINGS if setting.name == name)
    if value not in setting.choices:
        raise Wrong("no_choice", name=name, value=value, choices=" ".join(filter(None, setting.choices)))
    setattr(chat.config, name, value)
    chat.config.save()
    if name == "lang":
        words.use(value or words.of_locale())
    chat.on_change()


def _show(chat: Chat, name: str) -> None:
    setting = next(setting for setting in SETTINGS if setting.name == name)
    value = getattr(chat.config, name) or words.say("state.unset")
    choices = " ".join(filter(None, setting.choices))
    chat.note("setting_line", name=name, value=value, choices=choices, help=words.say(setting.help))


async def whois(chat: Chat, name: str) -> None:
    """By account name or nickname: what is known from here."""
    wanted = key(_account(name))
    state, found = chat.state, False
    for one in select.friends(state):
        if key(one.name[1:]) == wanted:
            found = True
            chat.note("whois_friend", username=one.name[1:], state=words.say(_online(one.online)))
    for one in select.rooms(state, mine=True):
        for seat in one.roster:
            if wanted in (key(seat.username), key(seat.nickname)):
                found = True
                facts: dict[str, Any] = {
                    "username": seat.username,
                    "nickname": seat.nickname or seat.username,
                }
                chat.note("whois_seat", room=one.name, state=words.say(_online(seat.online)), **facts)
    if not found:
        raise Wrong("whois_nobody", name=name)


def _online(online: bool) -> str:
    return "state.online" if online else "state.offline"


async def ignore(chat: Chat, username: str = "") -> None:
    if not username:
        names = sorted(chat.state.ignored)
        chat.note("ignoring", names=" ".join(names)) if names else chat.note("ignoring_nobody")
        return
    username = _account(username)
    ignored = username not in chat.state.ignored
    chat.ignore(username, ignored)
    chat.note("ignored" if ignored else "ignored_no_longer", username=username)


async def logout(chat: Chat) -> None:
    await chat.logout()
    chat.note("logged_out")


async def leave_program(chat: Chat) -> None:
    chat.quit()


def as_room(name: str) -> str:
    """A room's name as conversations are called."""
    return name if name.startswith("#") else f"#{name}"


def as_friend(chat: Chat, name: str) -> str:
    """A friend's name as the private chat is called: as it was registered, however it is typed."""
    wanted = key(_account(name))
    for one in select.directs(chat.state):
        if key(one.name[1:]) == wanted:
            return one.name
    return f"@{_account(name)}"


def _account(name: str) -> str:
    return name.removeprefix("@")


def _meant(chat: Chat, name: str = "") -> Conversation:
    """The conversation of this name, or the current one. Raises ``Refused`` on the home screen."""
    found = select.find(chat.state, name) if name else chat.state.current
    if found is None:
        raise Wrong("no_conversation", name=name)
    if not found:
        raise Refused("nowhere")
    return chat.state.conversations[found]
