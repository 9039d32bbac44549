"""What one looks at: the pages of conversations, fetched as they are needed, and how far they were read.

``Session``, below this, keeps somebody logged in; ``Chat``, on top of it, enters, speaks and leaves. Whatever
is missing behind the last message comes by itself: that is ``catchup``.
"""

import asyncio

from chatroom.client.core.session import Session, expect
from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.net.reconnect import Timeouts
from chatroom.protocol import requests, responses

READ_PAUSE = 0.3
"""Seconds. Reading is told to the server at most so often: who scrolls reads many messages a second."""


class Reading(Session):
    """A session, and what of its conversations somebody has before them."""

    def __init__(self, state: ClientState, trust: KnownServers, pace: Timeouts | None) -> None:
        super().__init__(state, trust, pace)
        self._seen: dict[str, int] = {}  # what is read, and not told to the server yet

    def switch(self, name: str) -> None:
        """Look at another conversation; the empty name is the home screen."""
        apply.switch_to(self.state, name)
        if name:
            one = self.state.conversations[name]
            page = self.state.limits.page if self.state.limits else 0
            if (one.member or not one.is_room) and len(one.timeline.messages) < page:
                self.load_older(name)
            if one.member and one.is_room and not one.roster:
                self.spawn(self._list_members(name))
        self.on_change()

    def load_older(self, name: str) -> None:
        """Fetch the page above the oldest message that is in sight."""
        timeline = self.state.conversations[name].shown
        if timeline.more and not timeline.loading:
            apply.set_loading(self.state, name)
            self.spawn(self._load_older(name, timeline.first))

    def load_newer(self, name: str) -> None:
        """Fetch the page below what is in sight far back."""
        past = self.state.conversations[name].past
        if past is not None and not past.loading:
            apply.set_loading(self.state, name)
            self.spawn(self._load_newer(name, past.last))

    def visit(self, name: str, seq: int) -> None:
        """Fetch the page around a message far back, to look at it there."""
        if not self.state.conversations[name].shown.loading:
            page = self.state.limits.page if self.state.limits else 0
            apply.set_loading(self.state, name)
            self.spawn(self._visit(name, max(0, seq - 1 - page // 2)))

    async def look_back(self, name: str, at: str) -> int | None:
        """Look at what was said from a time on; the seq of the first message, if there is one.

        Raises ``Refused`` or ``ConnectionLost``.
        """
        frame = requests.History(id=0, conversation=name, at=at)
        page = expect(await self.insist(frame, apart=True), responses.History).messages
        if not page:
            return None
        apply.show_past_page(self.state, name, page)
        self.on_change()
        return page[0].seq

    def viewed(self, name: str, seq: int) -> None:
        """The user has seen everything up to here. The server is told soon, once for many."""
        if seq <= self.state.conversations[name].read:
            return
        apply.mark_read(self.state, name, seq)
        if not self._seen:
            self.spawn(self._tell_read_soon())
        self._seen[name] = seq
        self.on_change()

    async def tell_read(self) -> None:
        """Tell the server now what was read. Raises ``Refused`` or ``ConnectionLost``."""
        seen, self._seen = self._seen, {}
        for name, seq in seen.items():
            await self.insist(requests.Read(id=0, conversation=name, seq=seq))

    # Inside

    def _forget(self) -> None:
        super()._forget()
        self._seen.clear()

    async def _list_members(self, name: str) -> None:
        await self.insist(requests.ListMembers(id=0, room=name))

    async def _load_older(self, name: str, first: int) -> None:
        if first:
            await self.insist(requests.History(id=0, conversation=name, before=first))
        else:
            await self.insist(requests.History(id=0, conversation=name))

    async def _load_newer(self, name: str, last: int) -> None:
        await self.insist(requests.History(id=0, conversation=name, after=last))

    async def _visit(self, name: str, after: int) -> None:
        try:
            frame = requests.History(id=0, conversation=name, after=after)
            page = expect(await self.insist(frame, apart=True), responses.History).messages
            apply.show_past_page(self.state, name, page)
        finally:
            apply.stop_loading(self.state, name)
            self.on_change()

    async def _tell_read_soon(self) -> None:
        await asyncio.sleep(READ_PAUSE)
        await self.tell_read()
