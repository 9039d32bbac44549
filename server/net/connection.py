"""One client connection: bytes in, bytes out, no chat logic. ``session.ClientSession`` handles its lines.

Writing. Everything sent until the connection's turn (``flusher``) goes out in one ``write``. While the
transport is full, answers and events wait here. The connection is closed as ``slow_consumer`` if more than
``outbox_bytes`` of events wait, or after ``outbox_stall`` seconds without progress. Answers do not count, so
a peer that reads is never dropped for one large answer.

Reading. The session takes lines when it is ready. The rest stays in the buffer, and the socket is not read
meanwhile, so a peer costs at most the bytes of one read. A peer that does not read its answers is neither
served nor read.

Each line is charged to the connection's ``limits.InputBudget`` before it is parsed. When the budget is empty,
or the lines or the time of a turn are used up, the rest waits in the ``InputQueue``.

A peer may close only its sending side: then everything that has arrived is answered first. (Not with TLS,
where closing one side closes both.)
"""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Protocol, cast

from chatroom.protocol.errors import ChatError, SlowConsumer
from chatroom.protocol.events import Closing
from chatroom.protocol.frame import UNSET
from chatroom.protocol.wire import LineBuffer, encode_frame
from chatroom.server.net.flusher import WriteFlusher
from chatroom.server.net.input_queue import InputQueue
from chatroom.server.net.limits import InputBudget, InputBudgets
from chatroom.server.net.memory_budget import HeldBytes, MemoryBudget

HIGH_WATER = 64 * 1024
"""Bytes that the transport buffers before the rest waits here."""

PROBES = 3
"""Unanswered keepalive probes after which a connection counts as lost."""

CLOSE_TIMEOUT = 10.0
"""Seconds that a peer has to read the rest after the connection is closed."""


LINES_PER_TURN = 32
SECONDS_PER_TURN = 0.001
"""Limits of one turn of a connection, before the other connections have their turn."""

IMMEDIATE_LINES = 8
"""Lines that are handled immediately after a read, without the queue, if input is limited."""

MIN_PAUSE_SECONDS = 0.05
"""Minimum seconds of a pause when the budget is empty; waking up for each line costs more."""


class LineReceiver(Protocol):
    """The object that handles the lines of a connection."""

    def receive_lines(self) -> None:
        """Lines may be available; called after each read."""

    def input_ended(self) -> None:
        """The peer has closed its sending side but may still read answers; called at most once."""

    def connection_lost(self) -> None:
        """The connection is lost or closed; called once."""


class PeerConnection(asyncio.Protocol):
    """A connection of a client. ``close`` sends a reason and lets the peer read everything sent before."""

    def __init__(
        self,
        open_receiver: Callable[["PeerConnection"], LineReceiver],
        *,
        flusher: WriteFlusher,
        input_queue: InputQueue,
        budgets: InputBudgets,
        memory: MemoryBudget,
        line_limit: int,
        outbox_bytes: int,
        outbox_stall: float,
        ping_interval: float,
        dead_after: float,
        address: str = "",
    ) -> None:
        self._open_receiver = open_receiver
        self._flusher = flusher
        self._input_queue = input_queue
        self._budgets = budgets
        self._held = HeldBytes(memory, self)
        self._lines = LineBuffer(line_limit)
        self._outbox_bytes = outbox_bytes
        self._outbox_stall = outbox_stall
        self._ping_interval = ping_interval
        self._dead_after = dead_after
        self._outbox: list[bytes] = []
        self.waiting_bytes = 0  # bytes of events in the outbox while the transport is full
        self._is_queued = False  # in the flusher
        self._blocked = False
        self._paused = False  # reading is paused
        self._input_ended = False
        self._closes_when_sent = False
        self._closing = False
        self._lines_left = LINES_PER_TURN
        self._turn_end = 0.0  # monotonic time; 0.0 before the first line of a turn
        self._awaits_turn = False  # in the input queue, or until the budget recovers
        self._pause: asyncio.TimerHandle | None = None  # until the budget recovers
        self._watch: asyncio.TimerHandle | None = None
        self.address = address
        self.close_reason: ChatError | None = None  # why the server closed the connection

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class does not inherit from it
        self._budget = self._budgets.open(self.address, time.monotonic())
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        _tune_socket(transport.get_extra_info("socket"), self._ping_interval, self._dead_after)
        self._receiver = self._open_receiver(self)

    def data_received(self, data: bytes) -> None:
        self._flusher.note_activity()
        self._lines.feed_bytes(data)
        if self._budget is None:
            self._lines_left = LINES_PER_TURN
        else:
            self._charge_read(self._budget, time.monotonic())
        self._serve()
        self._held.set_input(self._lines.waiting_bytes)

    def eof_received(self) -> bool:
        """Return whether the connection stays open for answers."""
        if self._closing or self._transport.get_extra_info("ssl_object") is not None:
            return False
        self._input_ended = True
        self._receiver.input_ended()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._stop_watching()
        if self._pause is not None:
            self._pause.cancel()
        self._outbox.clear()
        self._held.clear()
        self._receiver.connection_lost()

    def pause_writing(self) -> None:
        self._blocked = True
        size = self._transport.get_write_buffer_size()
        self._held.add_output(size)
        self._watch_progress(size)
        self._pause_or_read()

    def resume_writing(self) -> None:
        self._blocked = False
        self._stop_watching()
        self.waiting_bytes = 0
        self._held.clear_output()
        self.flush()
        if self._blocked:
            return
        if self._closes_when_sent:
            self.close()
        else:
            self.resume_lines()

    # Called by the session

    def take_line(self) -> bytes | None:
        """Return the next line that is not blank, or ``None`` if none is complete or may be handled now.

        Raises ``LineTooLong`` once.
        """
        while self._may_take(now := time.monotonic()):
            line = self._lines.take_line()
            self._lines_left -= 1
            if self._budget is not None and self._lines.consumed:
                self._budget.charge_line(self._lines.consumed, now)
            if line is None or line.strip():
                return line
        return None

    def has_input(self) -> bool:
        """Whether a complete line is waiting."""
        return self._lines.has_line()

    def set_line_limit(self, limit: int) -> None:
        self._lines.limit = limit

    def resume_lines(self) -> None:
        """Pass waiting lines to the session again, and resume reading when all are taken."""
        if self._paused and not self._closing:
            self._serve()
            self._held.set_input(self._lines.waiting_bytes)

    def send_answer(self, data: bytes) -> None:
        """Send an answer, as complete lines."""
        if self._closing:
            return
        self._outbox.append(data)
        if self._blocked:
            self._held.add_output(len(data))
        elif not self._is_queued:
            self._is_queued = True
            self._flusher.add_writer(self)

    def send_event(self, data: bytes) -> None:
        """Send events, as complete lines. A peer with too many waiting events is disconnected."""
        if self._closing:
            return
        self._outbox.append(data)
        if self._blocked:
            self.waiting_bytes += len(data)
            if 0 < self._outbox_bytes < self.waiting_bytes:
                self.close(SlowConsumer())
            else:
                self._held.add_output(len(data))
        elif not self._is_queued:
            self._is_queued = True
            self._flusher.add_writer(self)

    def flush(self) -> None:
        """Write everything that waits in one call, unless the transport is full."""
        self._is_queued = False
        if self._outbox and not self._blocked and not self._closing:
            data = self._outbox[0] if len(self._outbox) == 1 else b"".join(self._outbox)
            self._outbox.clear()
            self._transport.write(data)

    def close_when_sent(self) -> None:
        """Close the connection once the peer has read everything that waits."""
        if self._blocked:
            self._closes_when_sent = True
        else:
            self.close()

    def close(self, reason: ChatError | None = None, *, at_once: bool = False) -> None:
        """Close the connection, after sending the waiting lines and a ``closing`` event with the reason.

        ``at_once``: do not wait until the peer has read them.
        """
        if self._closing:
            return
        self.close_reason = reason
        if isinstance(reason, SlowConsumer):
            self._outbox.clear()
        if reason is not None:
            facts = reason.details or UNSET
            self._outbox.append(
                encode_frame(Closing(code=reason.code, message=reason.message, details=facts))
            )
        self._blocked = False
        self.flush()
        self._closing = True
        self._stop_watching()
        if at_once:
            self._transport.abort()
            return
        self._transport.close()
        self._watch = self._loop.call_later(CLOSE_TIMEOUT, self._transport.abort)

    # Internal

    def _serve(self) -> None:
        """Pass waiting lines to the session, and resume reading when all are taken."""
        self._turn_end = 0.0
        self._receiver.receive_lines()
        if not self._closing:
            self._pause_or_read()

    def _charge_read(self, budget: InputBudget, now: float) -> None:
        """Charge a read and begin a turn: a short one immediately, or a queued one if the budget is
        exceeded."""
        budget.charge_read(now)
        self._lines_left = IMMEDIATE_LINES
        if not self._awaits_turn and budget.is_exceeded(now):
            self._await_turn()

    def _may_take(self, now: float) -> bool:
        """Whether one more line may be handled now; if not, a later turn is scheduled for it."""
        if self._blocked or self._closing or self._awaits_turn:
            return False
        if self._budget is not None and (wait := self._budget.wait(now)):
            self._await_budget(wait)
            return False
        if not self._turn_end:
            self._turn_end = now + SECONDS_PER_TURN
        if self._lines_left <= 0 or now > self._turn_end:
            self._await_turn()
            return False
        return True

    def _await_budget(self, seconds: float) -> None:
        """Neither read nor handle lines for some seconds."""
        self._awaits_turn = True
        self._pause = self._loop.call_later(
            max(seconds, MIN_PAUSE_SECONDS), self._input_queue.add, self._take_turn
        )

    def _await_turn(self) -> None:
        if self._lines.has_line():
            self._awaits_turn = True
            self._input_queue.add(self._take_turn)

    def _take_turn(self) -> None:
        self._awaits_turn = False
        self._lines_left = LINES_PER_TURN
        if not self._closing:
            self._serve()
            self._held.set_input(self._lines.waiting_bytes)

    def _pause_or_read(self) -> None:
        """Read only while no line waits, the budget is not empty, and the peer reads its answers."""
        pause = self._awaits_turn or self._blocked or self._lines.has_line()
        if pause is self._paused or self._input_ended:
            return
        self._paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _watch_progress(self, size: int) -> None:
        if self._outbox_stall:
            self._watch = self._loop.call_later(self._outbox_stall, self._check_progress, size)

    def _check_progress(self, size_then: int) -> None:
        size = self._transport.get_write_buffer_size()
        if size >= size_then:
            self.close(SlowConsumer())
        else:
            self._watch_progress(size)

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def _tune_socket(sock: socket.socket | None, ping_interval: float, dead_after: float) -> None:
    """Send small writes without delay, and let the kernel detect lost peers.

    Keepalive probes detect a peer that vanished while idle; TCP_USER_TIMEOUT one that does not acknowledge
    data.
    """
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if ping_interval and dead_after:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        _set_option(sock, "TCP_KEEPIDLE", _kernel_seconds(ping_interval))
        _set_option(sock, "TCP_KEEPINTVL", _kernel_seconds((dead_after - ping_interval) / PROBES))
        _set_option(sock, "TCP_KEEPCNT", PROBES)
    if dead_after:
        _set_option(sock, "TCP_USER_TIMEOUT", _kernel_seconds(dead_after) * 1000)


def _set_option(sock: socket.socket, option: str, value: int) -> None:
    """Set a TCP option if this system has it."""
    if hasattr(socket, option):
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _kernel_seconds(seconds: float) -> int:
    """Return whole seconds between 1 and 32767, the range that the kernel accepts."""
    return min(max(1, round(seconds)), 32767)
