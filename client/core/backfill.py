"""Fetches missing messages: after a lost connection, after the server dropped a slow reader, or after a lost
event.

``select.missing_after`` gives the seq after which messages are missing; this module requests the pages, and
``apply`` adds them to the timeline. If very many are missing, the newest page replaces the timeline, and
older pages are fetched when the user scrolls up.

The server counts the unread messages, but not the mentions among them: ``find_mentions`` reads the messages.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from chatroom.client import background
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.requester import Requester, expect
from chatroom.client.model import apply, former_friends, select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.protocol import requests, responses

MAX_GAP = 1000
"""Messages. A longer gap is not filled."""

MENTIONS = ""
"""The name of the task that finds mentions, among the names of conversations."""

MAX_MENTION_ROOMS = 50
"""Rooms that are searched for mentions: half of the requests that a server accepts at once."""

MAX_MENTION_PAGES = 50
"""Pages of each room that are searched for mentions."""

MENTION_PAGE_PAUSE = 0.05
"""Seconds between two of these pages, so that the user's own requests are not rate-limited."""


class Backfill:
    """Owns the tasks that fetch missing messages, at most one for each conversation.

    ``fill`` fills every gap, however long: a script needs each message.
    """

    def __init__(
        self, state: ClientState, requests: Requester, front_end: FrontEnd, *, fill: bool = False
    ) -> None:
        self._state = state
        self._requests = requests
        self._front_end = front_end
        self._fill = fill
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def fetch_missing(self, name: str) -> None:
        """Fetch what is missing in a conversation, unless a task does it already."""
        conversation = self._state.conversations[name]
        if name not in self._tasks and select.missing_after(conversation) is not None:
            self._start_fetch(conversation, check=False)

    def check_conversations(self) -> None:
        """In a new session, check in each conversation that the last message is still the same.

        A database that crashed may have lost messages that it had sent; then others have their seqs.
        """
        self.cancel_fetches()
        for conversation in self._state.conversations.values():
            if conversation.timeline.messages and (conversation.member or not conversation.is_room):
                self._start_fetch(conversation, check=True)

    def find_mentions(self) -> None:
        """Find the mentions among the unread messages of the user's rooms; not for a script."""
        unread = [room for room in select.list_rooms(self._state, mine=True) if room.unread]
        if unread and not self._fill:
            self._start_task(MENTIONS, self._find_mentions(unread[:MAX_MENTION_ROOMS]))

    def cancel_fetches(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def wait_until_complete(self) -> None:
        """Wait until no missing messages are being fetched."""
        while fetches := [task for name, task in self._tasks.items() if name != MENTIONS]:
            await asyncio.wait(fetches)

    def _start_fetch(self, conversation: Conversation, *, check: bool) -> None:
        self._start_task(conversation.name, self._fetch_gap(conversation, check=check))

    def _start_task(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = background.start(work)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._task_done(name, done))

    def _task_done(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]

    async def _find_mentions(self, rooms: list[Conversation]) -> None:
        """Read the newest page of each room, which is kept, and then the pages above.

        One request at a time, so that the user's own requests do not wait for all of them.
        """
        with suppress(Refused, ConnectionLost):  # the next session searches again
            for room in rooms:
                if not room.timeline.messages:
                    await self._request(requests.History(id=0, conversation=room.name))
            for room in rooms:
                await self._search_above(room)

    async def _search_above(self, room: Conversation) -> None:
        for _ in range(MAX_MENTION_PAGES):
            if not room.has_unscanned:
                break
            await asyncio.sleep(MENTION_PAGE_PAUSE)
            above = requests.History(id=0, conversation=room.name, before=room.scanned_from)
            answer = await self._requests.ask_with_retry(above, update_state=False)
            apply.apply_unread_page(self._state, room.name, expect(answer, responses.History).messages)
            self._front_end.state_changed()

    async def _fetch_gap(self, conversation: Conversation, *, check: bool) -> None:
        name = conversation.name
        try:
            if check and not self._is_too_long(conversation):
                after = conversation.timeline.last - 1
                await self._request(requests.History(id=0, conversation=name, after=after))
            while (last := select.missing_after(conversation)) is not None:
                await self._request(self._next_page(conversation, last))
                if select.missing_after(conversation) == last:  # the page brought nothing
                    apply.give_up_missing(self._state, name)
            if check and not conversation.timeline.messages and conversation.head:
                await self._request(requests.History(id=0, conversation=name))
        except Refused as error:
            if error.code == "unknown_user":
                former_friends.user_is_gone(self._state, name)
            apply.give_up_missing(self._state, name)
        except ConnectionLost:
            pass  # the next session fetches again

    async def _request(self, frame: requests.History) -> None:
        await self._requests.ask_with_retry(frame)

    def _next_page(self, conversation: Conversation, last: int) -> requests.History:
        if self._is_too_long(conversation):
            return requests.History(id=0, conversation=conversation.name)
        return requests.History(id=0, conversation=conversation.name, after=last)

    def _is_too_long(self, conversation: Conversation) -> bool:
        gap = conversation.known_head - (conversation.timeline.last or conversation.head)
        return not self._fill and gap > MAX_GAP
