"""The content of the history pane: a sequence of blocks of rows.

A conversation shows its messages, with the client's notes and the refused lines between them in the order of
time, and the lines that wait for the server at the end. ``HistoryView`` asks only for the visible blocks; so
nothing here may cost more with a million messages than with a thousand.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Hashable
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

from msgspec import UNSET
from msgspec.structs import replace

from chatroom.client.model.select import mentions_me, retention_days
from chatroom.client.model.state import ClientNote, ClientState, Conversation, DeliveryState, PendingMessage
from chatroom.client.text import dates, i18n
from chatroom.client.view.draw.joined_rows import unbroken_rows
from chatroom.client.view.draw.text import Row
from chatroom.client.view.history.collapse import NoticeGroups, group_rows
from chatroom.client.view.history.columns import REPORT_COLUMNS, TextColumns
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

MAX_AUTHOR_PAUSE = 5 * 60 * 1000
"""Milliseconds. After a longer pause, the compact display names the author again."""

UNBROKEN_COLUMNS = 100_000
"""Columns of a row that is not wrapped; more than a message has."""

InsertedItem = ClientNote | PendingMessage
"""A note of the client or a refused line, which is shown between messages."""


class DisplayOptions(NamedTuple):
    """How a conversation is shown."""

    compact: bool = False  # do not repeat the author of consecutive messages
    collapse: bool = False  # collapse long messages and runs of notices
    expand_key: str = ""  # the name of the key that expands them
    end_key: str = ""  # the name of the key that goes to the end
    unbroken: bool = False  # cut long rows only at the edge of the screen, for copying
    columns: TextColumns = REPORT_COLUMNS
    markdown: bool = False
    hidden_notes: Container[int] = ()  # the ids of notes that the banner shows


class ScrollContent(Protocol):
    """Blocks 0 to ``len - 1``, each of zero or more rows."""

    title: str
    opens_at_top: bool
    has_more_below: bool  # newer messages are not loaded, so a view at the end does not follow it
    below_key: str  # of the text with the count of what is below the visible rows

    def __len__(self) -> int: ...

    def block_rows(self, block: int, width: int) -> list[Row]: ...

    def block_key(self, block: int) -> Hashable:
        """Return a key that does not change when other blocks are inserted before this one."""

    def find_block(self, key: Hashable) -> int | None:
        """Return the block with this key, or ``None``."""

    def count_below(self, block: int) -> int:
        """Return how many messages, lines or rows are below the block."""


class ConversationContent:
    """The content of a conversation at one moment; built for every frame.

    Block 0 tells whether there are older messages. Then come messages and inserted items, then pending
    lines. If newer messages are not loaded, the last block says so. ``self._inserted_indexes[i]`` is the
    index of the i-th inserted item among messages and inserted items.
    """

    opens_at_top = False

    below_key = "status.newer"

    def __init__(
        self, state: ClientState, conversation: Conversation, options: DisplayOptions | None = None
    ) -> None:
        self.title = conversation.name
        self.has_more_below = conversation.past is not None
        self._state = state
        self._conversation = conversation
        self._options = options or DisplayOptions()
        self._timeline = conversation.shown
        self._messages = self._timeline.messages
        self._inserted = _inserted_items(state, conversation)
        self._pending = [line for line in conversation.pending if line.delivery is DeliveryState.WAITING]
        self._inserted_indexes = [
            self._count_up_to(item.after) + number for number, item in enumerate(self._inserted)
        ]
        self._item_count = len(self._messages) + len(self._inserted)
        self._notice_groups = NoticeGroups(self._timeline, self._has_rulers)
        self._first_unread = conversation.unread_from
        self._seqs_before_inserted = frozenset(item.after for item in self._inserted)
        self._account_skeletons: frozenset[bytes] | None = None

    def __len__(self) -> int:
        return 1 + self._item_count + len(self._pending) + self.has_more_below

    def block_rows(self, block: int, width: int) -> list[Row]:
        if block == 0:
            return self._top_rows(width)
        if self._is_more_below(block):
            label = i18n.translate("view.more_below") + key_hint(self._options.end_key)
            return [ruler_row("class:new", label, width)]
        match self._block_item(block):
            case ClientNote() as note:
                is_hidden = id(note) in self._options.hidden_notes
                return [] if is_hidden else self._cut_rows(partial(note_rows, note), width)
            case PendingMessage() as pending:
                nickname = self._conversation.nickname or self._state.username
                return self._cut_rows(partial(pending_rows, pending, nickname), width)
            case message:
                return self._message_rows(message, width)

    def block_key(self, block: int) -> Hashable:
        if block == 0:
            return None
        if self._is_more_below(block):
            return "end"
        match self._block_item(block):
            case ClientNote() as note:
                return id(note)
            case PendingMessage(cid=cid):
                return cid
            case message:
                return message.seq

    def find_block(self, key: Hashable) -> int | None:
        if isinstance(key, int) and self._timeline.first <= key <= self._timeline.last:
            return self.block_of(key)
        for block in self._other_blocks():
            if self.block_key(block) == key:
                return block
        return None

    def block_of(self, seq: int) -> int:
        """Return the block of a message, or the block where it would be if it were loaded."""
        messages_above = self._count_up_to(seq - 1)
        # For each inserted item, how many messages are above it.
        counts = [index - number for number, index in enumerate(self._inserted_indexes)]
        return 1 + messages_above + bisect_right(counts, messages_above)

    def seq_at(self, block: int) -> int:
        """Return the seq of the last message in this block or above it, or 0."""
        items = min(block, self._item_count)
        index = items - bisect_left(self._inserted_indexes, items) - 1
        return self._messages[index].seq if index >= 0 else 0

    def message_at(self, block: int) -> Message | None:
        """Return the message of a block; ``None`` for a block of another kind."""
        if block == 0 or self._is_more_below(block):
            return None
        item = self._block_item(block)
        return item if isinstance(item, Message) else None

    def count_below(self, block: int) -> int:
        """Return how many messages and pending lines are below the block."""
        messages = self._conversation.timeline.last - self.seq_at(block) if self._messages else 0
        return messages + min(len(self._pending), len(self) - 1 - block)

    def _count_up_to(self, seq: int) -> int:
        """Return how many of the loaded messages have at most this seq."""
        return min(max(0, seq - self._timeline.first + 1), len(self._messages)) if self._messages else 0

    def _is_more_below(self, block: int) -> bool:
        return self.has_more_below and block == len(self) - 1

    def _block_item(self, block: int) -> Message | ClientNote | PendingMessage:
        index = block - 1
        if index >= self._item_count:
            return self._pending[index - self._item_count]
        number = bisect_left(self._inserted_indexes, index)
        if number < len(self._inserted_indexes) and self._inserted_indexes[number] == index:
            return self._inserted[number]
        return self._messages[index - number]

    def _other_blocks(self) -> list[int]:
        """Return the blocks that are not messages."""
        return [0, *(1 + index for index in self._inserted_indexes), *range(1 + self._item_count, len(self))]

    def _top_rows(self, width: int) -> list[Row]:
        if not self._conversation.member:
            label = i18n.translate("view.not_member", room=self._conversation.name)
        elif self._timeline.more:
            label = i18n.translate("view.loading" if self._timeline.loading else "view.more_above")
        elif self._conversation.first > 1:
            return [ruler_row("class:hint", self._removed_label(), width)]
        elif not self._messages:
            label = i18n.translate("view.nothing_said")
        else:
            label = i18n.translate("view.beginning")
        return [ruler_row("class:day", label, width)]

    def _removed_label(self) -> str:
        days = retention_days(self._state, self._conversation.retention)
        return i18n.translate("view.removed_days" if days else "view.removed", count=days)

    def _message_rows(self, message: Message, width: int) -> list[Row]:
        rulers = self._ruler_rows(message, width)
        if message.username in self._state.ignored:
            return rulers
        if self._options.collapse and (group := self._notice_groups.group_around(message)):
            is_first = message.seq == group.first
            options = self._options
            return rulers + (
                group_rows(group, width, options.expand_key, options.columns) if is_first else []
            )
        # Reactions are drawn below. Without them, the cached rows stay valid when a reaction arrives.
        cached = message if message.reactions is UNSET else replace(message, reactions=UNSET)
        rows = self._cut_rows(
            lambda width, _: message_rows(cached, self._message_style(message, width)), width
        )
        return [
            *rulers,
            *self._quote_rows(message, width),
            *rows,
            *reaction_rows(message, width, self._options.columns),
        ]

    def _cut_rows(self, make_rows: Callable[[int, TextColumns], list[Row]], width: int) -> list[Row]:
        """Return rows of this width, wrapped or cut."""
        columns = self._options.columns
        if not self._options.unbroken:
            return make_rows(width, columns)
        return [part for row in make_rows(UNBROKEN_COLUMNS, columns) for part in unbroken_rows(row, width)]

    def _message_style(self, message: Message, width: int) -> MessageStyle:
        return MessageStyle(
            width,
            i18n.language,
            mine=message.username == self._state.username,
            mention=mentions_me(self._state, self._conversation, message),
            imitates_account=self._imitates_account(message),
            continues_author=self._options.compact and self._continues_author(message),
            collapse=self._options.collapse,
            expand_key=self._options.expand_key,
            selected=message.seq == self._conversation.selected,
            columns=self._options.columns,
            markdown=self._options.markdown,
            marked_terms=self._state.search_terms,
        )

    def _quote_rows(self, message: Message, width: int) -> list[Row]:
        if message.kind not in SPOKEN_KINDS or message.target is UNSET or message.deleted is True:
            return []
        is_removed = message.target < self._conversation.first
        quoted = self._timeline.find(message.target)
        return quote_rows(quoted, width, self._options.columns, is_removed=is_removed)

    def _continues_author(self, message: Message) -> bool:
        """Return whether the message above is by the same author and not much older."""
        above = self._timeline.find(message.seq - 1)
        if above is None or message.target is not UNSET or self._has_rulers(message):
            return False
        if not above.kind == message.kind == "text" or above.username != message.username:
            return False
        if above.nickname != message.nickname or above.seq in self._seqs_before_inserted:
            return False
        now, before = dates.milliseconds(message.time), dates.milliseconds(above.time)
        return now is not None and before is not None and now - before <= MAX_AUTHOR_PAUSE

    def _ruler_rows(self, message: Message, width: int) -> list[Row]:
        """Return the rulers above a message: the first of its day, the first unread."""
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
        """Return whether the nickname looks like the name of another account."""
        if message.nickname == message.username:
            return False
        if self._account_skeletons is None:
            self._account_skeletons = _known_skeletons(self._state, self._conversation)
        skeleton = _cached_skeleton(message.nickname)
        return skeleton in self._account_skeletons and skeleton != _cached_skeleton(message.username)


def _inserted_items(state: ClientState, conversation: Conversation) -> list[InsertedItem]:
    """Return the notes and refused lines in the order of display."""
    refused = [line for line in conversation.pending if line.delivery is DeliveryState.REFUSED]
    return sorted([*notes_of(state, conversation.name), *refused], key=_insertion_order)


def _insertion_order(item: InsertedItem) -> tuple[int, int]:
    return item.after, item.at if isinstance(item, ClientNote) else item.written_at


def notes_of(state: ClientState, name: str) -> list[ClientNote]:
    return [note for note in state.notes if note.conversation == name]


def _known_skeletons(state: ClientState, conversation: Conversation) -> frozenset[bytes]:
    """Return the skeletons of all account names that the user may know from this conversation."""
    friends = (name[1:] for name in state.conversations if name.startswith("@"))
    members = (member.username for member in conversation.roster)
    return _skeletons_of((state.username, *friends, *members))


@lru_cache(maxsize=16)
def _skeletons_of(names: tuple[str, ...]) -> frozenset[bytes]:
    """Cached, because a room may have thousands of members."""
    return frozenset(map(_cached_skeleton, names))


@lru_cache(maxsize=4096)
def _cached_skeleton(name: str) -> bytes:
    return name_skeleton(name)
