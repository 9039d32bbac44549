"""Writes the file of ``/save``: the rooms, then the private chats, each part in the order of time.

The pages of the conversations are merged into the file, so a history of any length needs the memory of a few
pages per conversation. Pages are requested with ``export``, or with ``history`` from an older server. They
are requested ahead: seqs have no gaps, so the start of each page is known, and the server reads the next page
while the client writes the current one. The new file replaces the old one only when it is complete.
"""

import asyncio
import heapq
import os
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from operator import attrgetter
from pathlib import Path

from chatroom.client import background
from chatroom.client.core.session import Session
from chatroom.client.export.transcript_format import TranscriptFormat, TranscriptFormatter
from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.storage import files
from chatroom.protocol import requests
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import Message

DEFAULT = "log.txt"

PAGES_AHEAD = 3
"""Pages of a conversation that are requested before the first of them is written."""

MAX_LOADED = 30_000
"""Messages in memory at once, about 20 MB. With many conversations, their pages are shorter."""

MESSAGES_PER_SLICE = 500
"""Messages that are written before other tasks run; writing them takes about 3 ms."""

Progress = Callable[[int, int], None]
"""Called with the number of messages written and the total."""


async def write_transcript(
    state: ClientState,
    session: Session,
    path: Path,
    shape: TranscriptFormat,
    progress: Progress,
    *,
    only: Conversation | None = None,
    since: str = "",
) -> int:
    """Write the file and return the number of messages in it.

    ``only`` limits it to one conversation, ``since`` to messages from a time on. After a lost connection it
    continues. Raises ``OSError`` or ``Refused``; then, or if it is cancelled, the old file is unchanged.
    """
    formatter, parts = TranscriptFormatter(state.username, shape), _transcript_parts(state, session, only)
    readers = [reader for _, readers in parts for reader in readers]
    try:
        with files.replacing_file(path) as file:
            for reader in readers:
                await reader.seek_since(since)
            counter = _SaveProgress(progress, sum(reader.total for reader in readers))
            for heading, part in parts:
                file.write(formatter.format_heading(heading))
                async for run in _merge_by_time(part):
                    lines = [formatter.format_line(message) for message in run]
                    file.write(b"".join(lines))
                    await counter.count_lines(lines)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())  # a slow disk must not block the screen
    finally:
        for reader in readers:
            reader.cancel_fetch()
    return counter.written


def _transcript_parts(
    state: ClientState, session: Session, only: Conversation | None
) -> list[tuple[str, list["_ConversationReader"]]]:
    """Return the headings of the file, each with the readers of its conversations."""
    rooms, directs = select.list_rooms(state, mine=True), select.list_directs(state)
    parts = [
        (heading, [conversation for conversation in conversations if only in (None, conversation)])
        for heading, conversations in (("log.rooms", rooms), ("log.directs", directs))
    ]
    share = MAX_LOADED // PAGES_AHEAD // max(1, *(len(conversations) for _, conversations in parts))
    return [
        (
            heading,
            [_ConversationReader(state, session, conversation, share) for conversation in conversations],
        )
        for heading, conversations in parts
    ]


class _SaveProgress:
    """Counts the messages, reports the progress and lets other tasks run."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.written = 0
        self._done = 0
        self._total = total
        self._progress = progress
        self._until_pause = MESSAGES_PER_SLICE
        progress(0, total)

    async def count_lines(self, lines: Sequence[bytes]) -> None:
        """Count formatted messages. A line is empty for a message that is not in the file."""
        self.written += sum(map(bool, lines))
        self._done += len(lines)
        self._until_pause -= len(lines)
        if self._until_pause <= 0:
            self._until_pause = MESSAGES_PER_SLICE
            self._progress(self._done, self._total)
            await asyncio.sleep(0)


class _ConversationReader:
    """Reads a conversation up to its current head, some pages ahead."""

    def __init__(self, state: ClientState, session: Session, conversation: Conversation, share: int) -> None:
        limits = state.limits
        assert limits is not None  # every server begins with a welcome
        self._first = conversation.first
        self.total = conversation.head + 1 - conversation.first
        self._session = session
        self._name = conversation.name
        self._head = conversation.head
        self._exports = limits.export is not UNSET
        self._page = limits.page if limits.export is UNSET else max(limits.page, min(limits.export, share))
        self._requested = conversation.first - 1
        self._pages: deque[asyncio.Task[list[Message]]] = deque()

    async def seek_since(self, since: str) -> None:
        """Skip the messages before ``since``."""
        if since and self._head:
            page = await self._request_page(
                requests.History(id=0, conversation=self._name, at=since, limit=1)
            )
            self._requested = min(page[0].seq - 1, self._head) if page else self._head
        self.total = self._head - self._requested

    async def next_messages(self) -> list[Message]:
        """Return the next messages; an empty list at the end."""
        while self._requested < self._head or self._pages:
            if messages := await self._next_page():
                return messages
        return []

    async def _next_page(self) -> list[Message]:
        """Return the next page, which is empty if all of its messages were removed meanwhile."""
        while self._requested < self._head and len(self._pages) < PAGES_AHEAD:
            to = min(self._requested + self._page, self._head)
            self._pages.append(
                background.start(self._fetch_messages(self._requested, to), expected=(Refused,))
            )
            self._requested = to
        return await self._pages.popleft()

    def cancel_fetch(self) -> None:
        for task in self._pages:
            task.cancel()

    async def _fetch_messages(self, after: int, to: int) -> list[Message]:
        """Fetch the messages after ``after`` up to ``to``, in as few pages as the server allows."""
        messages: list[Message] = []
        while after < to:
            kind = requests.Export if self._exports else requests.History
            page = await self._request_page(
                kind(id=0, conversation=self._name, after=after, limit=to - after)
            )
            if not page:
                break
            messages += [message for message in page if message.seq <= to]  # older ones may be removed
            after = page[-1].seq
        return messages

    async def _request_page(self, frame: requests.Export | requests.History) -> list[Message]:
        return (await self._session.fetch_history(frame)).messages


async def _merge_by_time(readers: list[_ConversationReader]) -> AsyncIterator[Sequence[Message]]:
    """Yield the messages of all readers, the earliest first, in runs of one conversation."""
    heap: list[tuple[str, int, int, list[Message]]] = []
    for number, reader in enumerate(readers):
        if page := await reader.next_messages():
            heap.append((page[0].time, number, 0, page))
    heapq.heapify(heap)
    while heap:
        _, number, at, page = heapq.heappop(heap)
        end = min(at + MESSAGES_PER_SLICE, _run_end(page, at, number, heap))
        yield page[at:end]
        if end == len(page):
            page, end = await readers[number].next_messages(), 0
        if page:
            heapq.heappush(heap, (page[end].time, number, end, page))


def _run_end(
    page: list[Message], at: int, number: int, heap: list[tuple[str, int, int, list[Message]]]
) -> int:
    """Return where the run that begins at ``at`` ends: before the next message of another conversation."""
    if not heap:
        return len(page)
    time, other, *_ = heap[0]
    bisect = bisect_right if number < other else bisect_left
    return bisect(page, time, lo=at, key=attrgetter("time"))
