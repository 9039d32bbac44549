"""Run the server and report its CPU time by stage: ``python -m bench.stages FILE [FLAG …]``

It is the real server with a timer around each stage of a message's path. At each SIGUSR1 (from ``profile``)
it appends a line to the file: the seconds of each stage so far, in JSON.

The timers read the CPU time of their own thread, so waiting and other threads do not count. The time of a
stage that is called by another stage is counted once. The cost of the timers is measured first and
subtracted from the stages, and (as ``TIMERS``) from the total.
"""

import functools
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from chatroom.server.__main__ import main as serve

STAGES = {
    "chatroom.server.net.connection:PeerConnection.data_received": "split the input into lines",
    "chatroom.server.session:read_request": "parse the request",
    "chatroom.server.session:ClientSession._handle_line": "find the handler",
    "chatroom.server.handlers.messages:MessageHandlers.send": "the handler",
    "chatroom.db.writer.write_queue:WriteQueue.add_operation": "enqueue for the writer",
    "chatroom.db.writer.writer:DatabaseWriter._settle_batch": "the writer, around the statements",
    "chatroom.db.queries.messages:append_messages": "assign seqs, find duplicates",
    "chatroom.db.queries.raw_insert:lock_conversations": "lock the conversations",
    "chatroom.db.queries.raw_insert:insert_messages": "INSERT the messages",
    "chatroom.db.queries.raw_insert:set_heads": "set the heads",
    "sqlalchemy.engine.default:DefaultDialect.do_commit": "COMMIT",
    "chatroom.db.writer.time_slicer:TimeSlicer.add_steps": "return to the event loop",
    "chatroom.server.session:ClientSession._after_post": "confirm",
    "chatroom.server.state.delivery:event_line": "encode the event",
    "chatroom.server.state.delivery:MessageDelivery.deliver_messages": "deliver to sessions",
    "chatroom.server.net.connection:PeerConnection.flush": "write to the sockets",
}
"""Functions that get a timer, and the names of their stages, in the order of a message's path."""

IN_THE_DATABASE = (
    "lock the conversations",
    "INSERT the messages",
    "set the heads",
    "COMMIT",
)
"""The stages in the database. The rest is the cost of a server that stores nothing."""

TIMERS = "timers"
"""The key of the cost of the timers."""

Function = Callable[..., Any]


class Timers:
    """The seconds of each stage, without the stages that it calls."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._times: Counter[str] = Counter()
        self._thread = threading.local()
        self._own = self._around = 0.0  # the cost of a timer in its own stage, and in the calling stage
        self._calibrate()

    def totals(self) -> dict[str, float]:
        """Return the seconds of each stage so far, and the cost of the timers."""
        return {**self.seconds, TIMERS: self._times.total() * (self._own + self._around)}

    def timed(self, stage: str, function: Function) -> Function:
        clock, thread = time.thread_time, self._thread
        seconds, times = self.seconds, self._times

        @functools.wraps(function)
        def timer(*arguments: Any, **named: Any) -> Any:
            outside, thread.within = getattr(thread, "within", 0.0), 0.0
            started = clock()
            try:
                return function(*arguments, **named)
            finally:
                taken = clock() - started
                seconds[stage] += taken - thread.within - self._own
                times[stage] += 1
                thread.within = outside + taken + self._around

        return timer

    def _calibrate(self, times: int = 20_000) -> None:
        nothing = self.timed("", lambda: None)
        started = time.thread_time()
        for _ in range(times):
            nothing()
        whole = (time.thread_time() - started) / times
        own = self.seconds.pop("") / times
        del self._times[""]
        self._own, self._around = own, whole - own


def find(place: str) -> tuple[Any, str]:
    """Return the object that has the function ``"module:Class.name"``, and its name there."""
    module, _, path = place.partition(":")
    *holders, name = path.split(".")
    return functools.reduce(getattr, holders, import_module(module)), name


def main(file: Path) -> None:
    timers = Timers()
    for place, stage in STAGES.items():
        holder, name = find(place)
        setattr(holder, name, timers.timed(stage, getattr(holder, name)))

    def report(*_: object) -> None:
        with file.open("a") as lines:
            lines.write(json.dumps(timers.totals()) + "\n")

    signal.signal(signal.SIGUSR1, report)
    serve()


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)))
