"""The commands of a room's owner and moderators: topic, invitations, kick and ban; of the owner alone:
moderators, transfer, disband.

A command whose effect the room's history shows adds no note.
"""

from chatroom.client.commands import name_lookup
from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import (
    YES,
    UsageError,
    check_yes,
    named_or_current,
    room_label,
    room_of,
)
from chatroom.client.core.requester import expect
from chatroom.client.model.state import Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.text import dates
from chatroom.protocol import requests, responses
from chatroom.protocol.names import name_key

NO_TOPIC = "-"
"""The argument of ``/topic`` that removes the topic; no argument shows it."""


async def _ask(context: CommandContext, frame: requests.AnyRequest) -> responses.AnyResponse:
    """Ask for what moderators may do too. The server's refusal says so in its details."""
    try:
        return await context.requests.ask(frame)
    except Refused as error:
        if error.code == "not_owner" and error.details.get("moderators"):
            raise Refused("not_moderator", error.details) from None
        raise


async def set_topic(context: CommandContext, text: str = "") -> None:
    room = _current_room(context)
    if text:
        topic = "" if text == NO_TOPIC else text
        await _set_topic(context, room.name, topic)
    elif room.topic:
        context.notes.show("topic_line", room=room.name, text=room.topic)
    else:
        context.notes.show("no_topic", room=room.name)


async def _set_topic(context: CommandContext, room: str, text: str) -> None:
    try:
        await _ask(context, requests.SetTopic(id=0, room=room, topic=text))
    except Refused as error:
        if error.code == "text_too_long":
            raise Refused("topic_too_long", error.details) from None
        raise


async def invite_user(context: CommandContext, name: str = "") -> None:
    """Invite a user; without a name, make an invitation that can be passed on."""
    if not name:
        room = _current_room(context).name
        if context.requests.connection.address.path:  # of a Unix socket; of no use to others
            raise Refused("no_address_to_share")
        invitation = expect(
            await _ask(context, requests.MakeInvitation(id=0, room=room)), responses.Invitation
        )
        try:
            address = str(context.requests.make_invitation(room, invitation.code))
        except ValueError:
            raise Refused("no_chat_server", {"server": context.state.server}) from None
        day = dates.clock(invitation.until)[:10]
        context.notes.show("invitation", room=room, until=day, command=f"chat-client {address}")
        return
    room, username = _current_room(context).name, name_lookup.account_name(context, name)
    await _ask(context, requests.Invite(id=0, room=room, username=username))
    context.notes.show("invited", username=username, room=room)


async def kick_member(context: CommandContext, name: str) -> None:
    room = _current_room(context)
    username = await name_lookup.member(context, room, name)
    await _ask(context, requests.Kick(id=0, room=room.name, username=username))


async def ban_user(context: CommandContext, name: str) -> None:
    room = _current_room(context)
    username = await name_lookup.member(context, room, name)
    await _ask(context, requests.Ban(id=0, room=room.name, username=username))


async def unban_user(context: CommandContext, name: str) -> None:
    room, username = _current_room(context).name, name.removeprefix("@")
    banned = expect(await _ask(context, requests.ListBanned(id=0, room=room)), responses.Banned)
    if name_key(username) not in map(name_key, banned.usernames):
        raise Refused("not_banned", {"username": username, "room": room})
    await _ask(context, requests.Unban(id=0, room=room, username=username))
    context.notes.show("unbanned", username=username, room=room)


async def list_banned(context: CommandContext) -> None:
    room = _current_room(context).name
    pages = await context.requests.ask_all_pages(requests.ListBanned(id=0, room=room))
    usernames = [name for page in pages for name in expect(page, responses.Banned).usernames]
    if usernames:
        context.notes.show("banned_from", room=room, names=" ".join(usernames))
    else:
        context.notes.show("banned_nobody", room=room)


async def add_moderator(context: CommandContext, name: str) -> None:
    room = _current_room(context)
    username = await name_lookup.member(context, room, name)
    await context.requests.ask(requests.AddModerator(id=0, room=room.name, username=username))


async def remove_moderator(context: CommandContext, name: str) -> None:
    room = _current_room(context)
    username = await name_lookup.member(context, room, name)
    await context.requests.ask(requests.RemoveModerator(id=0, room=room.name, username=username))


async def list_moderators(context: CommandContext, room: str = "") -> None:
    name = room_label(context, room) if room else _current_room(context).name
    answer = await context.requests.ask(requests.ShowRoom(id=0, room=name))
    details = expect(answer, responses.RoomDetails)
    if details.moderators:
        context.notes.show("moderators", room=details.room.room, names=" ".join(details.moderators))
    else:
        context.notes.show("no_moderators", room=details.room.room)


async def transfer_room(context: CommandContext, name: str, more: str = "") -> None:
    """Ask first, because only the new owner can undo it. The nickname may contain blanks."""
    words = f"{name} {more}".split()
    yes = words[-1] == YES and len(words) > 1
    room = _current_room(context)
    username = await name_lookup.member(context, room, " ".join(words[:-1] if yes else words))
    if not yes:
        command = f"/transfer {username} {YES}"
        await context.prompts.confirm("confirm.transfer", command=command, room=room.name, username=username)
    await context.requests.ask(requests.TransferRoom(id=0, room=room.name, username=username))


async def disband_room(context: CommandContext, room: str, yes: str = "") -> None:
    """Require the exact name and ask first, because the messages cannot be restored."""
    check_yes(yes, "/disband ROOM [--yes]")
    conversation = room_of(context, room)
    if conversation.owner and conversation.owner != context.state.username:
        raise Refused("not_owner", {"room": conversation.name})
    if not yes:
        await context.prompts.confirm(
            "confirm.disband", command=f"/disband {conversation.name} {YES}", room=conversation.name
        )
    await context.conversations.give_up(requests.CloseRoom(id=0, room=conversation.name))
    context.notes.show("disbanded", room=conversation.name)


def _current_room(context: CommandContext) -> Conversation:
    """The current room. Raises ``UsageError`` in a private context, ``Refused`` on the home screen."""
    conversation = named_or_current(context)
    if not conversation.is_room:
        raise UsageError("only_in_rooms")
    return conversation
