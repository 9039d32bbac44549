"""Delivers messages to ``--plain`` and ``--json``: each once, in the order of its conversation, without gaps.

A front end gets the messages after its start. It gets older messages only as ``StartPoint`` asks for, and
before any newer conversation. Messages missed during an outage are delivered like new messages.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chatroom.client.app import App
from chatroom.client.model import apply
from chatroom.client.model.state import Conversation
from chatroom.client.net.connection import Refused
from chatroom.protocol import requests
from chatroom.protocol.values import Message

NOW, LAST = "now", "last"

Deliver = Callable[[Conversation, list[Message]], None]


@dataclass(frozen=True)
class StartPoint:
    """The first messages to deliver.

    ``since``: ``NOW``, ``LAST`` (after the last message that the account has read), or a time of the
    protocol; empty means ``NOW`` by default. ``history``: the number of older messages of each conversation.
    """

    since: str = ""
    history: int = 0


class MessageFeed:
    """Calls ``deliver`` with messages.

    Call ``deliver_new`` after each change of the state, and ``begin`` once the user is logged in. Until
    ``begin`` has returned, no message after the start is delivered.
    """

    def __init__(self, app: App, start: StartPoint, deliver: Deliver) -> None:
        self._app = app
        self._start = start
        self._deliver = deliver
        # By the key of the conversation, which stays the same when a room is renamed:
        self._delivered: dict[str, int] = {}  # the last seq
        self._read: dict[str, int] = {}  # the read position when the conversation was first seen
        self._waiting: set[str] = set()  # those whose older messages are being fetched
        self._fetching: set[asyncio.Task[None]] = set()
        self._begun = False

    @property
    def delivered(self) -> dict[str, int]:
        """The last seq that was delivered or is before the start, by conversation."""
        table = self._app.state.conversations
        return {table[key].name if key in table else key: seq for key, seq in self._delivered.items()}

    def deliver_new(self) -> None:
        """Deliver new messages."""
        for conversation in list(self._app.state.conversations.values()):
            if conversation.is_room and not conversation.member:
                self._delivered.pop(conversation.key, None)  # joining again is a new start
                continue
            if conversation.key not in self._delivered:
                self._add_conversation(conversation)
            if self._begun and conversation.key not in self._waiting:
                self._deliver_timeline(conversation)

    async def begin(self) -> None:
        """Deliver the requested older messages. Raises ``Refused`` or ``ConnectionLost``."""
        self.deliver_new()
        if self._start != StartPoint():
            for name, last in list(self._delivered.items()):
                async with self._paused(name):
                    await self._deliver_range(name, await self._start_seq(name, last), last)
        self._begun = True

    def show_past(self, name: str, count: int, show: Deliver) -> None:
        """Fetch ``count`` messages before the delivered ones and ``show`` them before any newer message."""
        self._waiting.add(name)
        self._spawn(self._show_past(name, count, show))

    async def settled(self) -> None:
        """Wait until nothing is being fetched."""
        while self._fetching:
            await asyncio.wait(self._fetching)

    def _add_conversation(self, conversation: Conversation) -> None:
        """Start with a new conversation. The notice of the user's own first entry counts as new."""
        newest = conversation.timeline.find(conversation.head)
        entered = (
            newest is not None and newest.kind == "enter" and newest.username == self._app.state.username
        )
        self._delivered[conversation.key] = conversation.head - entered
        self._read[conversation.key] = self._delivered[conversation.key] if entered else conversation.read

    def _deliver_timeline(self, conversation: Conversation) -> None:
        timeline = conversation.timeline
        after = self._delivered[conversation.key] = min(self._delivered[conversation.key], conversation.head)
        if timeline.last <= after:
            return
        if timeline.first > after + 1:
            self._waiting.add(conversation.key)
            self._spawn(self._fill(conversation.key, after, timeline.first - 1))
            return
        self._delivered[conversation.key] = timeline.last
        self._deliver(conversation, timeline.messages[after + 1 - timeline.first :])

    async def _start_seq(self, name: str, last: int) -> int:
        """Return the seq after which the requested messages begin."""
        if self._start.history:
            return max(0, last - self._start.history)
        if self._start.since == LAST:
            return min(last, self._read[name])
        if self._start.since in ("", NOW) or not last:
            return last
        page = await self._ask(requests.History(id=0, conversation=name, at=self._start.since, limit=1))
        return page[0].seq - 1 if page else last

    async def _fill(self, name: str, after: int, last: int) -> None:
        async with self._paused(name):
            await self._deliver_range(name, after, last)

    async def _deliver_range(self, name: str, after: int, last: int) -> None:
        self._delivered[name] = after
        try:
            async for page in self._pages(name, after, last):
                self._delivered[name] = page[-1].seq
                self._deliver(self._app.state.conversations[name], page)
        except Refused as error:  # the user may no longer read them
            self._app.notes.show_error(error)
        self._delivered[name] = last

    async def _pages(self, name: str, after: int, last: int) -> AsyncIterator[list[Message]]:
        while after < last:
            frame = requests.History(id=0, conversation=name, after=after, limit=last - after)
            page = [message for message in await self._ask(frame) if after < message.seq <= last]
            if not page:
                return
            yield page
            after = page[-1].seq

    async def _show_past(self, name: str, count: int, show: Deliver) -> None:
        async with self._paused(name):
            before = self._delivered[name] + 1
            frame = requests.History(id=0, conversation=name, before=before, limit=count)
            if page := await self._ask(frame):
                show(self._app.state.conversations[name], page)

    async def _ask(self, frame: requests.History) -> list[Message]:
        """Fetch a page, also after a lost connection. Raises ``ConnectionLost`` when the session is over."""
        return (await self._app.session.fetch_history(frame)).messages

    @asynccontextmanager
    async def _paused(self, name: str) -> AsyncIterator[None]:
        """Meanwhile, ``deliver_new`` skips the conversation, and none of its messages is dropped."""
        self._waiting.add(name)
        apply.set_keeps_all(self._app.state, name, True)
        try:
            yield
        finally:
            self._waiting.discard(name)
            if name in self._app.state.conversations:
                apply.set_keeps_all(self._app.state, name, False)
            self._app.front_end.state_changed()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._app.tasks.start(work)
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)
