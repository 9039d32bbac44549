"""What the commands do that are about people: who somebody is, whom one hears nothing more from; and about
oneself: being away, and the password.

Beside ``verbs``, and by the same rules.
"""

from chatroom.client.commands import name_lookup
from chatroom.client.core.conversations import Chat
from chatroom.client.core.session import expect
from chatroom.client.text import dates, i18n
from chatroom.client.text.i18n import TranslatedFact
from chatroom.protocol import requests, responses
from chatroom.protocol.values import Member, User


async def show_user(chat: Chat, name: str) -> None:
    """By account name (``@`` says that it is one) or by a nickname that somebody has in a room of mine."""
    for username in name_lookup.NameTable.of(chat.state).candidates(name) or [name.removeprefix("@")]:
        user = expect(await chat.ask(requests.Whois(id=0, username=username)), responses.User).user
        since = dates.clock(user.registered)[:10]
        if _shows_presence(chat, user):
            state = TranslatedFact("state.online" if user.online else "state.offline")
            chat.note("whois", username=user.username, since=since, state=state)
        else:
            chat.note("whois_stranger", username=user.username, since=since)
        if user.away:
            chat.note("whois_away", username=user.username, text=user.away)
        for room in user.rooms:
            nickname = _nickname_in(chat, room, user.username)
            chat.note("whois_seat", username=user.username, room=room, nickname=nickname)


def _shows_presence(chat: Chat, user: User) -> bool:
    """Whether the server tells this user whether the other is online: to friends and members of one room."""
    direct = chat.state.conversations.get(f"@{user.username}")
    is_friend = direct is not None and not direct.ended
    return user.online or bool(user.rooms) or is_friend or user.username == chat.state.username


def _nickname_in(chat: Chat, room: str, username: str) -> str:
    """What they are called there, as far as it is known here."""
    known = chat.state.conversations.get(room)
    roster: list[Member] = known.roster if known else []
    return next((seat.nickname for seat in roster if seat.username == username), "") or username


async def set_away(chat: Chat, text: str = "") -> None:
    await chat.ask(requests.SetAway(id=0, text=text or i18n.translate("state.away")))
    chat.note("away", text=text) if text else chat.note("away_now")


async def clear_away(chat: Chat) -> None:
    await chat.ask(requests.SetAway(id=0, text=""))
    chat.note("back")


async def block_user(chat: Chat, name: str) -> None:
    username = name_lookup.account_name(chat, name)
    await chat.ask(requests.Block(id=0, username=username))
    chat.note("blocked_now", username=username)


async def unblock_user(chat: Chat, name: str) -> None:
    username = name_lookup.account_name(chat, name)
    await chat.ask(requests.Unblock(id=0, username=username))
    chat.note("unblocked", username=username)


async def list_blocked(chat: Chat) -> None:
    answer = expect(await chat.ask(requests.ListBlocked(id=0)), responses.Blocked)
    if answer.usernames:
        chat.note("blocking", names=" ".join(answer.usernames))
    else:
        chat.note("blocking_nobody")


async def change_password(chat: Chat) -> None:
    old = await chat.secret("prompt.old_password")
    new = await chat.new_secret("prompt.new_password")
    await chat.change_password(old, new)
    chat.note("password_changed")
