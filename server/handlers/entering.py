"""Rooms, entered: who gets in, by what, and what they find there. Whatever else is done with them is in
``rooms``.

A password or a code is looked at before the transaction: it may be a guess, and bcrypt takes its time. What
was found out is weighed within, under the room's lock (``rights.may_sit``).
"""

from dataclasses import dataclass
from functools import partial

from db import accounts, guests, memberships, messages, revisions
from db.records import Room, Seat, Stored
from db.store import Store
from db.transaction import Transaction
from protocol import labels, names, requests, responses
from protocol.errors import RoomFull
from protocol.frame import UNSET
from server import codes, rights
from server.announcer import Announcer
from server.checks import check_nickname
from server.codes import Gate
from server.config import Limits
from server.guesses import Guesses
from server.handlers.common import account_of, lock_room, page_size, room_as
from server.live import Account, Directory, Speaker
from server.notices import enter
from server.replies import Commit, Handled, Reply
from server.rights import Proof
from server.values import page_values, room_value


@dataclass(frozen=True, slots=True)
class Entry:
    """What entering gave: the room with my seat, the names of its members, and the newest page."""

    room: Room
    members: list[str]
    page: list[Stored]
    first: bool  # a seat was taken


class Entering:
    def __init__(
        self,
        limits: Limits,
        store: Store,
        guesses: Guesses,
        directory: Directory,
        announcer: Announcer,
        gate: Gate,
    ) -> None:
        self._limits = limits
        self._store = store
        self._guesses = guesses
        self._directory = directory
        self._announcer = announcer
        self._gate = gate

    def enter_room(self, speaker: Speaker, request: requests.EnterRoom) -> Handled:
        check_nickname(request.nickname, self._limits)
        if request.password is UNSET and request.invitation is UNSET:
            return self._enter(speaker, request, UNSET, None)
        return self._enter_with(speaker, request)

    async def _enter_with(self, speaker: Speaker, request: requests.EnterRoom) -> Reply:
        """Enter with a password, a code, or both."""
        room, password, code = request.room, request.password, request.invitation
        proof = UNSET if password is UNSET else await self._prove(speaker, room, password)
        shown = None if code is UNSET else await self._look_at(speaker, room, code)
        return self._enter(speaker, request, proof, shown)

    async def _look_at(self, speaker: Speaker, room: str, code: str) -> bytes | None:
        """The digest of an invitation, where it makes a difference."""
        account_id = account_of(speaker).id
        there = await self._store.run(rights.find_door, account_id, room)
        if not rights.needs_invitation(account_id, there):
            return None
        return await self._gate.check(code, speaker.address, account_id)

    async def _prove(self, speaker: Speaker, room: str, password: str) -> str | None:
        """The hash of a room's password, if this is the password.

        A wrong one counts for the account at this room. One that is not needed is not looked at.
        """
        account_id = account_of(speaker).id
        there = await self._store.run(rights.find_door, account_id, room)
        if not rights.needs_password(account_id, there):
            return None
        kept = there.password_hash
        place = b"#%d %s" % (account_id, names.key(labels.room_name(room)))
        return kept if await self._guesses.is_right(password, kept, place, speaker) else None

    def _enter(
        self, speaker: Speaker, request: requests.EnterRoom, proof: Proof, shown: bytes | None
    ) -> Reply:
        account = account_of(speaker)

        def then(entry: Entry) -> responses.Response:
            self._directory.seat_in_room(account, entry.room)
            account.invited.discard(entry.room.conversation_id)
            if entry.first:
                self._announcer.room_changed(entry.room)
            else:
                self._announcer.own_room_changed(account, entry.room, but=speaker)
            return responses.Entered(
                id=request.id,
                room=room_value(entry.room),
                members=entry.members,
                messages=page_values(entry.page, labels.room(entry.room.name), account.id),
            )

        work = partial(
            _enter,
            account=account,
            room=request.room,
            nickname=request.nickname,
            page=page_size(UNSET, self._limits.page),
            proof=proof,
            shown=shown,
        )
        return Commit(work, then)


# In the transaction


def _enter(
    transaction: Transaction,
    *,
    account: Account,
    room: str,
    nickname: str,
    page: int,
    proof: Proof,
    shown: bytes | None,
) -> Entry:
    connection = transaction.connection
    there = lock_room(transaction, account.id, room, rights.find_door)
    id, seat = there.conversation_id, there.seat
    if first := seat is None:
        if shown is not None and codes.invite(transaction, shown, account.id, id):
            there = room_as(connection, account.id, id)
        rights.may_sit(connection, account, there, proof)
        seat = _take_seat(transaction, account.id, there)
    enter(transaction, seat, account, nickname)
    newest, _ = messages.page(connection, id, limit=page)
    members = memberships.names(connection, id)
    return Entry(room_as(connection, account.id, id), members, revisions.latest(connection, newest), first)


def _take_seat(transaction: Transaction, account_id: int, room: Room) -> Seat:
    """Take a seat of a room that is locked, so that nobody counts the same free seat twice."""
    connection, id = transaction.connection, room.conversation_id
    accounts.lock_shared(
        connection, account_id
    )  # whoever ends its sessions meanwhile has to know of the seat
    if room.members >= room.capacity:
        raise RoomFull(room=labels.room(room.name), members=room.members, capacity=room.capacity)
    memberships.take(
        connection,
        conversation_id=id,
        account_id=account_id,
        nickname=None,
        joined_seq=room.head,
        now=transaction.now,
    )
    if guests.uninvite(connection, id, account_id):
        transaction.news.accounts.add(account_id)
    seat = memberships.seat(connection, id, account_id)
    assert seat is not None
    return seat
