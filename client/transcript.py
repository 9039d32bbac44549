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

from client import background, files
from client.chat import Chat
from client.connection import Lost, Refused
from client.model import select
from client.model.state import Conversation
from client.scribe import Scribe, Shape
from client.session import expect
from protocol import requests, responses
from protocol.frame import UNSET
from protocol.values import Message

DEFAULT = "log.txt"

AHEAD = 3
"""So many pages of a conversation are asked for before the first of them is written."""

MOST_HELD = 30_000
"""Messages that are here at once, some 20 MB: with many conversations, their pages are shorter."""

BREATH = 500
"""Messages after which whatever else the client does has its turn; to write them takes some 3 ms."""

Progress = Callable[[int, int], None]
"""Is told how many messages are written, and of how many that there are."""


async def save(
    chat: Chat,
    path: Path,
    shape: Shape,
    progress: Progress,
    *,
    only: Conversation | None = None,
    since: str = "",
) -> int:
    """Write the file and say how many messages are in it. ``only`` one conversation; ``since`` a time.

    A lost connection only makes it wait. Raises ``OSError`` or ``Refused``; then, as when it is cancelled,
    the old file stands as it was.
    """
    scribe, parts = Scribe(chat.state.username, shape), _parts(chat, only)
    readers = [reader for _, readers in parts for reader in readers]
    try:
        with files.beside(path) as file:
            for reader in readers:
                await reader.begin(since)
            account = _Account(progress, sum(reader.total for reader in readers))
            for heading, wanted in parts:
                file.write(scribe.heading(heading))
                async for run in _merged(wanted):
                    lines = [scribe.line(message) for message in run]
                    file.write(b"".join(lines))
                    await account.passed(lines)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())  # a slow disk need not keep the screen waiting
    finally:
        for reader in readers:
            reader.stop()
    return account.written


def _parts(chat: Chat, only: Conversation | None) -> list[tuple[str, list["_Reader"]]]:
    """The headings of the file, and whom to read under them."""
    rooms, directs = select.rooms(chat.state, mine=True), select.directs(chat.state)
    wanted = [
        (heading, [one for one in conversations if only in (None, one)])
        for heading, conversations in (("log.rooms", rooms), ("log.directs", directs))
    ]
    share = MOST_HELD // AHEAD // max(1, *(len(conversations) for _, conversations in wanted))
    return [(heading, [_Reader(chat, one, share) for one in ones]) for heading, ones in wanted]


class _Account:
    """How far it has come."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.written = 0
        self._done = 0
        self._total = total
        self._progress = progress
        self._until_breath = BREATH
        progress(0, total)

    async def passed(self, lines: Sequence[bytes]) -> None:
        """So many messages more; a line is empty for those that are not in the file."""
        self.written += sum(map(bool, lines))
        self._done += len(lines)
        self._until_breath -= len(lines)
        if self._until_breath <= 0:
            self._until_breath = BREATH
            self._progress(self._done, self._total)
            await asyncio.sleep(0)


class _Reader:
    """One conversation up to its head of now, some pages ahead."""

    def __init__(self, chat: Chat, one: Conversation, share: int) -> None:
        limits = chat.state.limits
        assert limits is not None  # the first word of every server
        self.total = one.head
        self._chat = chat
        self._name = one.name
        self._head = one.head
        self._exports = limits.export is not UNSET
        self._page = limits.page if limits.export is UNSET else max(limits.page, min(limits.export, share))
        self._asked = 0
        self._coming: deque[asyncio.Task[list[Message]]] = deque()

    async def begin(self, since: str) -> None:
        """Begin with the first message that is not older."""
        if since and self._head:
            found = await self._ask(requests.History(id=0, conversation=self._name, at=since, limit=1))
            self._asked = min(found[0].seq - 1, self._head) if found else self._head
        self.total = self._head - self._asked

    async def page(self) -> list[Message]:
        """The next messages; none at the end."""
        while self._asked < self._head and len(self._coming) < AHEAD:
            to = min(self._asked + self._page, self._head)
            self._coming.append(background.start(self._fetch(self._asked, to), expected=(Refused,)))
            self._asked = to
        return await self._coming.popleft() if self._coming else []

    def stop(self) -> None:
        for task in self._coming:
            task.cancel()

    async def _fetch(self, after: int, to: int) -> list[Message]:
        """The messages behind ``after`` up to ``to``, in as few pages as the server likes."""
        found: list[Message] = []
        while after < to:
            kind = requests.Export if self._exports else requests.History
            page = await self._ask(kind(id=0, conversation=self._name, after=after, limit=to - after))
            if not page:
                break
            found += page
            after = page[-1].seq
        return found

    async def _ask(self, frame: requests.Export | requests.History) -> list[Message]:
        while True:
            try:
                return expect(await self._chat.insist(frame, apart=True), responses.History).messages
            except Lost:
                await self._chat.back()


async def _merged(readers: list[_Reader]) -> AsyncIterator[Sequence[Message]]:
    """The messages of all, the earliest first, in runs of one conversation."""
    heap: list[tuple[str, int, int, list[Message]]] = []
    for number, reader in enumerate(readers):
        if page := await reader.page():
            heap.append((page[0].time, number, 0, page))
    heapq.heapify(heap)
    while heap:
        _, number, at, page = heapq.heappop(heap)
        end = min(at + BREATH, _end(page, at, number, heap))
        yield page[at:end]
        if end == len(page):
            page, end = await readers[number].page(), 0
        if page:
            heapq.heappush(heap, (page[end].time, number, end, page))


def _end(page: list[Message], at: int, number: int, heap: list[tuple[str, int, int, list[Message]]]) -> int:
    """Where the run ends that begins with the earliest message of all: before the next one of another's."""
    if not heap:
        return len(page)
    time, other, *_ = heap[0]
    behind = bisect_right if number < other else bisect_left
    return behind(page, time, lo=at, key=attrgetter("time"))
