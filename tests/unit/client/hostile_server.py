"""A server that puts terminal commands and invisible characters into every text of the protocol.

Frames are made from the types in ``protocol``, so a new field is hostile as soon as it exists.
"""

import json
import re
import socketserver
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import msgspec
from msgspec import inspect

from chatroom.protocol import events, requests, responses
from tests.unit.client.fake_server import LIMITS, Json

HOSTILE = (
    "\x1b]52;c;QUJD\x07\x1b[666n\x9b666n\x9d0;t\x9c\x00\x07\b\x7f\x85\n\r\v\u2028\u2029"
    "\u202e\u2066\u200e\u061c\u200b\u2060\ufeff\u00ad\ufff9\U000e0041\U000e007f{0.__class__}{x}%s"
)
"""Commands with one-byte and two-byte introducers, controls, line breaks, bidi controls, invisible characters
and tags; and what a format string would obey."""

KINDS = ("text", "action", "enter", "leave", "nick", "topic", "kick", "ban", "transfer", "dance", HOSTILE)

ANSWERS = {
    frame.__struct_config__.tag: match[1]
    for frame in get_args(requests.AnyRequest)
    if (match := re.search(r"->\s+``(\w+)``", frame.__doc__ or ""))
} | {"history": "history", "export": "history"}
"""The response to each request, from the docstring of its class."""

STRUCTS = {frame.__struct_config__.tag: frame for frame in get_args(responses.AnyResponse)}
EVENTS = [frame for frame in get_args(events.AnyEvent) if frame not in (events.Welcome, events.Closing)]


NOTHING = inspect.NoneType | inspect.CustomType
"""How ``msgspec`` describes ``None`` and ``UNSET``."""


def hostile(kind: inspect.Type, name: str = "") -> Any:
    """A value of this type whose every text is hostile. A conversation still says which of the two it is."""
    match kind:
        case inspect.StrType():
            return {"conversation": "#lab", "room": "#lab", "friend": "@Bob"}.get(name, "") + HOSTILE
        case inspect.BoolType():
            return True
        case inspect.AnyType():
            return {HOSTILE: HOSTILE}
        case inspect.IntType():
            return 1
        case inspect.ListType(item_type=item):
            return [hostile(item, name)]
        case inspect.TupleType(item_types=items):
            return [hostile(item, name) for item in items]
        case inspect.DictType(value_type=value):
            return {HOSTILE: hostile(value), "reason": hostile(value)}
        case inspect.UnionType(types=types):
            return hostile(next(member for member in types if not isinstance(member, NOTHING)), name)
        case inspect.StructType(fields=fields, tag=tag):
            own = {} if tag is None else {"type": tag}
            return own | {field.encode_name: hostile(field.type, field.encode_name) for field in fields}
    raise AssertionError(f"what is {kind}?")


def of_struct(struct: type[msgspec.Struct], **fields: Any) -> Json:
    made = hostile(inspect.type_info(struct))
    assert isinstance(made, dict)
    return made | fields


class HostileServer(socketserver.ThreadingTCPServer):
    """``refuses``: these requests, or all (``*``), are answered with a hostile error. ``greeting``: what is
    said before anything else, and then the connection is closed; else a welcome.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self, refuses: tuple[str, ...] = (), greeting: bytes = b"") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refuses = refuses
        self.greeting = greeting
        self.seq = 1
        self.requests: list[str] = []
        self.failures: list[str] = []

    def handle_error(self, *_: object) -> None:
        self.failures.append(traceback.format_exc())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def answer(self, request: Json) -> Json:
        self.requests.append(request["type"])
        refused = request["type"] in self.refuses or "*" in self.refuses
        tag = "error" if refused else ANSWERS[request["type"]]
        made = of_struct(STRUCTS[tag], id=request["id"])
        if tag == "history":
            made |= {"messages": [], "more": False}
        if tag == "sent":
            made |= {"cid": request["cid"]}
        return made

    def unasked(self) -> Iterator[Json]:
        """Every event, and a message of every kind."""
        for event in EVENTS:
            if event is events.Message:
                for kind in KINDS:
                    self.seq += 1
                    made = of_struct(event)
                    made["message"] |= {"seq": self.seq, "kind": kind}
                    yield made
            elif event is events.Removed:
                yield of_struct(event, room=f"#gone{HOSTILE}")
            else:
                yield of_struct(event)


class _Handler(socketserver.StreamRequestHandler):
    server: HostileServer

    def handle(self) -> None:
        if self.server.greeting:
            self.wfile.write(self.server.greeting)
            return
        self._say(of_struct(events.Welcome, protocol=1, limits=LIMITS))
        for line in self.rfile:
            request = json.loads(line)
            self._say(self.server.answer(request))
            if request["type"] == "enter_room":
                for event in self.server.unasked():
                    self._say(event)

    def _say(self, frame: Json) -> None:
        self.wfile.write(json.dumps(frame, ensure_ascii=False).encode() + b"\n")


@contextmanager
def serving(refuses: tuple[str, ...] = (), greeting: bytes = b"") -> Iterator[HostileServer]:
    with HostileServer(refuses, greeting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
        expected = ("BrokenPipe", "ConnectionReset")
        assert [each for each in server.failures if not any(name in each for name in expected)] == []
