"""A state machine of several sessions that send arbitrary requests to a real server.

``test_sessions`` runs it for seconds. ``python -m tests.fuzz.sessions MINUTES`` runs it at length, with a
server that logs steps of more than 50 ms, and prints the memory of the server.
"""

import json
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chatroom.protocol import requests
from tests.contract.test_hostile_peers import memory
from tests.support.processes import QUICK, Json, Server, Wire

MAX_LINE = 1 << 20
"""Bytes of the longest answer."""

PASSWORD = "111111"
USERNAMES = ["Alice", "Bob", "Carol", "alice", "Nobody", "x" * 65, "", "A\u200bb"]
ROOMS = ["lab", "#lab", "LAB", "hall", "#none", "", "#" * 3, "\u5ba4", "y" * 40]
TEXTS = [
    "hello", "", " ", "\ufdfa" * 300, "\x01" * 4096, "\u202e\U0001f468\u200d\U0001f469", "x" * 5000, '"a b"',
    "\u5929\u6c14",
]  # fmt: skip
POOLS: dict[str, list[Any]] = {
    "username": USERNAMES,
    "password": [PASSWORD, "wrong-1", "", "p" * 80],
    "new_password": [PASSWORD, "short"],
    "room": ROOMS,
    "nickname": ["N", "", " N", "\u597d" * 32, "z" * 33],
    "to": ["#lab", "#hall", "@Bob", "@Alice", "#none", "@Nobody", "x"],
    "conversation": ["#lab", "#hall", "@Bob", "@Alice", "#none", "@Nobody", "x"],
    "text": [*TEXTS, "\U0001f44d"],
    "topic": TEXTS,
    "query": TEXTS,
    "cid": ["a", "b", "c", "", "\u00e9", "d" * 65],
    "kind": ["text", "action", "edit", "delete", "react", "unreact", "other"],
    "capacity": [0, 1, 2, 9, 10_001, -1, 1 << 60],
    "before": [0, 1, 5, 1 << 52, "2026-11-22T04:22:43Z", "x"],
    "at": ["2026-11-22T04:22:43.273Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "x"],
    "cursor": ["", "x", "#lab", "1763785371004-3-42", "9" * 60],
    "token": ["wrong", ""],
    "invitation": ["", "q3v7n5zr2kx4mwd6ye7hbtu5pa"],
}
"""Values by field; other fields are numbers or booleans."""

TYPES = get_args(requests.AnyRequest)
RAW = [
    b"\n", b"\r\n \n", b"{}\n", b"[" * 40 + b"\n", b"\xff\xfe\n", b'{"type":"ping","id":1,"id":2}\n',
    b'{"type":"ping"\n',
]  # fmt: skip
"""Lines that are no requests."""


def frames() -> st.SearchStrategy[Json]:
    """Requests of every type, each with values that fit often."""
    return st.sampled_from(TYPES).flatmap(_frame)


def _frame(type: Any) -> st.SearchStrategy[Json]:
    fields: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(type):
        if field.name != "id":
            values = _values(field.name, str(field.type))
            (fields if field.required else optional)[field.name] = values
    tag = type.__struct_config__.tag
    return st.fixed_dictionaries(fields, optional=optional).map(lambda values: {"type": tag, **values})


def _values(name: str, type: str) -> st.SearchStrategy[Any]:
    if name in POOLS:
        return st.sampled_from(POOLS[name])
    return st.booleans() if "bool" in type else st.sampled_from([0, 1, 2, 3, 100, 1 << 53, -1])


class Sessions(RuleBasedStateMachine):
    """Up to four connections. ``server`` is set by the subclass."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self._wires: list[Wire] = [self._connect()]
        self._seqs: dict[tuple[int, str], int] = {}  # the last seq by connection and conversation
        self._tokens: list[str] = []

    def _connect(self) -> Wire:
        return Wire(self.server.host, self.server.port)

    @rule(username=st.sampled_from(["Alice", "Bob", "Carol"]))
    def log_in(self, username: str) -> None:
        if len(self._wires) == 4:
            self._drop(0)
        wire = self._connect()
        self._wires.append(wire)
        self._ask(wire, {"type": "register", "username": username, "password": PASSWORD})
        self._ask(wire, {"type": "login", "username": username, "password": PASSWORD})

    @rule(number=st.integers(0, 3), room=st.sampled_from(["lab", "hall"]))
    def enter(self, number: int, room: str) -> None:
        self._ask(self._wire(number), {"type": "create_room", "room": room, "capacity": 9})
        self._ask(self._wire(number), {"type": "enter_room", "room": room, "nickname": "N"})

    @rule(number=st.integers(0, 3), batch=st.lists(frames(), min_size=1, max_size=6))
    def send_requests(self, number: int, batch: list[Json]) -> None:
        """Send several requests at once. Each must get exactly one answer."""
        wire = self._wire(number)
        ids = [self._start(wire, frame) for frame in batch]
        for frame, id in zip(batch, ids, strict=True):
            if not self._take_answer(wire, frame, id):
                return

    @rule(number=st.integers(0, 3), line=st.sampled_from(RAW))
    def send_raw_line(self, number: int, line: bytes) -> None:
        with suppress(ConnectionError):  # the server may have closed the connection
            self._wire(number).send_bytes(line)

    @rule(number=st.integers(0, 3))
    def resume(self, number: int) -> None:
        if self._tokens:
            wire = self._connect()
            self._wires.append(wire)
            self._ask(wire, {"type": "resume", "token": self._tokens[number % len(self._tokens)]})
            self._drop(0)

    @rule(number=st.integers(0, 3))
    def disconnect(self, number: int) -> None:
        if len(self._wires) > 1:
            self._drop(number % len(self._wires))

    @invariant()
    def server_answers(self) -> None:
        self._ask(self._wire(0), {"type": "ping"})

    def teardown(self) -> None:
        for wire in self._wires:
            wire.close()

    def _wire(self, number: int) -> Wire:
        if not self._wires:
            self._wires.append(self._connect())
        return self._wires[number % len(self._wires)]

    def _drop(self, number: int) -> None:
        self._wires.pop(number).close()

    def _ask(self, wire: Wire, frame: Json) -> None:
        self._take_answer(wire, frame, self._start(wire, frame))

    def _start(self, wire: Wire, frame: Json) -> int:
        """Send a request. If the server has closed the connection, reading the answer shows it."""
        try:
            return wire.start(**frame)
        except ConnectionError:
            return 0

    def _take_answer(self, wire: Wire, frame: Json, id: int) -> bool:
        """Check the answer and the events before it. Returns ``False`` if the server has closed."""
        try:
            while (line := wire.read()).get("id", self) != id:
                assert "id" not in line or line["id"] is None, f"an answer to no request: {line}"
                self._check_event(wire, line)
        except (EOFError, ConnectionError):
            if wire in self._wires:
                self._wires.remove(wire)
            wire.close()
            return False
        assert len(json.dumps(line, ensure_ascii=False).encode()) < 2 * MAX_LINE, frame
        assert line.get("code") != "internal", frame
        if line["type"] == "session":
            self._tokens = [*self._tokens[-3:], line["token"]]
        if line["type"] in ("session", "entered"):
            self._forget_seqs(wire)
        return True

    def _check_event(self, wire: Wire, event: Json) -> None:
        if event["type"] in ("removed", "room", "friend"):
            self._forget_seqs(wire)
        if event["type"] == "message":
            key = id(wire), event["message"]["conversation"]
            seq = event["message"]["seq"]
            assert seq == self._seqs.get(key, seq - 1) + 1, event
            self._seqs[key] = seq

    def _forget_seqs(self, wire: Wire) -> None:
        self._seqs = {key: seq for key, seq in self._seqs.items() if key[0] != id(wire)}


def machine(server: Server) -> type[Sessions]:
    return type("SessionsOfServer", (Sessions,), {"server": server})


def run_machine(server: Server, examples: int, steps: int) -> None:
    quiet = settings(max_examples=examples, stateful_step_count=steps, deadline=None, database=None)
    run_state_machine_as_test(machine(server), settings=quiet)


def main() -> None:
    end = time.monotonic() + 60 * float(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", settings=(*QUICK, "slow_step_ms=50")).start()
        while time.monotonic() < end:
            run_machine(server, examples=50, steps=40)
            print(f"{memory(server) >> 20} MB, {server.log.count('slow step')} slow steps", flush=True)
        server.close()
        print("\n".join(line for line in server.log.splitlines() if "slow step" in line))


if __name__ == "__main__":
    main()
