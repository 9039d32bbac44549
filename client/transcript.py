"""The file that ``saving`` asks for: everything that I may read, or a part of it. Rooms first, then private
chats, each in the order of time.

The messages come in pages from the server and go through a merge into the file, so a history of any length
needs the memory of a few pages a conversation. The pages of one conversation are asked for ahead of time:
seqs have no gaps, so it is known where each begins. The file is written beside the old one, which keeps its
place until the new one is whole.
"""

import asyncio
import heapq
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from enum import Enum
from functools import lru_cache
from pathlib import Path

import msgspec

from client import files, lines, words
from client.chat import Chat
from client.connection import Lost
from client.model import select
from client.model.state import Conversation
from client.session import expect
from protocol import requests, responses
from protocol.safe import safe
from protocol.values import CHANGE_KINDS, Message

DEFAULT = "log.txt"

AHEAD = 4
"""So many pages of a conversation are asked for before the first of them is written."""

REPORT_EVERY = 1000
"""Messages."""


class Shape(Enum):
    """What the file is to look like: the report's lines, or a JSON object a line for programs."""

    TXT = "txt"
    JSONL = "jsonl"


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
    scribe, parts = _Scribe(chat.state.username, shape), _parts(chat, only)
    readers = [reader for _, readers in parts for reader in readers]
    try:
        with files.beside(path) as file:
            for reader in readers:
                await reader.begin(since)
            account = _Account(progress, sum(reader.total for reader in readers))
            for heading, wanted in parts:
                if shape is Shape.TXT:
                    file.write(f"{words.say(heading)}\n".encode())
                async for message in _merged(wanted):
                    line = scribe.line(message)
                    file.write(line)
                    account.passed(written=bool(line))
    finally:
        for reader in readers:
            reader.stop()
    return account.written


def _parts(chat: Chat, only: Conversation | None) -> list[tuple[str, list["_Reader"]]]:
    """The headings of the file, and whom to read under them."""
    rooms, directs = select.rooms(chat.state, mine=True), select.directs(chat.state)
    return [
        (heading, [_Reader(chat, one) for one in conversations if only in (None, one)])
        for heading, conversations in (("log.rooms", rooms), ("log.directs", directs))
    ]


class _Account:
    """How far it has come."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.written = 0
        self._done = 0
        self._total = total
        self._progress = progress

    def passed(self, *, written: bool) -> None:
        self.written += written
        self._done += 1
        if self._done % REPORT_EVERY == 0:
            self._progress(self._done, self._total)


class _Reader:
    """One conversation up to its head of now, some pages ahead."""

    def __init__(self, chat: Chat, one: Conversation) -> None:
        self.total = one.head
        self._chat = chat
        self._name = one.name
        self._head = one.head
        self._page = chat.state.limits.page if chat.state.limits else 1
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
            self._coming.append(asyncio.create_task(self._fetch(self._asked, to)))
            self._asked = to
        return await self._coming.popleft() if self._coming else []

    def stop(self) -> None:
        for task in self._coming:
            task.cancel()

    async def _fetch(self, after: int, to: int) -> list[Message]:
        """The messages behind ``after`` up to ``to``, in as few pages as the server likes."""
        found: list[Message] = []
        while after < to:
            frame = requests.History(id=0, conversation=self._name, after=after, limit=to - after)
            page = await self._ask(frame)
            if not page:
                break
            found += page
            after = page[-1].seq
        return found

    async def _ask(self, frame: requests.History) -> list[Message]:
        while True:
            try:
                return expect(await self._chat.insist(frame, apart=True), responses.History).messages
            except Lost:
                await self._chat.back()


async def _merged(readers: list[_Reader]) -> AsyncIterator[Message]:
    """The messages of all, the earliest first."""
    heap = []
    for number, reader in enumerate(readers):
        if page := await reader.page():
            heap.append((page[0].time, number, 0, page))
    heapq.heapify(heap)
    while heap:
        _, number, at, page = heap[0]
        yield page[at]
        if at + 1 < len(page):
            heapq.heapreplace(heap, (page[at + 1].time, number, at + 1, page))
        elif page := await readers[number].page():
            heapq.heapreplace(heap, (page[0].time, number, 0, page))
        else:
            heapq.heappop(heap)


class _Scribe:
    """Makes a line of a message. Its words are looked up once, and a name is made safe once."""

    def __init__(self, me: str, shape: Shape) -> None:
        self._me = me
        self._shape = shape
        self._in_room = words.pattern("log.room") + "\n"
        self._in_private = words.pattern("log.direct") + "\n"
        self._name = lru_cache(maxsize=4096)(safe)

    def line(self, message: Message) -> bytes:
        """Empty for what is told by the message that it changed."""
        if self._shape is Shape.JSONL:
            return _json(message)
        return b"" if message.kind in CHANGE_KINDS else self._text(message).encode()

    def _text(self, message: Message) -> str:
        name, where = self._name, message.conversation
        facts = {
            "time": lines.clock(message.time),
            "username": name(message.username),
            "nickname": name(message.nickname),
            "text": _said(message),
        }
        if where.startswith("#"):
            return self._in_room.format(room=name(where[1:]), **facts)
        recipient = where[1:] if message.username == self._me else self._me
        return self._in_private.format(recipient=name(recipient), **facts)


def _said(message: Message) -> str:
    text = lines.body(message)
    return f"* {safe(message.nickname)} {text}" if message.kind == "action" else text


_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON leaves as it is, and a terminal or a reader of lines does not."""


def _json(message: Message) -> bytes:
    text = msgspec.json.encode(message).decode()
    text = _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"{text}\n".encode()
