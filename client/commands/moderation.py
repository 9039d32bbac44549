"""What the commands do that are for a room's owner: its topic, who comes in, who must go, whose it will be.

Beside ``verbs``, and by the same rules. A measure that the room's history tells of needs no words here.
"""

from chatroom.client.commands import name_lookup
from chatroom.client.commands.conversations import YES, UsageError, check_yes, named_or_current, room_of
from chatroom.client.core.conversations import Chat
from chatroom.client.core.session import expect
from chatroom.client.model.state import Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.text import dates
from chatroom.protocol import requests, responses

NO_TOPIC = "-"
"""What takes a topic away: an empty line shows it."""


async def set_topic(chat: Chat, text: str = "") -> None:
    room = _current_room(chat)
    if text:
        wanted = "" if text == NO_TOPIC else text
        await _set_topic(chat, room.name, wanted)
    elif room.topic:
        chat.note("topic_line", room=room.name, text=room.topic)
    else:
        chat.note("no_topic", room=room.name)


async def _set_topic(chat: Chat, room: str, text: str) -> None:
    try:
        await chat.ask(requests.SetTopic(id=0, room=room, topic=text))
    except Refused as error:
        if error.code == "text_too_long":
            raise Refused("topic_too_long", error.details) from None
        raise


async def invite_user(chat: Chat, name: str = "") -> None:
    """Somebody who is here; or, without a name, whoever is given what the answer tells to type."""
    if not name:
        room = _current_room(chat).name
        made = expect(await chat.ask(requests.MakeInvitation(id=0, room=room)), responses.Invitation)
        try:
            word = str(chat.invitation(room, made.code))
        except ValueError:
            raise Refused("no_chat_server", {"server": chat.state.server}) from None
        day = dates.clock(made.until)[:10]
        chat.note("invitation", room=room, until=day, command=f"chat-client {word}")
        return
    room, username = _current_room(chat).name, name_lookup.account_name(chat, name)
    await chat.ask(requests.Invite(id=0, room=room, username=username))
    chat.note("invited", username=username, room=room)


async def kick_member(chat: Chat, name: str) -> None:
    room = _current_room(chat)
    username = await name_lookup.member(chat, room, name)
    await chat.ask(requests.Kick(id=0, room=room.name, username=username))


async def ban_user(chat: Chat, name: str) -> None:
    room = _current_room(chat)
    username = await name_lookup.member(chat, room, name)
    await chat.ask(requests.Ban(id=0, room=room.name, username=username))


async def unban_user(chat: Chat, name: str) -> None:
    room, username = _current_room(chat).name, name.removeprefix("@")
    await chat.ask(requests.Unban(id=0, room=room, username=username))
    chat.note("unbanned", username=username, room=room)


async def list_banned(chat: Chat) -> None:
    room = _current_room(chat).name
    answer = expect(await chat.ask(requests.ListBanned(id=0, room=room)), responses.Banned)
    if answer.usernames:
        chat.note("banned_from", room=room, names=" ".join(answer.usernames))
    else:
        chat.note("banned_nobody", room=room)


async def transfer_room(chat: Chat, name: str, more: str = "") -> None:
    """Only the new owner can give the room back, so it asks first. A nickname may have blanks."""
    words = f"{name} {more}".split()
    yes = words[-1] == YES and len(words) > 1
    room = _current_room(chat)
    username = await name_lookup.member(chat, room, " ".join(words[:-1] if yes else words))
    if not yes:
        command = f"/transfer {username} {YES}"
        await chat.confirm("confirm.transfer", command=command, room=room.name, username=username)
    await chat.ask(requests.TransferRoom(id=0, room=room.name, username=username))


async def disband_room(chat: Chat, room: str, yes: str = "") -> None:
    """What was said there is gone for good, so it takes the whole name and asks first."""
    check_yes(yes, "/disband ROOM [--yes]")
    one = room_of(chat, room)
    if one.owner and one.owner != chat.state.username:
        raise Refused("not_owner", {"room": one.name})
    if not yes:
        await chat.confirm("confirm.disband", command=f"/disband {one.name} {YES}", room=one.name)
    await chat.give_up(requests.CloseRoom(id=0, room=one.name))
    chat.note("disbanded", room=one.name)


def _current_room(chat: Chat) -> Conversation:
    """The room in sight. Raises ``UsageError`` in a private chat, ``Refused`` on the home screen."""
    one = named_or_current(chat)
    if not one.is_room:
        raise UsageError("only_in_rooms")
    return one
