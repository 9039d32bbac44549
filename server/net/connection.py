"""One socket: bytes in, bytes out, and nothing of the chat. The counterpart above is
``session.ClientSession``.

Writing. Everything sent until the connection's turn comes (``flusher``) leaves in one ``write``. While the
peer does not take what the transport holds, answers and events wait here; events beyond ``outbox_bytes``, or
no progress for ``outbox_stall`` seconds, end the connection as ``slow_consumer``. Whoever reads is never
dropped for one large answer: only events count.

Reading. Lines are taken by the session when it is ready for one. What it leaves lies in the buffer, and the
socket is not read meanwhile, so a peer costs at most what one read brought. A peer that does not take its
answers is neither served nor read.

Each line is paid for from the connection's ``limits.InputBudget`` before it is parsed. When that is empty, or
a turn's lines or time are used up, the rest waits in the ``InputQueue``.

A peer may close its sending side only: everything that has arrived is answered first. (Not with TLS, where
the end of one side is the end of both.)
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

HIGH_WATER = 64 * 1024
"""Bytes that the transport may hold before the rest waits here."""

PROBES = 3
"""Unanswered packets after which a silent peer is gone."""

LAST_WORDS = 10.0
"""Seconds that a closed connection has to take what is still to be said to it."""


LINES_PER_TURN = 32
SECONDS_PER_TURN = 0.001
"""How much of one connection is handled before the others have their turn."""

LINES_AT_ONCE = 8
"""The same for what is handled at once, before it was in the queue, where input is limited at all."""

SHORTEST_PAUSE = 0.05
"""Seconds for which a connection with an empty budget is left alone; waking up for each line costs more."""


class LineReceiver(Protocol):
    """Whoever takes the lines of a connection."""

    def receive_lines(self) -> None:
        """There may be lines to take."""

    def input_ended(self) -> None:
        """The peer sends nothing more, but may still read answers; called at most once."""

    def connection_lost(self) -> None:
        """The connection is gone; called once."""


class PeerConnection(asyncio.Protocol):
    """Call ``take_line`` and ``send_answer`` at will; ``close`` says why and lets the peer read what was
    sent before."""

    def __init__(
        self,
        open_receiver: Callable[["PeerConnection"], LineReceiver],
        *,
        flusher: WriteFlusher,
        input_queue: InputQueue,
        budgets: InputBudgets,
        line_limit: int,
        outbox_bytes: int,
        outbox_stall: float,
        ping_interval: float,
        dead_after: float,
    ) -> None:
        self._open_receiver = open_receiver
        self._flusher = flusher
        self._input_queue = input_queue
        self._budgets = budgets
        self._lines = LineBuffer(line_limit)
        self._outbox_bytes = outbox_bytes
        self._outbox_stall = outbox_stall
        self._ping_interval = ping_interval
        self._dead_after = dead_after
        self._outbox: list[bytes] = []
        self._waiting_events = 0  # bytes of events in the outbox while the transport is full
        self._in_line = False  # of the flusher
        self._blocked = False
        self._paused = False  # nothing is read
        self._input_ended = False
        self._closes_when_sent = False
        self._closing = False
        self._lines_left = LINES_PER_TURN
        self._turn_end = 0.0  # by the clock; 0.0 at its beginning
        self._awaits_turn = False  # in the input queue, or for the budget
        self._pause: asyncio.TimerHandle | None = None  # until there is something in the budget
        self._watch: asyncio.TimerHandle | None = None
        self.address = ""

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, without saying so
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
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

    def eof_received(self) -> bool:
        """Returns whether the connection stays open for answers."""
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
        self._receiver.connection_lost()

    def pause_writing(self) -> None:
        self._blocked = True
        self._watch_progress(self._transport.get_write_buffer_size())
        self._pause_or_read()

    def resume_writing(self) -> None:
        self._blocked = False
        self._stop_watching()
        self._waiting_events = 0
        self.flush()
        if self._blocked:
            return
        if self._closes_when_sent:
            self.close()
        else:
            self.resume_lines()

    # What the session calls

    def take_line(self) -> bytes | None:
        """The next line that is not blank, if a whole one is here and may be handled now. Raises
        ``LineTooLong`` once.
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
        """Whether a line is here that was not taken yet."""
        return self._lines.has_line()

    def set_line_limit(self, limit: int) -> None:
        self._lines.limit = limit

    def resume_lines(self) -> None:
        """The session may be ready for more: give it what lies here, and read on once it has taken that."""
        if self._paused and not self._closing:
            self._serve()

    def send_answer(self, data: bytes) -> None:
        """Send an answer: whole lines."""
        if self._closing:
            return
        self._outbox.append(data)
        if not (self._in_line or self._blocked):
            self._in_line = True
            self._flusher.add_writer(self)

    def send_event(self, data: bytes) -> None:
        """Send events: whole lines. A peer that lets too many of them wait is dropped."""
        if self._closing:
            return
        self._outbox.append(data)
        if self._blocked:
            self._waiting_events += len(data)
            if 0 < self._outbox_bytes < self._waiting_events:
                self.close(SlowConsumer())
        elif not self._in_line:
            self._in_line = True
            self._flusher.add_writer(self)

    def flush(self) -> None:
        """Write what waits, with one call, unless the transport is full."""
        self._in_line = False
        if self._outbox and not self._blocked and not self._closing:
            data = self._outbox[0] if len(self._outbox) == 1 else b"".join(self._outbox)
            self._outbox.clear()
            self._transport.write(data)

    def close_when_sent(self) -> None:
        """End the connection once the peer takes what waits for it."""
        if self._blocked:
            self._closes_when_sent = True
        else:
            self.close()

    def close(self, reason: ChatError | None = None) -> None:
        """End the connection; the peer is told why, behind what the transport already holds."""
        if self._closing:
            return
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
        self._transport.close()
        self._watch = self._loop.call_later(LAST_WORDS, self._transport.abort)

    # Within

    def _serve(self) -> None:
        """Give the session what lies here, and read on once it has taken that."""
        self._turn_end = 0.0
        self._receiver.receive_lines()
        if not self._closing:
            self._pause_or_read()

    def _charge_read(self, budget: InputBudget, now: float) -> None:
        """Pay for what was read, and begin a turn: a short one at once, or one in the queue for a connection
        that sends much."""
        budget.charge_read(now)
        self._lines_left = LINES_AT_ONCE
        if not self._awaits_turn and budget.is_exceeded(now):
            self._await_turn()

    def _may_take(self, now: float) -> bool:
        """Whether one more line may be handled; if not, and there is one, its turn comes later."""
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
        """Handle and read nothing for a while."""
        self._awaits_turn = True
        self._pause = self._loop.call_later(
            max(seconds, SHORTEST_PAUSE), self._input_queue.add, self._take_turn
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

    def _pause_or_read(self) -> None:
        """Read only while there is nothing to do: no line lies here, the budget is not empty, and the peer
        takes its answers."""
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
    """No delay for small writes; and the kernel finds out who vanished silently, with packets of its own (a
    silent peer may stay), or by what it cannot deliver."""
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
    """Not every system knows every option."""
    if hasattr(socket, option):
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _kernel_seconds(wanted: float) -> int:
    """As the kernel takes them: whole, at least one, at most nine hours."""
    return min(max(1, round(wanted)), 32767)
