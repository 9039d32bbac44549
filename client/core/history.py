"""The pages of conversations that the user looks at, and how far the user has read.

``backfill`` fetches by itself what is missing behind the last message; this module fetches what the user
scrolls or jumps to.
"""

import asyncio

from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.requester import Requester, expect
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.protocol import requests, responses
from chatroom.protocol.values import Message

READ_PAUSE = 0.3
"""Seconds between two ``read`` requests: while the user scrolls, many messages a second are read."""


class HistoryPager:
    """Loads pages, and keeps the read marks that are not sent yet."""

    def __init__(
        self, state: ClientState, requests: Requester, tasks: GuardedTasks, front_end: FrontEnd
    ) -> None:
        self._state = state
        self._requests = requests
        self._tasks = tasks
        self._front_end = front_end
        self._unsent_marks: dict[str, int] = {}  # the last seq that was read, by conversation

    def load_shown(self, name: str) -> None:
        """Load what the screen needs of a conversation that was just shown: a page, and the members."""
        conversation = self._state.conversations[name]
        if (conversation.member or not conversation.is_room) and (
            len(conversation.timeline.messages) < self._page_size
        ):
            self.load_older(name)
        if conversation.member and conversation.is_room and not conversation.roster:
            self.load_members(name)

    def load_members(self, name: str) -> None:
        """Load the members of a room."""
        self._tasks.start(self._load_members(requests.ListMembers(id=0, room=name)))

    def load_older(self, name: str) -> None:
        """Load the page above the oldest message that is shown."""
        timeline = self._state.conversations[name].shown
        if timeline.more and not timeline.loading:
            apply.set_loading(self._state, name)
            frame = requests.History(id=0, conversation=name)
            if timeline.first:
                frame = requests.History(id=0, conversation=name, before=timeline.first)
            self._tasks.start(self._request(frame))

    def load_newer(self, name: str) -> None:
        """Load the page below a part of the history far back."""
        past = self._state.conversations[name].past
        if past is not None and not past.loading:
            apply.set_loading(self._state, name)
            self._tasks.start(self._request(requests.History(id=0, conversation=name, after=past.last)))

    def load_around(self, name: str, seq: int) -> None:
        """Load and show the page around a message far back."""
        if not self._state.conversations[name].shown.loading:
            apply.set_loading(self._state, name)
            after = max(0, seq - 1 - self._page_size // 2)
            self._tasks.start(self._load_around(name, after))

    async def load_since(self, name: str, at: str) -> int | None:
        """Load and show the page from a time on. Return the seq of its first message, if there is one.

        Raises ``Refused`` or ``ConnectionLost``.
        """
        frame = requests.History(id=0, conversation=name, at=at)
        answer = await self._requests.ask_with_retry(frame, update_state=False)
        page = expect(answer, responses.History).messages
        if not page:
            return None
        apply.show_past_page(self._state, name, page)
        self._front_end.state_changed()
        return page[0].seq

    async def load_message(self, name: str, seq: int) -> Message | None:
        """Load one message, without changing what is shown. Raises ``Refused`` or ``ConnectionLost``."""
        frame = requests.History(id=0, conversation=name, after=seq - 1, limit=1)
        answer = await self._requests.ask_with_retry(frame, update_state=False)
        page = expect(answer, responses.History).messages
        return next((message for message in page if message.seq == seq), None)

    def mark_read(self, name: str, seq: int) -> None:
        """The user has read everything up to this message. One request sends many marks."""
        if seq <= self._state.conversations[name].read:
            return
        apply.mark_read(self._state, name, seq)
        if not self._unsent_marks:
            self._tasks.start(self._send_marks_soon())
        self._unsent_marks[name] = seq
        self._front_end.state_changed()

    async def send_read_marks(self) -> None:
        """Send the read marks now. Raises ``Refused`` or ``ConnectionLost``."""
        marks, self._unsent_marks = self._unsent_marks, {}
        for name, seq in marks.items():
            await self._requests.ask_with_retry(requests.Read(id=0, conversation=name, seq=seq))

    def session_ended(self) -> None:
        """Forget the account's read marks."""
        self._unsent_marks.clear()

    @property
    def _page_size(self) -> int:
        return self._state.limits.page if self._state.limits else 0

    async def _request(self, frame: requests.History) -> None:
        await self._requests.ask_with_retry(frame)

    async def _load_members(self, frame: requests.ListMembers) -> None:
        await self._requests.ask_all_pages(frame, retry=True)

    async def _load_around(self, name: str, after: int) -> None:
        try:
            frame = requests.History(id=0, conversation=name, after=after)
            answer = await self._requests.ask_with_retry(frame, update_state=False)
            apply.show_past_page(self._state, name, expect(answer, responses.History).messages)
        finally:
            apply.stop_loading(self._state, name)
            self._front_end.state_changed()

    async def _send_marks_soon(self) -> None:
        await asyncio.sleep(READ_PAUSE)
        await self.send_read_marks()
