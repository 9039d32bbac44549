"""What the load says to each kind of server, and how it understands the answers. The counterparts are
``load``, which does the talking, and ``hosts``, which starts the servers.

To join takes steps: each is a line to send, and what stands in the line that answers it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from chatroom.protocol.cids import new_cid

TEXT = "The quick brown fox jumps over the lazy dog, and then some more."
"""64 bytes, as in every figure here."""

PASSWORD = "111111"


class Step(NamedTuple):
    line: bytes
    answer: bytes


class Dialect(Protocol):
    """One way of chatting over TCP. ``at_once``: how many join together. ``echoes``: whether who speaks
    hears it too. ``end``: of a line. ``compiled``: its number in load.c, if it is known there.
    """

    at_once: int
    echoes: bool
    end: bytes
    compiled: int | None

    def greet(self, name: str) -> Iterator[Step]:
        """From a fresh connection to somebody who may join rooms."""

    def make_room(self, room: str) -> Iterator[Step]:
        """Once for each room, before anybody enters it."""

    def enter(self, name: str, room: str) -> Iterator[Step]: ...

    def befriend(self, name: str) -> Iterator[Step]:
        """Before anything is said to this one alone."""

    def parts(self, room: str) -> tuple[bytes, bytes]:
        """What stands in a message to a room before its cid, and what behind it."""

    def say(self, name: str, room: str, count: int) -> bytes:
        """So many messages of mine to a room."""

    def whisper(self, name: str) -> bytes:
        """One message to one person in my room."""

    def understand(self, name: str, lines: bytes) -> tuple[int, int]:
        """Whole lines -> how many of my messages they confirm, and how many messages they deliver."""


class Chat:
    """Our own protocol: every message has its own cid and is confirmed by itself, once it is on the disk."""

    at_once = 50
    echoes = True
    end = b"\n"
    compiled: int | None = 0

    def greet(self, name: str) -> Iterator[Step]:
        yield Step(b"", b'"welcome"')
        yield Step(_frame("register", username=name, password=PASSWORD), b'"ok"')
        yield self.login(name)

    def login(self, name: str) -> Step:
        return Step(_frame("login", username=name, password=PASSWORD), b'"session"')

    def make_room(self, room: str) -> Iterator[Step]:
        yield Step(_frame("create_room", room=room, capacity=10_000), b'{"type":"room","id"')

    def enter(self, name: str, room: str) -> Iterator[Step]:
        yield Step(_frame("enter_room", room=room, nickname=name), b'"entered","id"')

    def befriend(self, name: str) -> Iterator[Step]:
        yield Step(_frame("add_friend", username=name), b'{"type":"friend","id"')

    def parts(self, room: str) -> tuple[bytes, bytes]:
        return self._around(f"#{room}")

    def say(self, name: str, room: str, count: int) -> bytes:
        before, after = self.parts(room)
        return b"".join(before + new_cid().encode() + after for _ in range(count))

    def whisper(self, name: str) -> bytes:
        return new_cid().encode().join(self._around(f"@{name}"))

    def understand(self, name: str, lines: bytes) -> tuple[int, int]:
        confirmed = lines.count(b'{"type":"sent"')
        return confirmed, lines.count(b"\n") - confirmed

    def _around(self, to: str) -> tuple[bytes, bytes]:
        return f'{{"type":"send","id":1,"to":"{to}","text":"{TEXT}","cid":"'.encode(), b'"}\n'


def _frame(type: str, **fields: str | int) -> bytes:
    words = "".join(
        f',"{name}":{value}' if isinstance(value, int) else f',"{name}":"{value}"'
        for name, value in fields.items()
    )
    return f'{{"type":"{type}","id":0{words}}}\n'.encode()


class Irc:
    """IRC confirms nothing, so behind each burst goes a PING that tells its own length."""

    echoes = False
    end = b"\n"
    compiled: int | None = 1
    _PONG = re.compile(rb" PONG [^\n]* :?(\d+)\r\n")

    def __init__(self, at_once: int = 10) -> None:
        self.at_once = at_once

    def greet(self, name: str) -> Iterator[Step]:
        yield Step(f"NICK {name}\r\nUSER {name} 0 * :{name}\r\n".encode(), b" 001 ")

    def make_room(self, room: str) -> Iterator[Step]:
        yield from ()

    def enter(self, name: str, room: str) -> Iterator[Step]:
        yield Step(f"JOIN #{room}\r\n".encode(), b" 366 ")

    def befriend(self, name: str) -> Iterator[Step]:
        yield from ()

    def parts(self, room: str) -> tuple[bytes, bytes]:
        return f"PRIVMSG #{room} :{TEXT}\r\n".encode(), b""

    def say(self, name: str, room: str, count: int) -> bytes:
        message, _ = self.parts(room)
        return message * count + f"PING :{count}\r\n".encode()

    def whisper(self, name: str) -> bytes:
        return f"PRIVMSG {name} :{TEXT}\r\n".encode()

    def understand(self, name: str, lines: bytes) -> tuple[int, int]:
        pongs = self._PONG.findall(lines)
        return sum(map(int, pongs)), lines.count(b"\n") - len(pongs)
