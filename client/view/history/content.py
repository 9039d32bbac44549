"""A story: the blocks of rows that one can scroll through, from the first to the last.

A conversation's story is its messages, with the client's notes where they were made and the lines that were
refused where they would have stood; below them, the lines that still wait for the server. The counterpart is
``timeline``, which asks only for the blocks in sight; so nothing here may cost more in a conversation of a
million messages than in one of a thousand.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from functools import lru_cache
from typing import NamedTuple, Protocol

from chatroom.client.model.select import mentions_me
from chatroom.client.model.state import ClientNote, ClientState, Conversation, DeliveryState, PendingMessage
from chatroom.client.text import dates, i18n
from chatroom.client.view.draw.text import Row
from chatroom.client.view.history import collapse
from chatroom.client.view.history.message_rows import (
    MessageStyle,
    key_hint,
    message_rows,
    note_rows,
    pending_rows,
    quote_rows,
    reaction_rows,
    ruler_row,
)
from chatroom.protocol.names import name_skeleton
from chatroom.protocol.values import SPOKEN_KINDS, Message
from msgspec import UNSET
from msgspec.structs import replace

BREATH = 5 * 60 * 1000
"""Milliseconds. Whoever says something more after a longer pause is named again."""


Aside = ClientNote | PendingMessage
"""What stands among the messages and is none: the client's own words, and lines that were refused."""


class DisplayOptions(NamedTuple):
    """How somebody likes their stories told."""

    compact: bool = False  # who goes on speaking is not named again
    folded: bool = False  # tall messages and crowds of notices show only that they are there
    unfolds: str = ""  # the key that opens what is folded
    returns: str = ""  # the key that leads back to the end


class ScrollContent(Protocol):
    """Blocks 0 to ``len - 1``, each of some rows or none."""

    title: str
    opens_at_top: bool
    open_end: bool  # there is more behind it, and nobody at its end wants to be carried along

    def __len__(self) -> int: ...

    def block_rows(self, block: int, width: int) -> list[Row]: ...

    def block_name(self, block: int) -> Hashable:
        """What stays with the block when others come before it."""

    def find_block(self, name: Hashable) -> int | None:
        """The block of that name, if it is still there."""

    def count_below(self, block: int) -> int:
        """How many things worth counting stand below the block."""


class ConversationContent:
    """What a conversation shows, as it stands now; made anew for every picture.

    Block 0 tells whether there is more above, then come messages and asides, then what waits; who looks far
    back finds a last block that says so. ``self._slots[i]`` is where, among messages and asides together, the
    i-th aside stands.
    """

    opens_at_top = False

    def __init__(
        self, state: ClientState, conversation: Conversation, manner: DisplayOptions | None = None
    ) -> None:
        self.title = conversation.name
        self.open_end = conversation.past is not None
        self._state = state
        self._conversation = conversation
        self._manner = manner or DisplayOptions()
        self._timeline = conversation.shown
        self._messages = self._timeline.messages
        self._asides = _notes_and_pending(state, conversation)
        self._waiting = [one for one in conversation.pending if one.delivery is DeliveryState.WAITING]
        self._slots = [self._count_up_to(aside.after) + number for number, aside in enumerate(self._asides)]
        self._middle = len(self._messages) + len(self._asides)
        self._crowds = collapse.NoticeGroups(self._timeline, self._has_rulers)
        self._first_unread = conversation.unread_from
        self._parted = frozenset(aside.after for aside in self._asides)  # the seqs behind which one stands
        self._accounts: frozenset[bytes] | None = None

    def __len__(self) -> int:
        return 1 + self._middle + len(self._waiting) + self.open_end

    def block_rows(self, block: int, width: int) -> list[Row]:
        if block == 0:
            return self._top_rows(width)
        if self._is_open_end(block):
            return [
                ruler_row(
                    "class:new", i18n.translate("view.more_below") + key_hint(self._manner.returns), width
                )
            ]
        match self._block_item(block):
            case ClientNote() as note:
                return note_rows(note, width)
            case PendingMessage() as pending:
                nickname = self._conversation.nickname or self._state.username
                return pending_rows(pending, nickname, width)
            case message:
                return self._message_rows(message, width)

    def block_name(self, block: int) -> Hashable:
        if block == 0:
            return None
        if self._is_open_end(block):
            return "end"
        match self._block_item(block):
            case ClientNote() as note:
                return id(note)
            case PendingMessage(cid=cid):
                return cid
            case message:
                return message.seq

    def find_block(self, name: Hashable) -> int | None:
        if isinstance(name, int) and self._timeline.first <= name <= self._timeline.last:
            return self.block_of(name)
        for block in self._other_blocks():
            if self.block_name(block) == name:
                return block
        return None

    def block_of(self, seq: int) -> int:
        """Where the message stands, or would stand if it were here."""
        index = self._count_up_to(seq - 1)
        return 1 + index + bisect_right([slot - number for number, slot in enumerate(self._slots)], index)

    def seq_at(self, block: int) -> int:
        """The seq of the last message that stands in this block or above it; 0 for none."""
        places = min(block, self._middle)
        index = places - bisect_left(self._slots, places) - 1
        return self._messages[index].seq if index >= 0 else 0

    def count_below(self, block: int) -> int:
        """How many messages and lines that wait stand below the block."""
        messages = self._conversation.timeline.last - self.seq_at(block) if self._messages else 0
        return messages + min(len(self._waiting), len(self) - 1 - block)

    def _count_up_to(self, seq: int) -> int:
        """How many of the messages that are here stand up to this seq."""
        return min(max(0, seq - self._timeline.first + 1), len(self._messages)) if self._messages else 0

    def _is_open_end(self, block: int) -> bool:
        return self.open_end and block == len(self) - 1

    def _block_item(self, block: int) -> Message | ClientNote | PendingMessage:
        place = block - 1
        if place >= self._middle:
            return self._waiting[place - self._middle]
        number = bisect_left(self._slots, place)
        if number < len(self._slots) and self._slots[number] == place:
            return self._asides[number]
        return self._messages[place - number]

    def _other_blocks(self) -> list[int]:
        """The blocks that are no messages."""
        return [0, *(1 + slot for slot in self._slots), *range(1 + self._middle, len(self))]

    def _top_rows(self, width: int) -> list[Row]:
        if not self._conversation.member:
            label = i18n.translate("view.not_member", room=self._conversation.name)
        elif not (self._messages or self._timeline.more):
            label = i18n.translate("view.nothing_said")
        elif self._timeline.more:
            label = i18n.translate("view.loading" if self._timeline.loading else "view.more_above")
        else:
            label = i18n.translate("view.beginning")
        return [ruler_row("class:day", label, width)]

    def _message_rows(self, message: Message, width: int) -> list[Row]:
        rulers = self._ruler_rows(message, width)
        if message.username in self._state.ignored:
            return rulers
        if self._manner.folded and (crowd := self._crowds.group_around(message)):
            return rulers + (self._group_rows(crowd, width) if message.seq == crowd.first else [])
        said = message if message.reactions is UNSET else replace(message, reactions=UNSET)
        rows = message_rows(said, self._message_style(message, width))
        return [*rulers, *self._quote_rows(message, width), *rows, *reaction_rows(message, width)]

    def _group_rows(self, crowd: collapse.NoticeGroup, width: int) -> list[Row]:
        return collapse.group_rows(crowd, width, self._manner.unfolds)

    def _message_style(self, message: Message, width: int) -> MessageStyle:
        return MessageStyle(
            width,
            i18n.language,
            mine=message.username == self._state.username,
            mention=mentions_me(self._state, self._conversation, message),
            posing=self._imitates_account(message),
            follows=self._manner.compact and self._continues_author(message),
            folded=self._manner.folded,
            unfolds=self._manner.unfolds,
            selected=message.seq == self._conversation.selected,
        )

    def _quote_rows(self, message: Message, width: int) -> list[Row]:
        if message.kind not in SPOKEN_KINDS or message.target is UNSET or message.deleted is True:
            return []
        return quote_rows(self._timeline.find(message.target), width)

    def _continues_author(self, message: Message) -> bool:
        """The same person said the message right above this one, not long before."""
        above = self._timeline.find(message.seq - 1)
        if above is None or message.target is not UNSET or self._has_rulers(message):
            return False
        if not above.kind == message.kind == "text" or above.username != message.username:
            return False
        if above.nickname != message.nickname or above.seq in self._parted:
            return False
        now, before = dates.milliseconds(message.time), dates.milliseconds(above.time)
        return now is not None and before is not None and now - before <= BREATH

    def _ruler_rows(self, message: Message, width: int) -> list[Row]:
        """What stands above a message: the line of its day, the line above the first unread one."""
        rows = []
        if self._begins_day(message):
            rows.append(ruler_row("class:day", dates.clock(message.time)[:10], width))
        if message.seq == self._first_unread:
            rows.append(ruler_row("class:new", i18n.translate("view.new"), width))
        return rows

    def _has_rulers(self, message: Message) -> bool:
        return message.seq == self._first_unread or self._begins_day(message)

    def _begins_day(self, message: Message) -> bool:
        above = self._timeline.find(message.seq - 1)
        return above is None or dates.clock(above.time)[:10] != dates.clock(message.time)[:10]

    def _imitates_account(self, message: Message) -> bool:
        """The nickname looks like the name of an account, and not of the one that wrote."""
        if message.nickname == message.username:
            return False
        if self._accounts is None:
            self._accounts = _known_skeletons(self._state, self._conversation)
        looks = _cached_skeleton(message.nickname)
        return looks in self._accounts and looks != _cached_skeleton(message.username)


def _notes_and_pending(state: ClientState, conversation: Conversation) -> list[Aside]:
    """In the order in which they stand."""
    refused = [one for one in conversation.pending if one.delivery is DeliveryState.REFUSED]
    return sorted([*notes_of(state, conversation.name), *refused], key=_aside_place)


def _aside_place(aside: Aside) -> tuple[int, int]:
    return aside.after, aside.at if isinstance(aside, ClientNote) else aside.written_at


def notes_of(state: ClientState, name: str) -> list[ClientNote]:
    return [note for note in state.notes if note.conversation == name]


def _known_skeletons(state: ClientState, conversation: Conversation) -> frozenset[bytes]:
    """What the names of all accounts look like that a reader of this conversation knows."""
    friends = (name[1:] for name in state.conversations if name.startswith("@"))
    members = (member.username for member in conversation.roster)
    return _skeletons_of((state.username, *friends, *members))


@lru_cache(maxsize=16)
def _skeletons_of(names: tuple[str, ...]) -> frozenset[bytes]:
    """Of a room with thousands of members this must not be worked out for every picture."""
    return frozenset(map(_cached_skeleton, names))


@lru_cache(maxsize=4096)
def _cached_skeleton(name: str) -> bytes:
    return name_skeleton(name)
