"""Fetches what is missing. One mechanism serves a lost connection, a dropped slow reader and a lost event.

``select.missing_after`` says where a conversation has a hole behind its last message; here the pages are
asked for,
and ``apply`` puts them in. Many pages behind, nobody will scroll through them from the old end: then the
newest page takes their place, and the rest comes when somebody scrolls up.

The server counts what is unread, but not what of it names me: that is seen in the messages alone
(``find_mentions``).
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from chatroom.client import background
from chatroom.client.core.outbox_sender import Ask
from chatroom.client.core.session import expect
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.protocol import requests, responses

WORTH_FILLING = 1000
"""A hole of so many messages is filled; a larger one is not."""


HOME = ""
"""Under this name is kept what concerns many conversations."""

PEEKS = 50
"""In so many rooms it is looked for what names me: half of what a server allows to be asked for at once."""

DEEP = 50
"""So many pages of each are looked through; whoever has more unread there will not miss a number."""

PAUSE = 0.05
"""Seconds between two of these pages: what somebody asks for meanwhile must not be refused for haste."""


class Backfill:
    """Looks after the holes. ``fill`` fills every one, however large (a script wants each message).

    ``apart`` asks for what is not to become part of the state.
    """

    def __init__(
        self, state: ClientState, ask: Ask, apart: Ask, changed: Callable[[], None], *, fill: bool = False
    ) -> None:
        self._state = state
        self._ask = ask
        self._apart = apart
        self._changed = changed
        self._fill = fill
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def fetch_missing(self, name: str) -> None:
        """Begin to fetch, if something is missing there and nobody fetches yet."""
        one = self._state.conversations[name]
        if name not in self._tasks and select.missing_after(one) is not None:
            self._start_fetch(one, check=False)

    def check_conversations(self) -> None:
        """After a new session, see in each conversation whether its last message is still what it was.

        A database that crashed may have lost what it had shown; then other messages stand in the same places.
        """
        self.cancel_fetches()
        for one in self._state.conversations.values():
            if one.timeline.messages and (one.member or not one.is_room):
                self._start_fetch(one, check=True)

    def find_mentions(self) -> None:
        """See which of the unread messages in my rooms name me. A script gets only what it asks for."""
        unread = [one for one in select.list_rooms(self._state, mine=True) if one.unread]
        if unread and not self._fill:
            self._start_task(HOME, self._find_mentions(unread[:PEEKS]))

    def cancel_fetches(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def wait_until_complete(self) -> None:
        """Wait until nothing is being fetched that was missed."""
        while missed := [task for name, task in self._tasks.items() if name != HOME]:
            await asyncio.wait(missed)

    def _start_fetch(self, one: Conversation, *, check: bool) -> None:
        self._start_task(one.name, self._fetch_gap(one, check=check))

    def _start_task(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = background.start(work)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._task_done(name, done))

    def _task_done(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]

    async def _find_mentions(self, rooms: list[Conversation]) -> None:
        """One after the other, as what somebody asks for meanwhile is not to wait for all of it: the newest
        page of each, which is kept, and then what is above.
        """
        with suppress(Refused, ConnectionLost):  # another session looks again
            for one in rooms:
                if not one.timeline.messages:
                    await self._ask(requests.History(id=0, conversation=one.name))
            for one in rooms:
                await self._look_through(one)

    async def _look_through(self, one: Conversation) -> None:
        for _ in range(DEEP):
            if not one.has_unscanned:
                break
            await asyncio.sleep(PAUSE)
            above = requests.History(id=0, conversation=one.name, before=one.scanned_from)
            page = expect(await self._apart(above), responses.History).messages
            apply.apply_unread_page(self._state, one.name, page)
            self._changed()

    async def _fetch_gap(self, one: Conversation, *, check: bool) -> None:
        try:
            if check and not self._too_far(one):
                await self._ask(requests.History(id=0, conversation=one.name, after=one.timeline.last - 1))
            while (last := select.missing_after(one)) is not None:
                await self._ask(self._next_page(one, last))
                if select.missing_after(one) == last:  # nothing came of it
                    apply.give_up_missing(self._state, one.name)
            if check and not one.timeline.messages and one.head:
                await self._ask(requests.History(id=0, conversation=one.name))
        except Refused:
            apply.give_up_missing(self._state, one.name)
        except ConnectionLost:
            pass  # the next session looks again

    def _next_page(self, one: Conversation, last: int) -> requests.History:
        if self._too_far(one):
            return requests.History(id=0, conversation=one.name)
        return requests.History(id=0, conversation=one.name, after=last)

    def _too_far(self, one: Conversation) -> bool:
        return not self._fill and one.known_head - (one.timeline.last or one.head) > WORTH_FILLING
