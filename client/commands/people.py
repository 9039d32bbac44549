"""The commands about users: whois and block; and about the user's own account: away, password, deletion."""

from chatroom.client.commands import name_lookup
from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import YES, UsageError
from chatroom.client.core.requester import expect
from chatroom.client.net.connection import Refused
from chatroom.client.text import dates, i18n
from chatroom.protocol import requests, responses
from chatroom.protocol.names import name_key
from chatroom.protocol.values import Member, User

DELETE = "delete"
"""The only action of ``/account``."""


async def show_user(context: CommandContext, name: str) -> None:
    """Look up a user by account name (``@NAME`` is always one) or by a nickname in the user's rooms."""
    for username in name_lookup.NameTable.of(context.state).candidates(name) or [name.removeprefix("@")]:
        user = expect(
            await context.requests.ask(requests.Whois(id=0, username=username)), responses.User
        ).user
        context.notes.show("whois", username=user.username, facts=_user_facts(context, user))


def _user_facts(context: CommandContext, user: User) -> str:
    """Return what ``/whois`` shows of a user: presence, rooms, date of registration."""
    facts = [_presence_text(user)] if _shows_presence(context, user) else []
    for room in user.rooms:
        nickname = _nickname_in(context, room, user.username)
        role = _role_in(user, room)
        key = "whois.member_role" if role else "whois.member"
        facts.append(i18n.translate(key, room=room, nickname=nickname, role=role))
    facts.append(i18n.translate("whois.registered", since=dates.clock(user.registered)[:10]))
    return i18n.translate("whois.and").join(facts)


def _role_in(user: User, room: str) -> str:
    """Return the word for the user's role in a room; empty for an ordinary member."""
    if room in (user.owns or ()):
        return i18n.translate("role.owner")
    return i18n.translate("role.moderator") if room in (user.moderates or ()) else ""


def _presence_text(user: User) -> str:
    if user.online and user.away:
        return i18n.translate("state.away_because", why=user.away)
    return i18n.translate("state.online" if user.online else "state.offline")


def _shows_presence(context: CommandContext, user: User) -> bool:
    """Whether the server tells this user whether the other is online: to friends and members of one room."""
    direct = context.state.conversations.find(f"@{user.username}")
    is_friend = direct is not None and not direct.ended
    return user.online or bool(user.rooms) or is_friend or user.username == context.state.username


def _nickname_in(context: CommandContext, room: str, username: str) -> str:
    """Return the user's nickname in a room, if it is known, or else the account name."""
    conversation = context.state.conversations.find(room)
    roster: list[Member] = conversation.roster if conversation else []
    return next((seat.nickname for seat in roster if seat.username == username), "") or username


async def set_away(context: CommandContext, text: str = "") -> None:
    await context.requests.ask(requests.SetAway(id=0, text=text or i18n.translate("state.away")))
    context.notes.show("away", text=text) if text else context.notes.show("away_now")


async def clear_away(context: CommandContext) -> None:
    await context.requests.ask(requests.SetAway(id=0, text=""))
    context.notes.show("back")


async def block_user(context: CommandContext, name: str) -> None:
    username = name_lookup.account_name(context, name)
    await context.requests.ask(requests.Block(id=0, username=username))
    context.notes.show("blocked_now", username=username)


async def unblock_user(context: CommandContext, name: str) -> None:
    username = name_lookup.account_name(context, name)
    blocked = expect(await context.requests.ask(requests.ListBlocked(id=0)), responses.Blocked)
    if name_key(username) not in map(name_key, blocked.usernames):
        raise Refused("not_blocked", {"username": username})
    await context.requests.ask(requests.Unblock(id=0, username=username))
    context.notes.show("unblocked", username=username)


async def list_blocked(context: CommandContext) -> None:
    pages = await context.requests.ask_all_pages(requests.ListBlocked(id=0))
    usernames = [name for page in pages for name in expect(page, responses.Blocked).usernames]
    if usernames:
        context.notes.show("blocking", names=" ".join(usernames))
    else:
        context.notes.show("blocking_nobody")


async def change_password(context: CommandContext) -> None:
    old = await context.prompts.ask_password("prompt.old_password")
    new = await context.prompts.ask_new_password("prompt.new_password")
    await context.session.change_password(old, new)
    context.notes.show("password_changed")


async def manage_account(context: CommandContext, action: str, option: str = "") -> None:
    """Delete the user's account, after a question and with its password."""
    if action != DELETE or option not in ("", YES):
        raise UsageError("usage", usage=f"/account {DELETE} [{YES}]")
    username = context.state.username
    if option != YES:
        await context.prompts.confirm(
            "confirm.delete_account", command=f"/account {DELETE} {YES}", username=username
        )
    password = await context.prompts.ask_password("prompt.delete_password", username=username)
    await context.session.delete_account(password)
    context.conversations.show("")
    context.notes.show("account_deleted", username=username)
