"""Whom I want to hear nothing more from. Only the one who blocks ever learns of it.

What the other one sees is what a friend sees who is a friend no longer: the friendship is over, and I am
offline. What they say in a room is not theirs to be denied, and stays; a client may hide it.
"""

from dataclasses import dataclass
from functools import partial

from db import accounts, blocks, friends
from db.records import Account as Kept
from db.records import Direct
from db.transaction import Transaction
from protocol import requests, responses
from protocol.errors import NotYourself
from server import rights
from server.announcer import Announcer
from server.handlers.common import account_of
from server.handlers.friends import Friends, part
from server.live import Account, Directory, Speaker
from server.replies import Commit, Query, Reply


@dataclass(frozen=True, slots=True)
class Change:
    """Whom it concerns, and how the two see their private chat when a friendship ended by it."""

    other: Kept
    sides: tuple[Direct, Direct] | None = None


class People:
    def __init__(self, directory: Directory, announcer: Announcer, friends: Friends) -> None:
        self._directory = directory
        self._announcer = announcer
        self._friends = friends

    def block(self, speaker: Speaker, request: requests.Block) -> Reply:
        account = account_of(speaker)

        def then(change: Change) -> responses.Response:
            if change.sides is not None:
                self._friends.tell_both(account, *change.sides, but=speaker)
            self._hide(account, change.other, hidden=True)
            return responses.Ok(id=request.id)

        return Commit(partial(_block, account=account, username=request.username), then)

    def unblock(self, speaker: Speaker, request: requests.Unblock) -> Reply:
        account = account_of(speaker)

        def then(change: Change) -> responses.Response:
            self._hide(account, change.other, hidden=False)
            return responses.Ok(id=request.id)

        return Commit(partial(_unblock, account=account, username=request.username), then)

    def list_blocked(self, speaker: Speaker, request: requests.ListBlocked) -> Reply:
        def then(usernames: list[str]) -> responses.Response:
            return responses.Blocked(id=request.id, usernames=usernames)

        return Query(partial(blocks.listing, account_id=account_of(speaker).id), then)

    def _hide(self, account: Account, other: Kept, *, hidden: bool) -> None:
        """From now on an account is offline for another one, or is no longer."""
        if hidden is (other.id in account.blocked):
            return
        (account.blocked.add if hidden else account.blocked.discard)(other.id)
        if live := self._directory.accounts.get(other.id):
            self._announcer.hide(account, live, hidden=hidden)


# In the transaction


def _block(transaction: Transaction, *, account: Account, username: str) -> Change:
    connection = transaction.connection
    other = _lock(transaction, account, username)
    blocks.add(connection, account.id, other.id, transaction.now)
    direct = friends.find(connection, account.id, other.id)
    if direct is None or direct.ended:
        return Change(other)
    transaction.lock([direct.conversation_id])
    return Change(other, part(transaction, account.id, direct))


def _unblock(transaction: Transaction, *, account: Account, username: str) -> Change:
    other = _lock(transaction, account, username)
    blocks.remove(transaction.connection, account.id, other.id)
    return Change(other)


def _lock(transaction: Transaction, account: Account, username: str) -> Kept:
    """Another account; nobody becomes its friend meanwhile. Raises ``UnknownUser``, ``NotYourself``."""
    other = rights.find_user(transaction.connection, username)
    if other.id == account.id:
        raise NotYourself
    accounts.lock(transaction.connection, (account.id, other.id))
    transaction.news.accounts.add(account.id)
    return other
