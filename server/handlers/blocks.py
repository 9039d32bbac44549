"""Blocked accounts. Only the blocking account sees the block.

To the blocked account it looks like the end of a friendship: the friendship is over, and the blocking account
is offline. Messages of a blocked account in a room are still delivered; a client may hide them.
"""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from chatroom.db.queries import accounts, blocks, friends
from chatroom.db.records import AccountRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import requests, responses
from chatroom.protocol.errors import NotYourself
from chatroom.protocol.wire import encode_frame
from chatroom.server.auth import permissions
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.friendships import FriendshipSides, announce_friendship, end_friendship
from chatroom.server.domain.pages import answer_size, fill_page, page_start
from chatroom.server.domain.request_checks import speaker_account
from chatroom.server.results import CommitWork, ReadPage, Reply
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier


@dataclass(frozen=True, slots=True)
class BlockChange:
    """The account that was blocked or unblocked, and the private chat if this ended a friendship."""

    other: AccountRecord
    sides: FriendshipSides | None = None


class BlockHandlers:
    def __init__(self, limits: LimitSettings, directory: LiveDirectory, notifier: EventNotifier) -> None:
        self._limits = limits
        self._directory = directory
        self._notifier = notifier

    def block(self, speaker: Speaker, request: requests.Block) -> Reply:
        account = speaker_account(speaker)

        def then(change: BlockChange) -> responses.Response:
            if change.sides is not None:
                announce_friendship(self._directory, self._notifier, account, change.sides, but=speaker)
            self._set_hidden(account, change.other, hidden=True)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_add_block, account=account, username=request.username), then)

    def unblock(self, speaker: Speaker, request: requests.Unblock) -> Reply:
        account = speaker_account(speaker)

        def then(change: BlockChange) -> responses.Response:
            self._set_hidden(account, change.other, hidden=False)
            return responses.Ok(id=request.id)

        return CommitWork(partial(_remove_block, account=account, username=request.username), then)

    def list_blocked(self, speaker: Speaker, request: requests.ListBlocked) -> Reply:
        account_id, start = speaker_account(speaker).id, page_start(request)

        def work(connection: Connection) -> bytes:
            read = partial(blocks.blocked_usernames, connection, account_id)
            usernames = start.read_entries(read, str)
            page, end = fill_page(usernames, str, start.limit, answer_size(self._limits))
            return encode_frame(
                responses.Blocked(id=request.id, usernames=page, more=end.more, cursor=end.cursor)
            )

        return ReadPage(work)

    def _set_hidden(self, account: LiveAccount, other: AccountRecord, *, hidden: bool) -> None:
        """Hide or show the presence of ``account`` to ``other``."""
        if hidden is (other.id in account.blocked):
            return
        (account.blocked.add if hidden else account.blocked.discard)(other.id)
        if live := self._directory.find_account(other.id):
            self._notifier.hidden_changed(account, live, hidden=hidden)


# In the transaction


def _add_block(transaction: WriteTransaction, *, account: LiveAccount, username: str) -> BlockChange:
    connection = transaction.connection
    other = _lock_other(transaction, account, username)
    blocks.add_block(connection, account.id, other.id, transaction.now)
    direct = friends.find_direct(connection, account.id, other.id)
    if direct is None or direct.ended:
        return BlockChange(other)
    transaction.lock_changing([direct.conversation_id])
    return BlockChange(other, end_friendship(transaction, account.id, direct))


def _remove_block(transaction: WriteTransaction, *, account: LiveAccount, username: str) -> BlockChange:
    other = _lock_other(transaction, account, username)
    blocks.remove_block(transaction.connection, account.id, other.id)
    return BlockChange(other)


def _lock_other(transaction: WriteTransaction, account: LiveAccount, username: str) -> AccountRecord:
    """Lock both accounts, so that no friendship begins until COMMIT; return the other one.

    Raises ``UnknownUser``, ``NotYourself``.
    """
    other = permissions.find_user(transaction.connection, username)
    if other.id == account.id:
        raise NotYourself
    accounts.lock_accounts(transaction.connection, (account.id, other.id))
    transaction.changes.accounts.add(account.id)
    return other
