"""The file that ``saving`` asks for: everything that I may read, or a part of it. Rooms first, then private
chats, each in the order of time.

The messages come in pages from the server and go through a merge into the file, so a history of any length
needs the memory of a few pages a conversation. The pages are those of ``export``; a server that knows no such
request is asked for its ``history``. They are asked for ahead of time: seqs have no gaps, so it is known
where each begins, and the server reads the next one while this one is written. The file is written beside the
old one, which keeps its place until the new one is whole.
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

AHEAD = 3
"""So many pages of a conversation are asked for before the first of them is written."""

MOST_HELD = 30_000
"""Messages that are here at once, some 20 MB: with many conversations, their pages are shorter."""

BREATH = 500
"""Messages after which whatever else the client does has its turn; to write them takes some 3 ms."""

Progress = Callable[[int, int], None]
"""Is told how many messages are written, and of how many that there are."""


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
    """Write the file and say how many messages are in it. ``only`` one conversation; ``since`` a time.

    A lost connection only makes it wait. Raises ``OSError`` or ``Refused``; then, as when it is cancelled,
    the old file stands as it was.
    """
    scribe, parts = TranscriptFormatter(state.username, shape), _transcript_parts(state, session, only)
    readers = [reader for _, readers in parts for reader in readers]
    try:
        with files.replacing_file(path) as file:
            for reader in readers:
                await reader.seek_since(since)
            account = _SaveProgress(progress, sum(reader.total for reader in readers))
            for heading, wanted in parts:
                file.write(scribe.format_heading(heading))
                async for run in _merge_by_time(wanted):
                    lines = [scribe.format_line(message) for message in run]
                    file.write(b"".join(lines))
                    await account.count_lines(lines)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())  # a slow disk need not keep the screen waiting
    finally:
        for reader in readers:
            reader.cancel_fetch()
    return account.written


def _transcript_parts(
    state: ClientState, session: Session, only: Conversation | None
) -> list[tuple[str, list["_ConversationReader"]]]:
    """The headings of the file, and whom to read under them."""
    rooms, directs = select.list_rooms(state, mine=True), select.list_directs(state)
    wanted = [
        (heading, [one for one in conversations if only in (None, one)])
        for heading, conversations in (("log.rooms", rooms), ("log.directs", directs))
    ]
    share = MOST_HELD // AHEAD // max(1, *(len(conversations) for _, conversations in wanted))
    return [
        (heading, [_ConversationReader(state, session, one, share) for one in ones])
        for heading, ones in wanted
    ]


class _SaveProgress:
    """How far it has come."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.written = 0
        self._done = 0
        self._total = total
        self._progress = progress
        self._until_breath = BREATH
        progress(0, total)

    async def count_lines(self, lines: Sequence[bytes]) -> None:
        """So many messages more; a line is empty for those that are not in the file."""
        self.written += sum(map(bool, lines))
        self._done += len(lines)
        self._until_breath -= len(lines)
        if self._until_breath <= 0:
            self._until_breath = BREATH
            self._progress(self._done, self._total)
            await asyncio.sleep(0)


class _ConversationReader:
    """One conversation up to its head of now, some pages ahead."""

    def __init__(self, state: ClientState, session: Session, one: Conversation, share: int) -> None:
        limits = state.limits
        assert limits is not None  # the first word of every server
        self.total = one.head
        self._session = session
        self._name = one.name
        self._head = one.head
        self._exports = limits.export is not UNSET
        self._page = limits.page if limits.export is UNSET else max(limits.page, min(limits.export, share))
        self._asked = 0
        self._coming: deque[asyncio.Task[list[Message]]] = deque()

    async def seek_since(self, since: str) -> None:
        """Begin with the first message that is not older."""
        if since and self._head:
            found = await self._request_page(
                requests.History(id=0, conversation=self._name, at=since, limit=1)
            )
            self._asked = min(found[0].seq - 1, self._head) if found else self._head
        self.total = self._head - self._asked

    async def next_messages(self) -> list[Message]:
        """The next messages; none at the end."""
        while self._asked < self._head and len(self._coming) < AHEAD:
            to = min(self._asked + self._page, self._head)
            self._coming.append(background.start(self._fetch_messages(self._asked, to), expected=(Refused,)))
            self._asked = to
        return await self._coming.popleft() if self._coming else []

    def cancel_fetch(self) -> None:
        for task in self._coming:
            task.cancel()

    async def _fetch_messages(self, after: int, to: int) -> list[Message]:
        """The messages behind ``after`` up to ``to``, in as few pages as the server likes."""
        found: list[Message] = []
        while after < to:
            kind = requests.Export if self._exports else requests.History
            page = await self._request_page(
                kind(id=0, conversation=self._name, after=after, limit=to - after)
            )
            if not page:
                break
            found += page
            after = page[-1].seq
        return found

    async def _request_page(self, frame: requests.Export | requests.History) -> list[Message]:
        return (await self._session.fetch_history(frame)).messages


async def _merge_by_time(readers: list[_ConversationReader]) -> AsyncIterator[Sequence[Message]]:
    """The messages of all, the earliest first, in runs of one conversation."""
    heap: list[tuple[str, int, int, list[Message]]] = []
    for number, reader in enumerate(readers):
        if page := await reader.next_messages():
            heap.append((page[0].time, number, 0, page))
    heapq.heapify(heap)
    while heap:
        _, number, at, page = heapq.heappop(heap)
        end = min(at + BREATH, _run_end(page, at, number, heap))
        yield page[at:end]
        if end == len(page):
            page, end = await readers[number].next_messages(), 0
        if page:
            heapq.heappush(heap, (page[end].time, number, end, page))


def _run_end(
    page: list[Message], at: int, number: int, heap: list[tuple[str, int, int, list[Message]]]
) -> int:
    """Where the run ends that begins with the earliest message of all: before the next one of another's."""
    if not heap:
        return len(page)
    time, other, *_ = heap[0]
    behind = bisect_right if number < other else bisect_left
    return behind(page, time, lo=at, key=attrgetter("time"))
