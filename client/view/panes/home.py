"""The home screen: the account, all rooms with their seats, the friends, and hints."""

from collections.abc import Container, Mapping

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.text import i18n
from chatroom.client.text.keys import key_of
from chatroom.client.view.draw.text import Row, drawable_text
from chatroom.client.view.history.content import notes_of
from chatroom.client.view.history.message_rows import note_line
from chatroom.client.view.history.static_content import StaticContent, StaticLine

TITLE = ""
"""The name of the home screen among the conversations."""


ROOM_HINTS, FRIEND_HINTS = ("join", "create"), ("friend", "query")
"""Commands beside the headings, so that a long list does not hide them."""


def home_content(
    state: ClientState, changes: Mapping[str, str], hidden_notes: Container[int] = ()
) -> StaticContent:
    """Return the home screen. ``changes`` are the keys that the user has bound."""
    rows = [
        *_greeting_rows(state),
        [],
        *_room_rows(state),
        [],
        *_friend_rows(state),
        [],
        *_hint_rows(changes),
        [],
    ]
    notes = [note_line(note) for note in notes_of(state, TITLE) if id(note) not in hidden_notes]
    return StaticContent(TITLE, [StaticLine(row) for row in rows + notes])


def _greeting_rows(state: ClientState) -> list[Row]:
    return [
        [("class:heading", i18n.translate("home.account", username=state.username))],
        [("class:hint", i18n.translate("home.server", server=state.server, name=state.server_name))],
    ]


def _list_rows(heading: str, rows: list[Row], commands: tuple[str, ...], empty: str) -> list[Row]:
    """Return a heading and the rows below it: with the commands beside it, or a hint if there are no rows."""
    title: Row = [("class:heading", i18n.translate(heading))]
    if not rows:
        return [title, [("class:hint", "  " + i18n.translate(empty))]]
    hints = "".join(f"   {i18n.translate(f'home.hint.{command}')}" for command in commands)
    return [[*title, ("class:hint", hints)], *rows]


def _room_rows(state: ClientState) -> list[Row]:
    rows = [_room_row(room) for room in select.list_rooms(state)]
    return _list_rows("home.rooms", rows, ROOM_HINTS, "home.no_rooms")


def _room_row(room: Conversation) -> Row:
    name = room.name.removeprefix("#")
    seats = i18n.translate("room_line", room=name, members=room.members, capacity=room.capacity)
    marks = [mark for mark in ("private", "locked", "invited") if getattr(room, mark)]
    row: Row = [("class:hint", i18n.translate(f"room.{mark}")) for mark in marks]
    if room.owner:
        row.append(("class:hint", i18n.translate("home.owner", owner=room.owner)))
    if room.member:
        row.append(("class:online", i18n.translate("home.entered" if room.entered else "home.member")))
    return [("class:text", f"  {seats}"), *_details_row(row + _unread_row(room))]


def _friend_rows(state: ClientState) -> list[Row]:
    rows = [_friend_row(friend) for friend in select.list_friends(state)]
    return _list_rows("home.friends", rows, FRIEND_HINTS, "home.no_friends")


def _friend_row(friend: Conversation) -> Row:
    style = "class:online" if friend.online else "class:offline"
    name = drawable_text(friend.name.removeprefix("@"))
    return [
        ("class:text", f"  {name}  "),
        (style, _presence_label(friend)),
        *_details_row(_unread_row(friend)),
    ]


def _presence_label(friend: Conversation) -> str:
    if friend.online and friend.away:
        return i18n.translate("state.away_because", why=friend.away)
    return i18n.translate("state.online" if friend.online else "state.offline")


def _unread_row(conversation: Conversation) -> Row:
    if not conversation.unread:
        return []
    return [("class:unread", i18n.translate("view.unread", count=conversation.unread))]


def _details_row(details: Row) -> Row:
    """Return the details of a room or friend with separators between them."""
    return [part for style, text in details for part in (("class:hint", " · "), (style, text))]


def _hint_rows(changes: Mapping[str, str]) -> list[Row]:
    keys = ((action, key_of(action, changes)) for action in ("help", "complete"))
    named = (i18n.translate(f"home.hint.{action}", name=name) for action, name in keys if name)
    hints = (i18n.translate("home.hint.save"), "    ".join(named))
    return [[("class:hint", hint)] for hint in hints]
