"""The messages for ``--plain`` and ``--json``: each once, in the order of its conversation, without a hole.

A program gets what comes after its start. Of the time before it gets only what ``StartPoint`` asks for, and
that before anything newer. After a lost connection, what was missed is delivered like any new message.
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
    """``since``: ``NOW``, ``LAST`` (behind the last message that the account has read), or a time of the
    protocol; empty: ``NOW``, not asked for. ``history``: so many messages of each conversation, from before
    the start.
    """

    since: str = ""
    history: int = 0


class MessageFeed:
    """Calls ``deliver``. ``look`` is to be called whenever the state has changed, ``begin`` once the session
    stands; until ``begin`` has returned, nothing newer than the start is delivered.
    """

    def __init__(self, app: App, start: StartPoint, deliver: Deliver) -> None:
        self._app = app
        self._start = start
        self._deliver = deliver
        self._delivered: dict[str, int] = {}  # the last seq, by conversation
        self._read: dict[str, int] = {}  # the read mark, when the conversation was first seen
        self._waiting: set[str] = set()  # conversations of which older messages are being fetched
        self._fetching: set[asyncio.Task[None]] = set()
        self._begun = False

    @property
    def border(self) -> dict[str, int]:
        """The last seq that was delivered or lies before the start, by conversation."""
        return dict(self._delivered)

    def look(self) -> None:
        """Deliver what is new."""
        for one in list(self._app.state.conversations.values()):
            if one.is_room and not one.member:
                self._delivered.pop(one.name, None)  # a later seat is a new start
                continue
            if one.name not in self._delivered:
                self._meet(one)
            if self._begun and one.name not in self._waiting:
                self._pass_on(one)

    async def begin(self) -> None:
        """Deliver what was asked for of the time before the start. Raises ``Refused`` or
        ``ConnectionLost``."""
        self.look()
        if self._start != StartPoint():
            for name, last in self.border.items():
                async with self._held(name):
                    await self._deliver_range(name, await self._first_border(name, last), last)
        self._begun = True

    def show_past(self, name: str, count: int, show: Deliver) -> None:
        """Fetch so many messages from before what was delivered, and ``show`` them before anything newer."""
        self._waiting.add(name)
        self._spawn(self._show_past(name, count, show))

    async def settled(self) -> None:
        """Wait until nothing is being fetched."""
        while self._fetching:
            await asyncio.wait(self._fetching)

    def _meet(self, one: Conversation) -> None:
        """A conversation is seen for the first time. My own first entry there is already something new."""
        newest = one.timeline.find(one.head)
        entered = (
            newest is not None and newest.kind == "enter" and newest.username == self._app.state.username
        )
        self._delivered[one.name] = one.head - entered
        self._read[one.name] = self._delivered[one.name] if entered else one.read

    def _pass_on(self, one: Conversation) -> None:
        timeline = one.timeline
        after = self._delivered[one.name] = min(self._delivered[one.name], one.head)
        if timeline.last <= after:
            return
        if timeline.first > after + 1:
            self._waiting.add(one.name)
            self._spawn(self._fill(one.name, after, timeline.first - 1))
            return
        self._delivered[one.name] = timeline.last
        self._deliver(one, timeline.messages[after + 1 - timeline.first :])

    async def _first_border(self, name: str, last: int) -> int:
        """The seq behind which the messages begin that were asked for."""
        if self._start.history:
            return max(0, last - self._start.history)
        if self._start.since == LAST:
            return min(last, self._read[name])
        if self._start.since in ("", NOW) or not last:
            return last
        found = await self._ask(requests.History(id=0, conversation=name, at=self._start.since, limit=1))
        return found[0].seq - 1 if found else last

    async def _fill(self, name: str, after: int, last: int) -> None:
        async with self._held(name):
            await self._deliver_range(name, after, last)

    async def _deliver_range(self, name: str, after: int, last: int) -> None:
        self._delivered[name] = after
        try:
            async for page in self._pages(name, after, last):
                self._delivered[name] = page[-1].seq
                self._deliver(self._app.state.conversations[name], page)
        except Refused as error:  # the messages are not mine to read any more
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
        async with self._held(name):
            before = self._delivered[name] + 1
            frame = requests.History(id=0, conversation=name, before=before, limit=count)
            if page := await self._ask(frame):
                show(self._app.state.conversations[name], page)

    async def _ask(self, frame: requests.History) -> list[Message]:
        """A page, over lost connections too. Raises ``ConnectionLost`` when the session is over."""
        return (await self._app.session.fetch_history(frame)).messages

    @asynccontextmanager
    async def _held(self, name: str) -> AsyncIterator[None]:
        """Meanwhile nothing of this conversation is delivered by ``look``, and nothing of it is let go."""
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
