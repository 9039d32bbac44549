"""``/save``: everything that I may read, in a file. Rooms first, then private chats, each in the order of
time.

The messages come in pages from the server and go through a merge into the file, so a history of any length
needs the memory of a few pages a conversation. The pages of one conversation are asked for ahead of time:
seqs have no gaps, so it is known where each begins. The file is written beside the old one, which keeps its
place until the new one is whole.
"""

import asyncio
import heapq
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from enum import Enum
from pathlib import Path

import msgspec

from client import files, lines, words
from client.chat import Chat
from client.connection import Lost
from client.model import select
from client.model.state import Conversation, State
from client.session import expect
from protocol import requests, responses
from protocol.safe import safe
from protocol.values import Message

DEFAULT = "log.txt"

AHEAD = 4
"""So many pages of a conversation are asked for before the first of them is written."""

REPORT_EVERY = 1000
"""Messages."""


class Shape(Enum):
    """What the file is to look like: the report's lines, or a JSON object a line for programs."""

    TXT = "txt"
    JSONL = "jsonl"


Progress = Callable[[int], None]
"""Is told how many messages are written."""


def arguments(typed: str) -> tuple[Path, Shape | None]:
    """``[PATH] [--format txt|jsonl]``, in either order -> both; ``None`` for a format that is none."""
    option = re.search(r"(?:^|\s)--format(?:=|\s+|$)(\S*)", typed)
    rest = typed if option is None else typed[: option.start()] + typed[option.end() :]
    shapes = {shape.value: shape for shape in Shape}
    path = Path(rest.strip() or DEFAULT).expanduser()
    return path / DEFAULT if path.is_dir() else path, shapes.get(option[1] if option else "txt")


def total(state: State) -> int:
    """How many messages there are to write."""
    return sum(one.head for one in select.rooms(state, mine=True) + select.directs(state))


async def save(chat: Chat, path: Path, shape: Shape, progress: Progress) -> int:
    """Write the file and say how many messages are in it.

    A lost connection only makes it wait. Raises ``OSError`` or ``Refused``; then, as when it is cancelled,
    the old file stands as it was.
    """
    rooms, directs = select.rooms(chat.state, mine=True), select.directs(chat.state)
    count = 0
    with files.beside(path) as file:
        for heading, conversations in (("log.rooms", rooms), ("log.directs", directs)):
            if shape is Shape.TXT:
                file.write(f"{words.say(heading)}\n".encode())
            readers = [_Reader(chat, one) for one in conversations]
            try:
                async for message in _merged(readers):
                    file.write(_line(message, chat.state.username, shape))
                    count += 1
                    if count % REPORT_EVERY == 0:
                        progress(count)
            finally:
                for reader in readers:
                    reader.stop()
    return count


class _Reader:
    """One conversation from its first message to its head of now, some pages ahead."""

    def __init__(self, chat: Chat, one: Conversation) -> None:
        self._chat = chat
        self._name = one.name
        self._head = one.head
        self._page = chat.state.limits.page if chat.state.limits else 1
        self._asked = 0
        self._coming: deque[asyncio.Task[list[Message]]] = deque()

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
            try:
                page = expect(await self._chat.insist(frame, apart=True), responses.History).messages
            except Lost:
                await self._chat.back()
                continue
            if not page:
                break
            found += page
            after = page[-1].seq
        return found


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


def _line(message: Message, me: str, shape: Shape) -> bytes:
    if shape is Shape.JSONL:
        return _json(message)
    facts = {
        "time": lines.clock(message.time),
        "username": message.username,
        "nickname": message.nickname,
        "text": _said(message),
    }
    if message.conversation.startswith("#"):
        return f"{words.say('log.room', room=message.conversation[1:], **facts)}\n".encode()
    friend = message.conversation[1:]
    recipient = friend if message.username == me else me
    return f"{words.say('log.direct', recipient=recipient, **facts)}\n".encode()


def _said(message: Message) -> str:
    text = lines.body(message)
    return f"* {safe(message.nickname)} {text}" if message.kind == "action" else text


_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON leaves as it is, and a terminal or a reader of lines does not."""


def _json(message: Message) -> bytes:
    text = json.dumps(msgspec.to_builtins(message), ensure_ascii=False)
    text = _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"{text}\n".encode("utf-8", "backslashreplace")
