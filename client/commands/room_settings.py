"""``/room`` shows a room, ``/set-room`` changes it."""

from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import UsageError, room_label, room_of
from chatroom.client.core.requester import expect
from chatroom.client.model import select
from chatroom.client.text import dates, i18n
from chatroom.protocol import requests, responses
from chatroom.protocol.frame import MAX_RETENTION_DAYS
from chatroom.protocol.values import Room

KEYS = ("name", "capacity", "privacy", "password", "retention")
"""What ``/set-room`` changes."""

OFF = ("off", "none", "-")
"""The values of ``/set-room`` that remove the password, or the limit of retention."""

PRIVACY = {"private": True, "public": False}


async def show_room(context: CommandContext, room: str = "") -> None:
    name = room_label(context, room) if room else room_of(context).name
    answer = await context.requests.ask(requests.ShowRoom(id=0, room=name))
    details = expect(answer, responses.RoomDetails)
    shown = details.room
    context.notes.show(
        "room_summary",
        room=shown.room,
        members=shown.members,
        capacity=shown.capacity,
        marks="".join(f" · {mark}" for mark in _room_marks(context, shown)),
    )
    if shown.topic:
        context.notes.show("topic_line", room=shown.room, text=shown.topic)
    context.notes.show("room_owner", username=shown.owner or "?")
    if details.moderators:
        context.notes.show("moderators", room=shown.room, names=" ".join(details.moderators))
    if days := select.retention_days(context.state, shown.retention or 0):
        context.notes.show("room_retention", count=days)
    context.notes.show("room_created", time=dates.clock(details.created))


def _room_marks(context: CommandContext, room: Room) -> list[str]:
    """Return the words for what is special about a room; only members learn about its password here."""
    marks = [i18n.translate("room_private" if room.private else "room_public")]
    if room.member or room.owner == context.state.username:
        marks.append(i18n.translate("room_locked" if room.locked else "room_unlocked"))
    return marks


async def set_room(context: CommandContext, key: str, value: str = "") -> None:
    room = room_of(context).name
    match key, value:
        case "name", str() if value:
            frame = requests.SetRoom(id=0, room=room, name=value.removeprefix("#"))
            await _change(context, frame)
        case "capacity", _ if _is_number(value):
            await _change(context, requests.SetRoom(id=0, room=room, capacity=int(value)))
            context.notes.show("room_set.capacity", room=room, capacity=value)
        case "capacity", str() if value:
            raise UsageError("bad_seats", text=value)
        case "privacy", ("private" | "public"):
            await _change(context, requests.SetRoom(id=0, room=room, private=PRIVACY[value]))
            context.notes.show(f"room_set.{value}", room=room)
        case "password", _ if value in OFF:
            await _change(context, requests.SetRoom(id=0, room=room, password=""))
            context.notes.show("room_set.no_password", room=room)
        case "password", "":
            password = await context.prompts.ask_new_password("prompt.new_room_password")
            await _change(context, requests.SetRoom(id=0, room=room, password=password))
            context.notes.show("room_set.password", room=room)
        case "retention", _ if value in OFF or _is_number(value):
            days = 0 if value in OFF else int(value)
            if days > MAX_RETENTION_DAYS:
                raise UsageError("too_many_days", limit=MAX_RETENTION_DAYS)
            await _change(context, requests.SetRoom(id=0, room=room, retention=days))
            context.notes.show(
                "room_set.retention" if days else "room_set.no_retention", room=room, count=days
            )
        case _:
            raise UsageError("set_room_usage")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


async def _change(context: CommandContext, frame: requests.SetRoom) -> None:
    expect(await context.requests.ask(frame), responses.Room)
