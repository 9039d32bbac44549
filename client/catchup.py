"""Fetches what is missing. One mechanism serves a lost connection, a dropped slow reader and a lost event.

``select.missing`` says where a conversation has a hole behind its last message; here the pages are asked for,
and ``apply`` puts them in. Many pages behind, nobody will scroll through them from the old end: then the
newest page takes their place, and the rest comes when somebody scrolls up.

The server counts what is unread, but not what of it names me: that is seen in the messages alone (``peek``).
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from client.connection import Lost, Refused
from client.courier import Ask
from client.model import apply, select
from client.model.state import Conversation, State
from protocol import requests

WORTH_FILLING = 1000
"""A hole of so many messages is filled; a larger one is not."""


HOME = ""
"""Under this name is kept what concerns many conversations."""

PEEKS = 50
"""In so many rooms it is looked for what names me: half of what a server allows to be asked for at once."""


class Catchup:
    """Looks after the holes. ``fill`` fills every one, however large (a script wants each message)."""

    def __init__(self, state: State, ask: Ask, *, fill: bool = False) -> None:
        self._state = state
        self._ask = ask
        self._fill = fill
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def look(self, name: str) -> None:
        """Begin to fetch, if something is missing there and nobody fetches yet."""
        one = self._state.conversations[name]
        if name not in self._tasks and select.missing(one) is not None:
            self._start(one, check=False)

    def check(self) -> None:
        """After a new session, see in each conversation whether its last message is still what it was.

        A database that crashed may have lost what it had shown; then other messages stand in the same places.
        """
        self.stop()
        for one in self._state.conversations.values():
            if one.timeline.messages and (one.member or not one.is_room):
                self._start(one, check=True)

    def peek(self) -> None:
        """Fetch what is unread in the rooms of which nothing is here. A script gets what it asks for only."""
        unread = [one for one in select.rooms(self._state, mine=True) if one.unread]
        unseen = [one.name for one in unread if not one.timeline.messages]
        if unseen and not self._fill:
            self._begin(HOME, self._peek(unseen[:PEEKS]))

    def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def settled(self) -> None:
        """Wait until nothing is being fetched."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    def _start(self, one: Conversation, *, check: bool) -> None:
        self._begin(one.name, self._catch_up(one, check=check))

    def _begin(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._done(name, done))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]

    async def _peek(self, names: list[str]) -> None:
        """One after the other: what somebody asks for meanwhile is not to wait for all of it."""
        with suppress(Refused, Lost):  # another session looks again
            for name in names:
                await self._ask(requests.History(id=0, conversation=name))

    async def _catch_up(self, one: Conversation, *, check: bool) -> None:
        try:
            if check and not self._too_far(one):
                await self._ask(requests.History(id=0, conversation=one.name, after=one.timeline.last - 1))
            while (last := select.missing(one)) is not None:
                await self._ask(self._page(one, last))
                if select.missing(one) == last:  # nothing came of it
                    apply.gave_up(self._state, one.name)
            if check and not one.timeline.messages and one.head:
                await self._ask(requests.History(id=0, conversation=one.name))
        except Refused:
            apply.gave_up(self._state, one.name)
        except Lost:
            pass  # the next session looks again

    def _page(self, one: Conversation, last: int) -> requests.History:
        if self._too_far(one):
            return requests.History(id=0, conversation=one.name)
        return requests.History(id=0, conversation=one.name, after=last)

    def _too_far(self, one: Conversation) -> bool:
        return not self._fill and one.heard - (one.timeline.last or one.head) > WORTH_FILLING
