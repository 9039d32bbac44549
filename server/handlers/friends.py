"""Friends, and the private chats with them. How to be rid of somebody for good is in ``people``."""

from functools import partial

from db import accounts, friends, memberships, messages, revisions
from db.errors import Taken
from db.records import Direct, Stored
from db.transaction import Transaction
from protocol import labels, names, requests, responses, values
from protocol.errors import AlreadyFriends, NotEntered, NotFriends, SelfFriend
from protocol.frame import UNSET
from server import rights
from server.announcer import Announcer
from server.checks import check_nickname
from server.config import Limits
from server.handlers.common import account_of, page_size
from server.live import Account, Directory, Speaker
from server.notices import enter, leave
from server.replies import Commit, Query, Reply
from server.values import friend_value, page_values


class Friends:
    def __init__(self, limits: Limits, directory: Directory, announcer: Announcer) -> None:
        self._limits = limits
        self._directory = directory
        self._announcer = announcer

    def list_friends(self, speaker: Speaker, request: requests.ListFriends) -> Reply:
        def then(found: list[Direct]) -> responses.Response:
            return responses.Friends(id=request.id, friends=[self._value(direct) for direct in found])

        return Query(partial(friends.listing, account_id=account_of(speaker).id), then)

    def add_friend(self, speaker: Speaker, request: requests.AddFriend) -> Reply:
        account = account_of(speaker)

        def then(sides: tuple[Direct, Direct]) -> responses.Response:
            mine, theirs = sides
            self.tell_both(account, mine, theirs, but=speaker)
            return responses.Friend(id=request.id, friend=self._value(mine))

        return Commit(partial(_befriend, account=account, username=request.username), then)

    def remove_friend(self, speaker: Speaker, request: requests.RemoveFriend) -> Reply:
        account = account_of(speaker)

        def then(sides: tuple[Direct, Direct]) -> responses.Response:
            self.tell_both(account, *sides, but=speaker)
            return responses.Ok(id=request.id)

        return Commit(partial(_part, account=account, username=request.username), then)

    def enter_direct(self, speaker: Speaker, request: requests.EnterDirect) -> Reply:
        account = account_of(speaker)
        check_nickname(request.nickname, self._limits)

        def then(entry: tuple[Direct, list[Stored]]) -> responses.Response:
            direct, page = entry
            self._directory.seat_in_direct(account, direct)
            self._announcer.friend_changed(account, direct, but=speaker)
            return responses.Entered(
                id=request.id,
                friend=self._value(direct),
                messages=page_values(page, labels.direct(direct.friend), account.id),
            )

        work = partial(
            _enter,
            account=account,
            username=request.username,
            nickname=request.nickname,
            page=page_size(UNSET, self._limits.page),
        )
        return Commit(work, then)

    def leave_direct(self, speaker: Speaker, request: requests.LeaveDirect) -> Reply:
        account = account_of(speaker)

        def then(direct: Direct) -> responses.Response:
            self._directory.seat_in_direct(account, direct)
            self._announcer.friend_changed(account, direct, but=speaker)
            return responses.Ok(id=request.id)

        return Commit(partial(_leave, account=account, username=request.username), then)

    def tell_both(self, account: Account, mine: Direct, theirs: Direct, *, but: Speaker) -> None:
        """A friendship began or ended: both sides' sessions follow the private chat, and are told."""
        self._directory.seat_in_direct(account, mine)
        self._announcer.friend_changed(account, mine, but=but)
        other = self._directory.accounts.get(mine.friend_id)
        if other is not None:
            self._directory.seat_in_direct(other, theirs)
            self._announcer.friend_changed(other, theirs)

    def _value(self, direct: Direct) -> values.Friend:
        return friend_value(direct, self._directory)


# In the transaction


def _befriend(transaction: Transaction, *, account: Account, username: str) -> tuple[Direct, Direct]:
    connection = transaction.connection
    if names.key(username) == names.key(account.username):
        raise SelfFriend
    other = rights.find_user(connection, username)
    accounts.lock(connection, (account.id, other.id))
    rights.may_befriend(connection, account.id, other)
    try:
        friends.add(connection, account.id, other.id, transaction.now)
    except Taken:
        raise AlreadyFriends(username=other.username) from None
    return _sides(transaction, account.id, other.id)


def _part(transaction: Transaction, *, account: Account, username: str) -> tuple[Direct, Direct]:
    direct = _lock(transaction, account.id, username)
    if direct.ended:
        raise NotFriends(username=direct.friend)
    return part(transaction, account.id, direct)


def part(transaction: Transaction, account_id: int, direct: Direct) -> tuple[Direct, Direct]:
    """End a friendship, whose private chat is locked and left first by whoever had entered it.

    Returns how the two see it then.
    """
    for seat in memberships.roster(transaction.connection, direct.conversation_id):
        if seat.entered:
            leave(transaction, seat)
    friends.end(transaction.connection, direct.conversation_id, transaction.now)
    return _sides(transaction, account_id, direct.friend_id)


def _enter(
    transaction: Transaction, *, account: Account, username: str, nickname: str, page: int
) -> tuple[Direct, list[Stored]]:
    connection = transaction.connection
    direct = _lock(transaction, account.id, username)
    if direct.ended:
        raise NotFriends(username=direct.friend)
    enter(transaction, direct.seat, account, nickname)
    newest, _ = messages.page(connection, direct.conversation_id, limit=page)
    return rights.find_direct(connection, account.id, username), revisions.latest(connection, newest)


def _leave(transaction: Transaction, *, account: Account, username: str) -> Direct:
    direct = _lock(transaction, account.id, username)
    if not direct.seat.entered:
        raise NotEntered(conversation=labels.direct(direct.friend))
    leave(transaction, direct.seat)
    return rights.find_direct(transaction.connection, account.id, username)


def _lock(transaction: Transaction, account_id: int, username: str) -> Direct:
    direct = rights.find_direct(transaction.connection, account_id, username)
    transaction.lock([direct.conversation_id])
    return rights.find_direct(transaction.connection, account_id, username)


def _sides(transaction: Transaction, account_id: int, other_id: int) -> tuple[Direct, Direct]:
    """A private chat of which something was changed, as each of the two sees it."""
    mine = friends.find(transaction.connection, account_id, other_id)
    theirs = friends.find(transaction.connection, other_id, account_id)
    assert mine is not None
    assert theirs is not None
    transaction.lock([mine.conversation_id])
    return mine, theirs
