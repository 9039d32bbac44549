"""Friends, and the private chats with them."""

from functools import partial
from operator import attrgetter

from sqlalchemy import Connection

from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import accounts, friends, messages, revisions
from chatroom.db.records import DirectRecord, StoredMessage
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import labels, names, requests, responses, values
from chatroom.protocol.errors import AlreadyFriends, NotEntered, NotFriends, SelfFriend
from chatroom.protocol.frame import UNSET
from chatroom.protocol.wire import encode_frame
from chatroom.server.auth import permissions
from chatroom.server.auth.validation import check_nickname
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.friendships import (
    FriendshipSides,
    announce_friendship,
    end_friendship,
    read_friendship,
)
from chatroom.server.domain.pages import answer_size, fill_page, messages_within, page_start
from chatroom.server.domain.request_checks import page_size, speaker_account
from chatroom.server.results import CommitWork, ReadPage, Reply
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import friend_value, page_values
from chatroom.server.state.system_messages import enter_conversation, leave_conversation


class FriendHandlers:
    def __init__(self, limits: LimitSettings, directory: LiveDirectory, notifier: EventNotifier) -> None:
        self._limits = limits
        self._directory = directory
        self._notifier = notifier

    def list_friends(self, speaker: Speaker, request: requests.ListFriends) -> Reply:
        account_id, start = speaker_account(speaker).id, page_start(request)

        def work(connection: Connection) -> bytes:
            read = partial(friends.list_directs, connection, account_id)
            values = map(self._friend_value, start.read_entries(read, attrgetter("friend")))
            page, end = fill_page(values, attrgetter("friend"), start.limit, answer_size(self._limits))
            return encode_frame(
                responses.Friends(id=request.id, friends=page, more=end.more, cursor=end.cursor)
            )

        return ReadPage(work)

    def add_friend(self, speaker: Speaker, request: requests.AddFriend) -> Reply:
        account = speaker_account(speaker)

        def then(sides: FriendshipSides) -> responses.Response:
            announce_friendship(self._directory, self._notifier, account, sides, but=speaker)
            return responses.Friend(id=request.id, friend=self._friend_value(sides.own))

        return CommitWork(
            partial(_add_friendship, account=account, username=request.username, limit=self._limits.friends),
            then,
        )

    def remove_friend(self, speaker: Speaker, request: requests.RemoveFriend) -> Reply:
        account = speaker_account(speaker)

        def then(sides: FriendshipSides) -> responses.Response:
            announce_friendship(self._directory, self._notifier, account, sides, but=speaker)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_remove_friendship, account=account, username=request.username), then)

    def enter_direct(self, speaker: Speaker, request: requests.EnterDirect) -> Reply:
        account = speaker_account(speaker)
        check_nickname(request.nickname, self._limits)

        def then(entry: tuple[DirectRecord, list[StoredMessage]]) -> responses.Response:
            direct, page = entry
            self._directory.seat_in_direct(account, direct)
            self._notifier.friend_changed(account, direct, but=speaker)
            newest = page_values(page, labels.direct_label(direct.friend), account.id)
            return responses.Entered(
                id=request.id,
                friend=self._friend_value(direct),
                messages=messages_within(newest, answer_size(self._limits), keep_last=True),
            )

        work = partial(
            _enter_direct,
            account=account,
            username=request.username,
            nickname=request.nickname,
            page=page_size(UNSET, self._limits.page),
        )
        return CommitWork(work, then)

    def leave_direct(self, speaker: Speaker, request: requests.LeaveDirect) -> Reply:
        account = speaker_account(speaker)

        def then(direct: DirectRecord) -> responses.Response:
            self._directory.seat_in_direct(account, direct)
            self._notifier.friend_changed(account, direct, but=speaker)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_leave_direct, account=account, username=request.username), then)

    def _friend_value(self, direct: DirectRecord) -> values.Friend:
        return friend_value(direct, self._directory)


# In the transaction


def _add_friendship(
    transaction: WriteTransaction, *, account: LiveAccount, username: str, limit: int
) -> FriendshipSides:
    connection = transaction.connection
    if names.name_key(username) == names.name_key(account.username):
        raise SelfFriend
    other = permissions.find_user(connection, username)
    accounts.lock_accounts(connection, (account.id, other.id))
    permissions.check_may_befriend(connection, account.id, other, limit)
    try:
        friends.add_friendship(connection, account.id, other.id, transaction.now)
    except AlreadyExists:
        raise AlreadyFriends(username=other.username) from None
    return read_friendship(transaction, account.id, other.id)


def _remove_friendship(
    transaction: WriteTransaction, *, account: LiveAccount, username: str
) -> FriendshipSides:
    direct = _lock_direct(transaction, account.id, username)
    if direct.ended:
        raise NotFriends(username=direct.friend)
    return end_friendship(transaction, account.id, direct)


def _enter_direct(
    transaction: WriteTransaction, *, account: LiveAccount, username: str, nickname: str, page: int
) -> tuple[DirectRecord, list[StoredMessage]]:
    connection = transaction.connection
    direct = _lock_direct(transaction, account.id, username)
    if direct.ended:
        raise NotFriends(username=direct.friend)
    enter_conversation(transaction, direct.seat, account, nickname)
    newest, _ = messages.message_page(connection, direct.conversation_id, limit=page)
    return permissions.find_direct(connection, account.id, username), revisions.latest_states(
        connection, newest
    )


def _leave_direct(transaction: WriteTransaction, *, account: LiveAccount, username: str) -> DirectRecord:
    direct = _lock_direct(transaction, account.id, username)
    if not direct.seat.entered:
        raise NotEntered(conversation=labels.direct_label(direct.friend))
    leave_conversation(transaction, direct.seat)
    return permissions.find_direct(transaction.connection, account.id, username)


def _lock_direct(transaction: WriteTransaction, account_id: int, username: str) -> DirectRecord:
    direct = permissions.find_direct(transaction.connection, account_id, username)
    transaction.lock_changing([direct.conversation_id])
    return permissions.find_direct(transaction.connection, account_id, username)
