"""``chat-client`` without a screen in a process of its own, and the server's answers to it."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.client.fake_server import FakeServer, Json, Peer, message, room

Run = Callable[..., "Client"]


class Client:
    """``chat-client`` in a process of its own; ``before``: the command that starts it."""

    def __init__(self, home: Path, *arguments: str, before: tuple[str, ...] = ()) -> None:
        self.arguments = arguments
        self._before = before
        self._environment = os.environ | {
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "CHAT_PASSWORD": "secret1",
            "TERM": "dumb",
            "LANGUAGE": "en",
            "PYTHONIOENCODING": "utf-8",
        }

    async def run(self, typed: str) -> tuple[int, str, str]:
        """Type this and close the input. Return the exit code, the output and the errors."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._before, sys.executable, "-m", "chatroom.client", *self.arguments,
            stdin=pipe, stdout=pipe, stderr=pipe, env=self._environment,
        )  # fmt: skip
        output, errors = await process.communicate(typed.encode())
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()


async def accept_login(fake: FakeServer, **session: Any) -> Peer:
    peer = await fake.accept_and_welcome()
    login = await peer.expect("login", username="Alice", password="secret1")
    peer.answer(login, "session", **{"username": "Alice", "token": "t", "rooms": [], "friends": []} | session)
    return peer


async def accept_entry(peer: Peer, *messages: Json) -> None:
    entering = await peer.expect("enter_room", room="#lab")
    inside = room(head=len(messages))
    peer.answer(entering, "entered", room=inside, members=["Alice"], messages=list(messages))


async def accept_entry_with_history(peer: Peer, *messages: Json) -> None:
    """For a client that was started with ``--history``."""
    await accept_entry(peer, *messages)
    asked = await peer.expect("history", conversation="#lab")
    peer.answer(asked, "history", messages=list(messages), more=False)


async def accept_message(peer: Peer, text: str, seq: int) -> None:
    """Store the message that the client sends, and acknowledge it."""
    sent = await peer.expect("send", text=text)
    own = message(seq, text, username="Alice", nickname="ALICE", cid=sent["cid"])
    peer.send(type="message", message=own)
    peer.answer(sent, "sent", cid=sent["cid"], seq=seq, time=own["time"], duplicate=False)
