"""A logged-in client and its scripted server."""

import asyncio
from collections.abc import Callable
from typing import Any

from chatroom.client.app import App
from chatroom.client.model.state import Conversation
from tests.unit.client.fake_front_end import front_end_of
from tests.unit.client.fake_server import TEST_TIMEOUT, FakeServer, Peer, room


async def wait_until(app: App, condition: Callable[[], object]) -> None:
    """Wait until the state is as the test expects."""
    changed = front_end_of(app).changed
    async with asyncio.timeout(TEST_TIMEOUT):
        while not condition():
            changed.clear()
            await changed.wait()


async def log_in(fake: FakeServer, app: App, **session: Any) -> Peer:
    """Alice, in #lab."""
    connecting = asyncio.create_task(app.requests.connect(fake.address))
    peer = await fake.accept_and_welcome()
    await connecting
    entering = asyncio.create_task(app.session.login("Alice", "secret1"))
    answer_session(peer, await peer.expect("login", username="Alice", password="secret1"), **session)
    await entering
    return peer


def answer_session(peer: Peer, request: dict[str, Any], **session: Any) -> None:
    frame = {"username": "Alice", "token": "first", "rooms": [room()], "friends": []} | session
    peer.answer(request, "session", **frame)


def lab_room(app: App) -> Conversation:
    return app.state.conversations["#lab"]


def lab_texts(app: App) -> list[str]:
    return [message.text for message in lab_room(app).timeline.messages]
