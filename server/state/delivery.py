"""Send committed messages to the sessions that follow their conversations. Each message is encoded once.

``db.writer.writer`` calls ``deliver_messages`` with committed messages, in order and without gaps.

A session never gets messages from after the loss of its seat, even if another server process removed the
seat. When the writer finds that another process changed a conversation's roster, the order is:

1. ``apply_rosters`` drops the accounts without a seat and notifies their sessions.
2. ``deliver_messages`` sends the new messages to the remaining members.
3. ``server.cluster`` seats the new members in a transaction of its own and sends them the head; events follow
   from there.

An account that lost its seat and got it back between two polls may read everything in between.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from msgspec import json

from chatroom.db.queries.messages import SPOKEN_KINDS
from chatroom.db.records import SeatKey, StoredMessage
from chatroom.db.writer.transaction import RosterSeats
from chatroom.protocol import events, labels
from chatroom.protocol.errors import Unavailable
from chatroom.protocol.wire import encode_frame
from chatroom.server.state.directory import (
    LiveAccount,
    LiveConversation,
    LiveDirectory,
    LiveSeat,
    Speaker,
    send_lines,
)
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import message_value
from chatroom.server.state.statistics import SessionStatistics

REMOVAL_KINDS = ("kick", "ban")
"""The kinds of notices of a removed member, whose user name is their text."""

RETRY_AFTER = 0.1
"""``retry_after`` in seconds for a session that is disconnected because it missed too many events."""

_conversation = attrgetter("conversation_id")


def event_line(stored: StoredMessage, label: str) -> bytes:
    """Return the event line of a message, as every receiver except the author gets it."""
    return encode_frame(events.Message(message=message_value(stored, label)))


def own_line(line: bytes, cid: str) -> bytes:
    """Return an event line with the cid appended, as the author gets it, without encoding it again."""
    return b'%b,"cid":%b}}\n' % (line.removesuffix(b"}}\n"), json.encode(cid))


class MessageDelivery:
    """Sends messages to the sessions in ``directory``.

    ``unsettled`` holds the seats that another process added or changed, for ``server.cluster`` to read.
    """

    def __init__(
        self, directory: LiveDirectory, announcer: EventNotifier, statistics: SessionStatistics
    ) -> None:
        self._directory = directory
        self._statistics = statistics
        self._announcer = announcer
        self.unsettled: set[SeatKey] = set()

    def take_unsettled(self) -> set[SeatKey]:
        """Return the unsettled seats and clear them."""
        unsettled, self.unsettled = self.unsettled, set()
        return unsettled

    def apply_rosters(self, seatings: Sequence[RosterSeats], messages: Sequence[StoredMessage]) -> None:
        """Apply rosters that other processes changed; ``messages`` are the messages since then."""
        for seating in seatings:
            conversation = self._directory.conversations.get(seating.conversation_id)
            if conversation is not None:
                self._apply_roster(conversation, seating, messages)

    def _apply_roster(
        self, conversation: LiveConversation, seating: RosterSeats, messages: Sequence[StoredMessage]
    ) -> None:
        id, seats = conversation.id, seating.seats
        for account, seat in self._directory.seats_in(id):
            new_seat = seats.get(account.id)
            if new_seat is None:
                self._drop_member(account, conversation, messages)
            elif not conversation.name or new_seat != (seat.nickname, seat.entered):
                seat.nickname, seat.entered = new_seat
                self.unsettled.add((account.id, id))
        accounts = self._directory.accounts
        self.unsettled |= {
            (account_id, id)
            for account_id in accounts.keys() & seats.keys()
            if id not in accounts[account_id].seats
        }
        if conversation.name:  # a private chat keeps its old roster, so the writer checks each message
            conversation.roster = seating.roster

    def _drop_member(
        self, account: LiveAccount, conversation: LiveConversation, messages: Sequence[StoredMessage]
    ) -> None:
        reason, by = _removal_reason(account, conversation.id, messages)
        self._directory.drop_seat(account, conversation.id)
        self._announcer.room_removed(account, conversation.name, reason, by)

    def deliver_messages(self, stored: Sequence[StoredMessage]) -> None:
        """Send messages, those of one conversation together and ordered by seq."""
        for id, run in groupby(stored, key=_conversation):
            conversation = self._directory.conversations.get(id)
            if conversation is not None:
                self._deliver_room(conversation, list(run))

    def _deliver_room(self, conversation: LiveConversation, run: list[StoredMessage]) -> None:
        if run[0].seq > conversation.head + 1:
            self._disconnect_listeners(conversation)
        conversation.head = run[-1].seq
        self._count_unread(conversation, run)
        if not conversation.listeners:
            return
        self._statistics.deliveries += len(run) * len(conversation.listeners)
        if not conversation.name:
            self._deliver_direct(conversation, run)
            return
        label = labels.room_label(conversation.name)
        lines = [event_line(stored, label) for stored in run]
        authors: list[set[Speaker]] = []
        for author, positions in _own_messages(run).items():
            account = self._directory.accounts.get(author)
            # An author who has lost the seat is not a listener any more.
            sessions = set() if account is None else account.speakers & conversation.listeners
            if sessions:
                authors.append(sessions)
                own = lines.copy()
                for position, cid in positions:
                    own[position] = own_line(lines[position], cid)
                send_lines(sessions, b"".join(own))
        send_lines(conversation.listeners.difference(*authors), b"".join(lines))

    def _disconnect_listeners(self, conversation: LiveConversation) -> None:
        """Disconnect all listeners after a gap, so that they resume and fetch the missing messages."""
        for listener in list(conversation.listeners):
            listener.close(Unavailable(retry_after=RETRY_AFTER))

    def _deliver_direct(self, conversation: LiveConversation, run: list[StoredMessage]) -> None:
        """Send messages of a private chat. Each side has its own label for it, so each gets its own lines."""
        for account, seat in self._direct_sides(conversation):
            lines = [event_line(stored, seat.label) for stored in run]
            for position, cid in _own_messages(run).get(account, ()):
                lines[position] = own_line(lines[position], cid)
            send_lines(self._directory.accounts[account].speakers, b"".join(lines))

    def _direct_sides(self, conversation: LiveConversation) -> list[tuple[int, LiveSeat]]:
        accounts = {listener.account for listener in conversation.listeners}
        return [(account.id, account.seats[conversation.id]) for account in accounts if account is not None]

    def _count_unread(self, conversation: LiveConversation, run: list[StoredMessage]) -> None:
        """Update the unread counts of all members, without a step for each member."""
        for stored in run:
            if stored.kind in SPOKEN_KINDS:
                conversation.spoken += 1
                author = self._directory.accounts.get(stored.account_id)
                if author is not None and conversation.id in author.seats:
                    author.seats[conversation.id].count_own_message()


def _removal_reason(
    account: LiveAccount, conversation_id: int, messages: Sequence[StoredMessage]
) -> tuple[str, str]:
    """Return why an account lost its seat and who removed it, from the notices in the conversation. Without a
    notice the account resigned.
    """
    for stored in messages:
        is_same = stored.conversation_id == conversation_id
        if is_same and stored.kind in REMOVAL_KINDS and stored.text == account.username:
            return stored.kind, stored.username
    return "resign", account.username


def _own_messages(run: Sequence[StoredMessage]) -> dict[int, list[tuple[int, str]]]:
    """Return, by account, the positions and cids of its messages in a run. Notices have no cid."""
    positions: dict[int, list[tuple[int, str]]] = {}
    for position, stored in enumerate(run):
        if stored.cid is not None:
            positions.setdefault(stored.account_id, []).append((position, stored.cid))
    return positions
