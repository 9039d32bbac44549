"""Answers of bounded size: lists in pages, and pages of messages that end early."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

from chatroom.protocol import names, requests
from chatroom.protocol.errors import BadFrame
from chatroom.protocol.frame import UNSET, UnsetType
from chatroom.protocol.responses import Response
from chatroom.protocol.values import Message, Value
from chatroom.protocol.wire import encode_frame, encoded_size
from chatroom.server.config.settings import LimitSettings, effective_limit

Entry = TypeVar("Entry", bound=Value | str)
Row = TypeVar("Row")
RowT = TypeVar("RowT", covariant=True)


class ReadChunk(Protocol[RowT]):
    """A query of a list."""

    def __call__(self, *, after: bytes, limit: int) -> Sequence[RowT]: ...


CHUNK_ENTRIES = 1000
"""Entries of a list that one query reads."""

MAX_CURSOR_LENGTH = 65
"""Code points in a cursor: the longest name, and the sign before it."""

FRAME_BYTES = 4096
"""Bytes of an answer beside its entries, more than enough."""


class PageStart(NamedTuple):
    """Where a requested page of a list begins: ``after`` this name key. It has at most ``limit`` entries."""

    after: bytes
    limit: int

    def read_entries(self, read: "ReadChunk[Row]", name: Callable[[Row], str]) -> Iterator[Row]:
        """Read rows from here on, in chunks. ``read`` is a query with ``after`` and ``limit``."""
        after, size = self.after, min(self.limit + 1, CHUNK_ENTRIES)
        while chunk := read(after=after, limit=size):
            yield from chunk
            if len(chunk) < size:
                return
            after, size = names.name_key(name(chunk[-1])), CHUNK_ENTRIES


class ListPage(NamedTuple):
    """The fields of an answer that say whether a list has further entries."""

    more: bool | UnsetType = UNSET
    cursor: str | UnsetType = UNSET

    @property
    def fields(self) -> dict[str, bool | str | UnsetType]:
        return self._asdict()


def page_start(request: requests.AnyListRequest) -> PageStart:
    """Raises ``BadFrame`` for a cursor that the server has not sent."""
    cursor, limit = request.cursor, request.limit
    if cursor is UNSET:
        after = b""
    elif 0 < len(cursor) <= MAX_CURSOR_LENGTH:
        after = names.name_key(cursor.lstrip("#@"))
    else:
        raise BadFrame(id=request.id, reason="no cursor of ours")
    return PageStart(after, effective_limit(0) if limit is UNSET else limit)


def fill_page(
    entries: Iterable[Entry], name: Callable[[Entry], str], limit: int, size: int
) -> tuple[list[Entry], ListPage]:
    """Take up to ``limit`` entries that together have at most ``size`` bytes, but at least one.

    ``name`` of the last one becomes the cursor if there are more.
    """
    taken: list[Entry] = []
    rest, left = iter(entries), size
    for entry in islice(rest, limit):
        left -= encoded_size(entry) + 1
        if left < 0 and taken:
            return taken, ListPage(True, name(taken[-1]))
        taken.append(entry)
    if taken and next(rest, None) is not None:
        return taken, ListPage(True, name(taken[-1]))
    return taken, ListPage()


def answer_size(limits: LimitSettings) -> int:
    """The bytes that the entries of an answer may have."""
    return max(effective_limit(limits.answer_bytes) - FRAME_BYTES, FRAME_BYTES)


def encode_messages(
    make: Callable[[list[Message], int], Response],
    page: Sequence[Message],
    limits: LimitSettings,
    *,
    keep_last: bool = False,
) -> bytes:
    """Encode a page of messages. If it is too long, its end, or with ``keep_last`` its beginning, is cut.

    ``make`` is given the messages and how many were cut.
    """
    size = answer_size(limits)
    line = encode_frame(make(list(page), 0))
    if len(line) <= size:
        return line
    fitting = messages_within(page, size, keep_last=keep_last)
    return encode_frame(make(fitting, len(page) - len(fitting)))


def messages_within(page: Sequence[Message], size: int, *, keep_last: bool = False) -> list[Message]:
    """Return as many messages from one end of a page as have at most ``size`` bytes, but at least one."""
    ordered = page[::-1] if keep_last else page
    fitting, _ = fill_page(ordered, lambda message: "", len(page), size)
    return fitting[::-1] if keep_last else fitting
