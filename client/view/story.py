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

from msgspec import UNSET
from msgspec.structs import replace

from client import dates, words
from client.model.select import mentions_me
from client.model.state import Conversation, Delivery, Note, Pending, State
from client.view import notices
from client.view.messages import (
    Looks,
    by_key,
    message_rows,
    note_rows,
    pending_rows,
    quote_rows,
    reaction_rows,
    ruler,
)
from client.view.text import Row
from protocol.names import skeleton
from protocol.values import SPOKEN_KINDS, Message

BREATH = 5 * 60 * 1000
"""Milliseconds. Whoever says something more after a longer pause is named again."""


Aside = Note | Pending
"""What stands among the messages and is none: the client's own words, and lines that were refused."""


class Manner(NamedTuple):
    """How somebody likes their stories told."""

    compact: bool = False  # who goes on speaking is not named again
    folded: bool = False  # tall messages and crowds of notices show only that they are there
    unfolds: str = ""  # the key that opens what is folded
    returns: str = ""  # the key that leads back to the end


class Story(Protocol):
    """Blocks 0 to ``len - 1``, each of some rows or none."""

    title: str
    opens_at_top: bool
    open_end: bool  # there is more behind it, and nobody at its end wants to be carried along

    def __len__(self) -> int: ...

    def rows(self, block: int, width: int) -> list[Row]: ...

    def name(self, block: int) -> Hashable:
        """What stays with the block when others come before it."""

    def find(self, name: Hashable) -> int | None:
        """The block of that name, if it is still there."""

    def below(self, block: int) -> int:
        """How many things worth counting stand below the block."""


class ConversationStory:
    """What a conversation shows, as it stands now; made anew for every picture.

    Block 0 tells whether there is more above, then come messages and asides, then what waits; who looks far
    back finds a last block that says so. ``self._slots[i]`` is where, among messages and asides together, the
    i-th aside stands.
    """

    opens_at_top = False

    def __init__(self, state: State, conversation: Conversation, manner: Manner | None = None) -> None:
        self.title = conversation.name
        self.open_end = conversation.past is not None
        self._state = state
        self._conversation = conversation
        self._manner = manner or Manner()
        self._timeline = conversation.shown
        self._messages = self._timeline.messages
        self._asides = _asides(state, conversation)
        self._waiting = [one for one in conversation.pending if one.delivery is Delivery.WAITING]
        self._slots = [self._behind(aside.after) + number for number, aside in enumerate(self._asides)]
        self._middle = len(self._messages) + len(self._asides)
        self._crowds = notices.Crowds(self._timeline, self._has_rulers)
        self._first_unread = conversation.unread_from
        self._parted = frozenset(aside.after for aside in self._asides)  # the seqs behind which one stands
        self._accounts: frozenset[bytes] | None = None

    def __len__(self) -> int:
        return 1 + self._middle + len(self._waiting) + self.open_end

    def rows(self, block: int, width: int) -> list[Row]:
        if block == 0:
            return self._top_rows(width)
        if self._is_open_end(block):
            return [ruler("class:new", words.say("view.more_below") + by_key(self._manner.returns), width)]
        match self._thing(block):
            case Note() as note:
                return note_rows(note, width)
            case Pending() as pending:
                nickname = self._conversation.nickname or self._state.username
                return pending_rows(pending, nickname, width)
            case message:
                return self._message_rows(message, width)

    def name(self, block: int) -> Hashable:
        if block == 0:
            return None
        if self._is_open_end(block):
            return "end"
        match self._thing(block):
            case Note() as note:
                return id(note)
            case Pending(cid=cid):
                return cid
            case message:
                return message.seq

    def find(self, name: Hashable) -> int | None:
        if isinstance(name, int) and self._timeline.first <= name <= self._timeline.last:
            return self.block_of(name)
        for block in self._other_blocks():
            if self.name(block) == name:
                return block
        return None

    def block_of(self, seq: int) -> int:
        """Where the message stands, or would stand if it were here."""
        index = self._behind(seq - 1)
        return 1 + index + bisect_right([slot - number for number, slot in enumerate(self._slots)], index)

    def seq_at(self, block: int) -> int:
        """The seq of the last message that stands in this block or above it; 0 for none."""
        places = min(block, self._middle)
        index = places - bisect_left(self._slots, places) - 1
        return self._messages[index].seq if index >= 0 else 0

    def below(self, block: int) -> int:
        """How many messages and lines that wait stand below the block."""
        messages = self._conversation.timeline.last - self.seq_at(block) if self._messages else 0
        return messages + min(len(self._waiting), len(self) - 1 - block)

    def _behind(self, seq: int) -> int:
        """How many of the messages that are here stand up to this seq."""
        return min(max(0, seq - self._timeline.first + 1), len(self._messages)) if self._messages else 0

    def _is_open_end(self, block: int) -> bool:
        return self.open_end and block == len(self) - 1

    def _thing(self, block: int) -> Message | Note | Pending:
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
            label = words.say("view.not_member", room=self._conversation.name)
        elif not (self._messages or self._timeline.more):
            label = words.say("view.nothing_said")
        elif self._timeline.more:
            label = words.say("view.loading" if self._timeline.loading else "view.more_above")
        else:
            label = words.say("view.beginning")
        return [ruler("class:day", label, width)]

    def _message_rows(self, message: Message, width: int) -> list[Row]:
        rulers = self._rulers(message, width)
        if message.username in self._state.ignored:
            return rulers
        if self._manner.folded and (crowd := self._crowds.around(message)):
            return rulers + (self._crowd(crowd, width) if message.seq == crowd.first else [])
        said = message if message.reactions is UNSET else replace(message, reactions=UNSET)
        rows = message_rows(said, self._looks(message, width))
        return [*rulers, *self._quote(message, width), *rows, *reaction_rows(message, width)]

    def _crowd(self, crowd: notices.Crowd, width: int) -> list[Row]:
        return notices.crowd_rows(crowd, width, self._manner.unfolds)

    def _looks(self, message: Message, width: int) -> Looks:
        return Looks(
            width,
            words.language,
            mine=message.username == self._state.username,
            mention=mentions_me(self._state, self._conversation, message),
            posing=self._posing(message),
            follows=self._manner.compact and self._follows(message),
            folded=self._manner.folded,
            unfolds=self._manner.unfolds,
            selected=message.seq == self._conversation.selected,
        )

    def _quote(self, message: Message, width: int) -> list[Row]:
        if message.kind not in SPOKEN_KINDS or message.target is UNSET or message.deleted is True:
            return []
        return quote_rows(self._timeline.find(message.target), width)

    def _follows(self, message: Message) -> bool:
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

    def _rulers(self, message: Message, width: int) -> list[Row]:
        """What stands above a message: the line of its day, the line above the first unread one."""
        rows = []
        if self._begins_day(message):
            rows.append(ruler("class:day", dates.clock(message.time)[:10], width))
        if message.seq == self._first_unread:
            rows.append(ruler("class:new", words.say("view.new"), width))
        return rows

    def _has_rulers(self, message: Message) -> bool:
        return message.seq == self._first_unread or self._begins_day(message)

    def _begins_day(self, message: Message) -> bool:
        above = self._timeline.find(message.seq - 1)
        return above is None or dates.clock(above.time)[:10] != dates.clock(message.time)[:10]

    def _posing(self, message: Message) -> bool:
        """The nickname looks like the name of an account, and not of the one that wrote."""
        if message.nickname == message.username:
            return False
        if self._accounts is None:
            self._accounts = _accounts(self._state, self._conversation)
        looks = _looks_like(message.nickname)
        return looks in self._accounts and looks != _looks_like(message.username)


def _asides(state: State, conversation: Conversation) -> list[Aside]:
    """In the order in which they stand."""
    refused = [one for one in conversation.pending if one.delivery is Delivery.REFUSED]
    return sorted([*notes_of(state, conversation.name), *refused], key=_place)


def _place(aside: Aside) -> tuple[int, int]:
    return aside.after, aside.at if isinstance(aside, Note) else aside.written_at


def notes_of(state: State, name: str) -> list[Note]:
    return [note for note in state.notes if note.conversation == name]


def _accounts(state: State, conversation: Conversation) -> frozenset[bytes]:
    """What the names of all accounts look like that a reader of this conversation knows."""
    friends = (name[1:] for name in state.conversations if name.startswith("@"))
    members = (member.username for member in conversation.roster)
    return _looks_of((state.username, *friends, *members))


@lru_cache(maxsize=16)
def _looks_of(names: tuple[str, ...]) -> frozenset[bytes]:
    """Of a room with thousands of members this must not be worked out for every picture."""
    return frozenset(map(_looks_like, names))


@lru_cache(maxsize=4096)
def _looks_like(name: str) -> bytes:
    return skeleton(name)
