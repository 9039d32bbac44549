"""The protocols of the measured servers: what the load sends, and how it reads the answers.

Joining takes several steps. Each is a line to send and a part of the line that answers it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from chatroom.protocol.cids import new_cid

TEXT = "The quick brown fox jumps over the lazy dog, and then some more."
"""64 bytes, in all scenarios."""

PASSWORD = "111111"


class Step(NamedTuple):
    line: bytes
    answer: bytes


class Dialect(Protocol):
    """A chat protocol over TCP.

    ``at_once``: how many clients join together. ``echoes``: whether a sender receives its own messages.
    ``end``: the end of a line. ``compiled``: its number in load.c, or ``None``.
    """

    at_once: int
    echoes: bool
    end: bytes
    compiled: int | None

    def log_in_steps(self, name: str) -> Iterator[Step]:
        """Yield the steps from a new connection to a client that may join rooms."""

    def make_room(self, room: str) -> Iterator[Step]:
        """Yield the steps that create a room."""

    def enter(self, name: str, room: str) -> Iterator[Step]: ...

    def friend_steps(self, name: str) -> Iterator[Step]:
        """Yield the steps before the first private message to this user."""

    def parts(self, room: str) -> tuple[bytes, bytes]:
        """Return the parts of a message to a room before and after its cid."""

    def say(self, name: str, room: str, count: int) -> bytes:
        """Return ``count`` messages to a room."""

    def private_message(self, name: str) -> bytes:
        """Return a private message to a user in the same room."""

    def count_lines(self, name: str, lines: bytes) -> tuple[int, int]:
        """Return how many messages these lines confirm, and how many they deliver."""


class Chat:
    """Our protocol: each message has a cid, and is confirmed when it is on disk."""

    at_once = 50
    echoes = True
    end = b"\n"
    compiled: int | None = 0

    def log_in_steps(self, name: str) -> Iterator[Step]:
        yield Step(b"", b'"welcome"')
        yield Step(frame("register", username=name, password=PASSWORD), b'"ok"')
        yield self.login(name)

    def login(self, name: str) -> Step:
        return Step(frame("login", username=name, password=PASSWORD), b'"session"')

    def make_room(self, room: str) -> Iterator[Step]:
        yield Step(frame("create_room", room=room, capacity=10_000), b'{"type":"room","id"')

    def enter(self, name: str, room: str) -> Iterator[Step]:
        yield Step(frame("enter_room", room=room, nickname=name), b'"entered","id"')

    def friend_steps(self, name: str) -> Iterator[Step]:
        yield Step(frame("add_friend", username=name), b'{"type":"friend","id"')

    def parts(self, room: str) -> tuple[bytes, bytes]:
        return self._around(f"#{room}")

    def say(self, name: str, room: str, count: int) -> bytes:
        before, after = self.parts(room)
        return b"".join(before + new_cid().encode() + after for _ in range(count))

    def private_message(self, name: str) -> bytes:
        return new_cid().encode().join(self._around(f"@{name}"))

    def count_lines(self, name: str, lines: bytes) -> tuple[int, int]:
        confirmed = lines.count(b'{"type":"sent"')
        return confirmed, lines.count(b"\n") - confirmed

    def _around(self, to: str) -> tuple[bytes, bytes]:
        return f'{{"type":"send","id":1,"to":"{to}","text":"{TEXT}","cid":"'.encode(), b'"}\n'


def frame(type: str, **fields: str | int) -> bytes:
    words = "".join(
        f',"{name}":{value}' if isinstance(value, int) else f',"{name}":"{value}"'
        for name, value in fields.items()
    )
    return f'{{"type":"{type}","id":0{words}}}\n'.encode()


class Irc:
    """IRC has no confirmations, so each burst ends with a PING that contains its length."""

    echoes = False
    end = b"\n"
    compiled: int | None = 1
    _PONG = re.compile(rb" PONG [^\n]* :?(\d+)\r\n")

    def __init__(self, at_once: int = 10) -> None:
        self.at_once = at_once

    def log_in_steps(self, name: str) -> Iterator[Step]:
        yield Step(f"NICK {name}\r\nUSER {name} 0 * :{name}\r\n".encode(), b" 001 ")

    def make_room(self, room: str) -> Iterator[Step]:
        yield from ()

    def enter(self, name: str, room: str) -> Iterator[Step]:
        yield Step(f"JOIN #{room}\r\n".encode(), b" 366 ")

    def friend_steps(self, name: str) -> Iterator[Step]:
        yield from ()

    def parts(self, room: str) -> tuple[bytes, bytes]:
        return f"PRIVMSG #{room} :{TEXT}\r\n".encode(), b""

    def say(self, name: str, room: str, count: int) -> bytes:
        message, _ = self.parts(room)
        return message * count + f"PING :{count}\r\n".encode()

    def private_message(self, name: str) -> bytes:
        return f"PRIVMSG {name} :{TEXT}\r\n".encode()

    def count_lines(self, name: str, lines: bytes) -> tuple[int, int]:
        pongs = self._PONG.findall(lines)
        return sum(map(int, pongs)), lines.count(b"\n") - len(pongs)
