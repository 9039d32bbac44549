"""Messages just stored, handed to every session that should see them: encoded once, given to many.

The counterpart is ``db.writer.writer``, which calls ``deliver_messages`` with what is committed, gapless and
in order.

Nobody gets what was said after losing the seat, also if that was taken through another server process. So
when the writer finds that a conversation's roster was changed by others, this is the order:

1. whoever has no seat there any more is dropped, and told so (``apply_rosters``);
2. what was said meanwhile goes to those who are left (``deliver_messages``);
3. whoever was let in meanwhile is seated by ``peers``, in a transaction of its own, and told its head: from
   there on, events follow.

Between two looks of ours it may have been that somebody went and came back; who has a seat now may read all
that was said, also in between.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

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
from msgspec import json

PUT_OUT = ("kick", "ban")
"""The kinds of notice that tell that somebody, whose name is their text, has lost the seat."""

AT_ONCE = 0.1
"""Seconds after which somebody may resume whose connection had to be broken off."""

_conversation = attrgetter("conversation_id")


def event_line(stored: StoredMessage, label: str) -> bytes:
    """A message as everybody gets it but its author."""
    return encode_frame(events.Message(message=message_value(stored, label)))


def own_line(line: bytes, cid: str) -> bytes:
    """The same line with what its author alone sees, and sees at its end: so nothing is written twice."""
    return b'%b,"cid":%b}}\n' % (line.removesuffix(b"}}\n"), json.encode(cid))


class MessageDelivery:
    """Hands messages to the sessions in ``directory``.

    In ``unsettled`` are seats that were given or changed through another process, for ``peers`` to look at.
    """

    def __init__(self, directory: LiveDirectory, announcer: EventNotifier) -> None:
        self._directory = directory
        self._announcer = announcer
        self.unsettled: set[SeatKey] = set()

    def take_unsettled(self) -> set[SeatKey]:
        """Return the seats to look at, and forget them."""
        unsettled, self.unsettled = self.unsettled, set()
        return unsettled

    def apply_rosters(self, seatings: Sequence[RosterSeats], said: Sequence[StoredMessage]) -> None:
        """Others have changed who has a seat in conversations, and have ``said`` this since."""
        for seating in seatings:
            conversation = self._directory.conversations.get(seating.conversation_id)
            if conversation is not None:
                self._apply_roster(conversation, seating, said)

    def _apply_roster(
        self, conversation: LiveConversation, seating: RosterSeats, said: Sequence[StoredMessage]
    ) -> None:
        id, seats = conversation.id, seating.seats
        for account, seat in self._directory.seats_in(id):
            standing = seats.get(account.id)
            if standing is None:
                self._drop_member(account, conversation, said)
            elif not conversation.name or standing != (seat.nickname, seat.entered):
                seat.nickname, seat.entered = standing
                self.unsettled.add((account.id, id))
        here = self._directory.accounts
        self.unsettled |= {(one, id) for one in here.keys() & seats.keys() if id not in here[one].seats}
        if conversation.name:  # whether two are still friends is not among these: until it is settled, the
            conversation.roster = seating.roster  # writer checks each message

    def _drop_member(
        self, account: LiveAccount, conversation: LiveConversation, said: Sequence[StoredMessage]
    ) -> None:
        reason, by = _removal_reason(account, conversation.id, said)
        self._directory.drop_seat(account, conversation.id)
        self._announcer.room_removed(account, conversation.name, reason, by)

    def deliver_messages(self, stored: Sequence[StoredMessage]) -> None:
        """Hand on messages, those of one conversation together and in the order of their seqs."""
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
        if not conversation.name:
            self._deliver_direct(conversation, run)
            return
        label = labels.room_label(conversation.name)
        lines = [event_line(stored, label) for stored in run]
        authors: list[set[Speaker]] = []
        for author, places in _own_messages(run).items():
            account = self._directory.accounts.get(author)
            # An author who has lost the seat is no listener any more.
            sessions = set() if account is None else account.speakers & conversation.listeners
            if sessions:
                authors.append(sessions)
                own = lines.copy()
                for place, cid in places:
                    own[place] = own_line(lines[place], cid)
                send_lines(sessions, b"".join(own))
        send_lines(conversation.listeners.difference(*authors), b"".join(lines))

    def _disconnect_listeners(self, conversation: LiveConversation) -> None:
        """Too much was missed to be handed out. Events go without a gap, so whoever listens has to resume."""
        for listener in list(conversation.listeners):
            listener.close(Unavailable(retry_after=AT_ONCE))

    def _deliver_direct(self, conversation: LiveConversation, run: list[StoredMessage]) -> None:
        """The two sides call it by two names, so each gets its own lines."""
        for account, seat in self._direct_sides(conversation):
            lines = [event_line(stored, seat.label) for stored in run]
            for place, cid in _own_messages(run).get(account, ()):
                lines[place] = own_line(lines[place], cid)
            send_lines(self._directory.accounts[account].speakers, b"".join(lines))

    def _direct_sides(self, conversation: LiveConversation) -> list[tuple[int, LiveSeat]]:
        accounts = {listener.account for listener in conversation.listeners}
        return [(account.id, account.seats[conversation.id]) for account in accounts if account is not None]

    def _count_unread(self, conversation: LiveConversation, run: list[StoredMessage]) -> None:
        """Keep what is unread of others' messages current, without a step for each member."""
        for stored in run:
            if stored.kind in SPOKEN_KINDS:
                conversation.spoken += 1
                author = self._directory.accounts.get(stored.account_id)
                if author is not None and conversation.id in author.seats:
                    author.seats[conversation.id].count_own_message()


def _removal_reason(
    account: LiveAccount, conversation_id: int, said: Sequence[StoredMessage]
) -> tuple[str, str]:
    """Why somebody has no seat any more, and by whose hand, as the conversation itself tells it. Only
    those who go of their own accord go without a word.
    """
    for stored in said:
        here = stored.conversation_id == conversation_id
        if here and stored.kind in PUT_OUT and stored.text == account.username:
            return stored.kind, stored.username
    return "resign", account.username


def _own_messages(run: Sequence[StoredMessage]) -> dict[int, list[tuple[int, str]]]:
    """Who said what: by account, the places of its messages in the run, and their cids. A notice has no cid,
    and so looks the same to everybody.
    """
    places: dict[int, list[tuple[int, str]]] = {}
    for place, stored in enumerate(run):
        if stored.cid is not None:
            places.setdefault(stored.account_id, []).append((place, stored.cid))
    return places
