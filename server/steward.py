"""Carries out what an administrator orders, in the server itself, while it runs. The words are in ``orders``.

What an order changes goes through the writer like everything else, and what follows from it for those who are
here follows in the moment of the commit.
"""

import logging
from collections.abc import Awaitable
from functools import partial

from db import accounts, passes, rooms, tokens
from db.errors import Outage
from db.news import Closed
from db.passes import Pass
from db.records import Account as Kept
from db.records import Room
from db.store import Store
from db.transaction import Transaction
from db.writer import Writer
from protocol import labels, names
from protocol.errors import AccountDisabled, ChatError, SessionEnded, UnknownRoom
from server import codes, lists, orders, rights
from server.checks import check_password
from server.config import Password
from server.handlers.moderation import Moderation, remove
from server.live import Directory, Speaker
from server.orders import Answer, AnyOrder, Done, Failed
from server.passwords import Passwords
from server.presence import Presence

log = logging.getLogger(__name__)


class Refused(Exception):
    """An order that cannot be carried out. Says why in one sentence."""


class Steward:
    def __init__(
        self,
        limits: Password,
        store: Store,
        writer: Writer,
        passwords: Passwords,
        directory: Directory,
        presence: Presence,
        moderation: Moderation,
    ) -> None:
        self._limits = limits
        self._store = store
        self._writer = writer
        self._passwords = passwords
        self._directory = directory
        self._presence = presence
        self._moderation = moderation

    async def carry_out(self, order: AnyOrder) -> Answer:
        """Whatever goes wrong is an answer too."""
        try:
            lines = await self._do(order)
        except (ChatError, Refused) as error:
            return Failed(str(error))
        except Outage:
            return Failed("the database is away; whether it was done nobody knows")
        except Exception:
            log.exception("an order failed")
            return Failed("something went wrong on the server; its log knows more")
        return Done(lines)

    def _do(self, order: AnyOrder) -> Awaitable[list[str]]:
        match order:
            case orders.Accounts():
                return self._list_accounts()
            case orders.Sessions():
                return self._list_sessions()
            case orders.Disable(username=username):
                return self._writer.follow(partial(_disable, username=username), self._disabled)
            case orders.Enable(username=username):
                return self._writer.follow(partial(_enable, username=username), _enabled)
            case orders.ResetPassword(username=username, password=password):
                return self._reset_password(username, password)
            case orders.EndSession(whose=whose):
                return self._end_session(whose)
            case orders.Rooms():
                return self._list_rooms()
            case orders.DeleteRoom(room=room):
                return self._writer.follow(partial(_delete_room, room=room), self._deleted)
            case orders.Invite(room=room, uses=uses, days=days):
                return self._writer.follow(
                    partial(_invite, room=room, uses=uses, days=days), lambda code: [code]
                )
            case orders.Invitations():
                return self._list_invitations()
            case orders.Revoke(invitation=invitation):
                return self._writer.follow(partial(_revoke, invitation=invitation), _revoked)

    # Lists

    async def _list_accounts(self) -> list[str]:
        return lists.of_accounts(await self._store.run(accounts.everybody), self._directory)

    async def _list_sessions(self) -> list[str]:
        return lists.of_sessions(self._directory)

    async def _list_rooms(self) -> list[str]:
        return lists.of_rooms(await self._store.run(rooms.everything))

    async def _list_invitations(self) -> list[str]:
        users = await self._store.run(passes.users)
        return lists.of_invitations(await self._store.run(passes.everything), users)

    # Changes

    async def _reset_password(self, username: str, password: str) -> list[str]:
        check_password(password, self._limits)
        password_hash = await self._passwords.hash(password)
        work = partial(_reset_password, username=username, password_hash=password_hash)
        return await self._writer.follow(work, self._has_new_password)

    async def _end_session(self, whose: str) -> list[str]:
        if not whose.isdecimal():
            return await self._writer.follow(
                partial(_end_sessions, username=whose.removeprefix("@")), self._out
            )
        speaker = next((one for one in self._directory.speakers() if one.number == int(whose)), None)
        if speaker is None:
            raise Refused(f"there is no session {whose}; a user of that name is @{whose}")
        return await self._writer.follow(
            lambda transaction: tokens.drop_family(transaction.connection, speaker.family),
            lambda _: self._end(speaker),
        )

    def _disabled(self, kept: Kept) -> list[str]:
        ended = self._dismiss(kept, AccountDisabled())
        return [f"{kept.username} is disabled; {ended}"]

    def _has_new_password(self, kept: Kept) -> list[str]:
        ended = self._dismiss(kept, SessionEnded())
        return [f"{kept.username} has a new password; {ended}"]

    def _out(self, kept: Kept) -> list[str]:
        ended = self._dismiss(kept, SessionEnded())
        return [f"{kept.username} has to log in again; {ended}"]

    def _end(self, speaker: Speaker) -> list[str]:
        if speaker.account is not None:
            self._presence.dismiss(speaker.account, {speaker}, SessionEnded())
        return [f"session {speaker.number} has ended"]

    def _dismiss(self, kept: Kept, reason: ChatError) -> str:
        account = self._directory.accounts.get(kept.id)
        count = len(account.speakers) if account else 0
        if account is not None:
            self._presence.dismiss(account, account.speakers, reason)
        return f"sessions ended here: {count}"

    def _deleted(self, room: Closed) -> list[str]:
        self._moderation.closed(room)
        return [f"{labels.room(room.name)} is no more; what was said there is forgotten bit by bit"]


# In the transaction


def _disable(transaction: Transaction, *, username: str) -> Kept:
    kept = _end_sessions(transaction, username=username)
    accounts.set_disabled(transaction.connection, kept.id, transaction.now)
    return kept


def _enable(transaction: Transaction, *, username: str) -> Kept:
    kept = rights.find_user(transaction.connection, username)
    accounts.set_disabled(transaction.connection, kept.id, None)
    return kept


def _reset_password(transaction: Transaction, *, username: str, password_hash: str) -> Kept:
    kept = _end_sessions(transaction, username=username)
    accounts.set_password(transaction.connection, kept.id, password_hash)
    return kept


def _end_sessions(transaction: Transaction, *, username: str) -> Kept:
    """Whoever is logged in as this user is not any more, and no token brings them back."""
    kept = rights.find_user(transaction.connection, username)
    transaction.end_sessions(kept.id)
    tokens.drop_account(transaction.connection, kept.id)
    return kept


def _delete_room(transaction: Transaction, *, room: str) -> Closed:
    transaction.lock([_find_room(transaction, room).conversation_id])
    return remove(transaction, _find_room(transaction, room), None)


def _find_room(transaction: Transaction, room: str) -> Room:
    found = rooms.find(transaction.connection, names.key(labels.room_name(room)))
    if found is None:
        raise UnknownRoom(room=labels.room(room))
    return found


def _invite(transaction: Transaction, *, room: str, uses: int, days: int) -> str:
    where = _find_room(transaction, room).conversation_id if room else None
    return codes.issue(transaction, conversation_id=where, uses=uses, days=days)


def _revoke(transaction: Transaction, *, invitation: str) -> Pass:
    meant = [one for one in passes.everything(transaction.connection) if lists.short(one) == invitation]
    if not meant:
        raise Refused(f"there is no invitation {invitation}; chat-server admin invitations lists them")
    passes.drop(transaction.connection, meant[0].digest)
    return meant[0]


# Wording


def _enabled(kept: Kept) -> list[str]:
    return [f"{kept.username} may log in again"]


def _revoked(one: Pass) -> list[str]:
    return [f"invitation {lists.short(one)} lets nobody in any more"]
