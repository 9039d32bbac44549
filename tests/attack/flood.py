"""``python -m tests.attack.flood PORT KIND``: send as much as the server takes, until killed.

Reads the answers and drops them, unless ``--deaf``. A connection that the server closes is opened again.
"""

import argparse
import itertools
import json
import selectors
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

PIECE = 65536
"""Bytes per write."""

REST = 0.2
"""Seconds until the next attempt after a refused connection."""


def _lines(*lines: bytes) -> bytes:
    block = b"".join(line + b"\n" for line in lines)
    return block * max(1, PIECE // len(block))


def _within(limit: int, frame: bytes, piece: bytes) -> bytes:
    """Return a frame of the maximal length: ``%s`` is filled with pieces."""
    return frame % (piece * ((limit - len(frame)) // len(piece)))


def payloads(limit: int) -> dict[str, bytes]:
    """Return the data that each kind of flood repeats; ``limit`` is the maximal line length."""
    return {
        "ping": _lines(b'{"type":"ping","id":1}'),
        "escaped": _lines(b'{"type":"ping","id":"\\n"}'),
        "escaped_unicode": _lines(b'{"type":"\\u0070ing","id":"\\u4f60"}'),
        "not_logged_in": _lines(b'{"type":"list_rooms","id":1}'),
        "unknown_type": _lines(b'{"type":"fly","id":1}'),
        "bad_json": _lines(b"x"),
        "bad_frame": _lines(b'{"type":"ping","id":1,"a":[{},{},{},{}]}'),
        "send": _lines(b'{"type":"send","id":1,"to":"#lab","text":"x"}'),
        "typing": _lines(b'{"type":"typing","id":1,"conversation":"#nowhere"}'),
        "search": _lines(b'{"type":"search","id":1,"query":"\xef\xb7\xba x"}'),
        "list_rooms": _lines(b'{"type":"list_rooms","id":1}'),
        "list_members": _lines(b'{"type":"list_members","id":1,"room":"lab"}'),
        "export": _lines(b'{"type":"export","id":1,"conversation":"#lab"}'),
        "nick": _lines(
            b'{"type":"enter_room","id":1,"room":"lab","nickname":"A"}',
            b'{"type":"enter_room","id":1,"room":"lab","nickname":"B"}',
        ),
        "away": _lines(b'{"type":"set_away","id":1,"text":"A"}', b'{"type":"set_away","id":1,"text":"B"}'),
        "create_room": b"".join(
            b'{"type":"create_room","id":1,"room":"x%d","capacity":9}\n' % number for number in range(1000)
        ),
        "resume": _lines(b'{"type":"resume","id":1,"token":"wrong"}'),
        "empty": b"\n" * PIECE,
        "returns": b"\r\n" * (PIECE // 2),
        "blank": b" \n" * (PIECE // 2),
        "objects": _lines(_within(limit, b'{"type":"ping","id":1,"a":[%s{}]}', b"{},")),
        "keys": _lines(_within(limit, b'{"type":"ping","id":1,%s"z":1}', b'"k":1,')),
        "deep": _lines(_within(limit, b"%s", b'{"a":[')),
        "long_id": _lines(_within(limit, b'{"type":"ping","id":"%s"}', b"\\n")),
        "long_number": _lines(_within(limit, b'{"type":"ping","id":%s}', b"1")),
        "long_float": _lines(_within(limit, b'{"type":"ping","id":1.%s}', b"1")),
        "surrogates": _lines(_within(limit, b'{"type":"ping","id":"%s"}', b"\\ud83d\\ude00")),
        "no_newline": b"x" * PIECE,
        "bytes": _lines(b'{"type":"ping","id":1}'),
        "login": _lines(b'{"type":"login","id":1,"username":"nobody","password":"wrong-1"}'),
        "register": _lines(b'{"type":"register","id":1,"username":"nobody","password":"wrong-1"}'),
    }


@cache
def _announce() -> None:
    """Report the first connection."""
    print("connected", flush=True)


class Attacker:
    """One connection of the flood."""

    def __init__(self, port: int, source: str, options: argparse.Namespace) -> None:
        self._port, self._source, self._options = port, source, options
        self._socket: socket.socket | None = None
        self._retry_at = 0.0
        self._at = 0
        limit = 65536 if options.login else 4096
        self._payload = payloads(limit)[options.kind]
        self._piece = 1 if options.kind == "bytes" else PIECE

    def step(self, selector: selectors.BaseSelector, now: float) -> None:
        """Open the connection if there is none."""
        if self._socket is None and now >= self._retry_at:
            with suppress(OSError):
                self._socket = self._opened()
                _announce()
                selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
                return
            self._retry_at = now + REST

    def _opened(self) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self._port), 10, (self._source, 0))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._options.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            line = context.wrap_socket(line)
        if self._options.login:
            username, password = self._options.login.split(":")
            request = {"type": "login", "id": 0, "username": username, "password": password}
            line.sendall(json.dumps(request).encode() + b"\n")
            while b'"session"' not in line.recv(PIECE):
                pass
        line.setblocking(False)
        return line

    def handle(self, selector: selectors.BaseSelector, events: int) -> None:
        assert self._socket is not None
        try:
            readable = events & selectors.EVENT_READ and not self._options.deaf
            if readable and not self._socket.recv(PIECE):
                raise ConnectionResetError
            if events & selectors.EVENT_WRITE:
                sent = self._socket.send(self._payload[self._at : self._at + self._piece])
                self._at = (self._at + sent) % len(self._payload)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            selector.unregister(self._socket)
            self._socket.close()
            self._socket, self._retry_at, self._at = None, time.monotonic() + REST, 0


def flood(attackers: Iterable[Attacker]) -> None:
    attackers, selector = list(attackers), selectors.DefaultSelector()
    while True:
        now = time.monotonic()
        for attacker in attackers:
            attacker.step(selector, now)
        for key, events in selector.select(REST) if selector.get_map() else ():
            key.data.handle(selector, events)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("kind", choices=payloads(4096))
    parser.add_argument("--connections", type=int, default=1, help="of each address")
    parser.add_argument("--addresses", nargs="+", default=["127.0.0.2"])
    parser.add_argument("--deaf", action="store_true", help="read no answers")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--login", default="", help="USERNAME:PASSWORD, of an account that is there")
    options = parser.parse_args()
    pairs = itertools.product(options.addresses, range(options.connections))
    with suppress(KeyboardInterrupt):
        flood(Attacker(options.port, source, options) for source, _ in pairs)


if __name__ == "__main__":
    main()
