"""The home screen: who I am, every room with its seats, my friends, and what to press."""

from collections.abc import Mapping

from client import words
from client.keys import key_of
from client.model import select
from client.model.state import Conversation, State
from client.view.lists import Line, ListStory
from client.view.messages import note_line
from client.view.story import notes_of
from client.view.text import Row, drawn

TITLE = ""
"""The home screen's name among the conversations."""


HINTS = ("join", "query", "create", "friend", "save")
"""What to press, in this order."""


def home(state: State, changes: Mapping[str, str]) -> ListStory:
    """``changes``: the keys that the user has bound."""
    rows = [*_greeting(state), [], *_rooms(state), [], *_friends(state), [], *_hints(changes), []]
    notes = [note_line(note) for note in notes_of(state, TITLE)]
    return ListStory(TITLE, [Line(row) for row in rows + notes])


def _greeting(state: State) -> list[Row]:
    return [
        [("class:heading", words.say("home.account", username=state.username))],
        [("class:hint", words.say("home.server", server=state.server, name=state.server_name))],
    ]


def _rooms(state: State) -> list[Row]:
    heading: Row = [("class:heading", words.say("home.rooms"))]
    rows = [_room(room) for room in select.rooms(state)]
    return [heading, *(rows or [[("class:hint", "  " + words.say("home.no_rooms"))]])]


def _room(room: Conversation) -> Row:
    name = room.name.removeprefix("#")
    seats = words.say("room_line", room=name, members=room.members, capacity=room.capacity)
    marks = [mark for mark in ("private", "locked", "invited") if getattr(room, mark)]
    row: Row = [("class:hint", words.say(f"room.{mark}")) for mark in marks]
    if room.member:
        row.append(("class:online", words.say("home.entered" if room.entered else "home.member")))
    return [("class:text", f"  {seats}"), *_behind(row + _unread(room))]


def _friends(state: State) -> list[Row]:
    heading: Row = [("class:heading", words.say("home.friends"))]
    rows = [_friend(friend) for friend in select.friends(state)]
    return [heading, *(rows or [[("class:hint", "  " + words.say("home.no_friends"))]])]


def _friend(friend: Conversation) -> Row:
    style = "class:online" if friend.online else "class:offline"
    name = drawn(friend.name.removeprefix("@"))
    return [("class:text", f"  【{name}】 "), (style, _presence(friend)), *_behind(_unread(friend))]


def _presence(friend: Conversation) -> str:
    if friend.online and friend.away:
        return f"{words.say('state.away')}: {drawn(friend.away)}"
    return words.say("state.online" if friend.online else "state.offline")


def _unread(conversation: Conversation) -> Row:
    if not conversation.unread:
        return []
    return [("class:unread", words.say("view.unread", count=conversation.unread))]


def _behind(told: Row) -> Row:
    """What is told of a room or a friend, one from the other set off also where there is no colour."""
    return [part for style, text in told for part in (("class:hint", " · "), (style, text))]


def _hints(changes: Mapping[str, str]) -> list[Row]:
    keys = ((action, key_of(action, changes)) for action in ("help", "complete"))
    hints = [words.say(f"home.hint.{hint}") for hint in HINTS]
    hints.append("    ".join(words.say(f"home.hint.{action}", name=name) for action, name in keys if name))
    return [[("class:hint", hint)] for hint in hints]
