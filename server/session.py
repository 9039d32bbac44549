"""A session: takes the requests of one connection in order, and answers them.

``net.connection`` handles its bytes, ``dispatch`` finds its handlers. The order of requests:

* The session takes one request at a time. A ``send`` does not wait for earlier sends: up to
  ``MAX_PENDING_SENDS`` are with the writer, which keeps their order. A ``ping`` waits for nothing. Every
  other request waits until all earlier ones are answered, and later requests wait for it.
* If it is unknown whether a ``send`` was stored, nothing that the session sent after it may be stored, also
  what is still on the wire: the client resends all of it, in order. So such an answer closes the connection.

Before login, a speaker may register, log in or resume; lines are short and time is limited. After login it
may send every other request, until a logout makes it anonymous again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from chatroom.db import background
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.reader import DatabaseReader
from chatroom.db.writer.operations import MessagePost, SessionOrder, WriteJob
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.protocol.errors import (
    AccountDisabled,
    ChatError,
    Failure,
    Internal,
    LineTooLong,
    LoginTimeout,
    NotLoggedIn,
    SessionEnded,
    Unavailable,
    WireError,
)
from chatroom.protocol.frame import Id
from chatroom.protocol.requests import Request, Send
from chatroom.protocol.responses import Error, Response
from chatroom.protocol.wire import encode_frame, read_request
from chatroom.server.auth.permissions import check_session
from chatroom.server.config.settings import LimitSettings, effective_limit
from chatroom.server.dispatch import CHANGE_COST, HandlerRow, RateClass, Table
from chatroom.server.domain.session_log import SessionLog
from chatroom.server.net.connection import PeerConnection
from chatroom.server.net.fair_queue import FairLane, ReadLanes
from chatroom.server.net.limits import TokenBucket
from chatroom.server.net.rates import ServerRates, SessionRates
from chatroom.server.results import CommitWork, Handled, PostMessage, ReadPage, ReadWork, Reply
from chatroom.server.state.directory import Speaker
from chatroom.server.state.presence import PresenceTracker
from chatroom.server.state.statistics import SessionStatistics

log = logging.getLogger(__name__)

MAX_PENDING_SENDS = 64
"""Messages of one session that wait for COMMIT. With more, the session is not read from."""

UNAVAILABLE_RETRY_SECONDS = 1.0
"""``retry_after`` when the database is unavailable."""


class ClientSession:
    def __init__(
        self,
        connection: PeerConnection,
        *,
        table: Table,
        writer: DatabaseWriter,
        reader: DatabaseReader,
        lanes: ReadLanes,
        rates: ServerRates,
        presence: PresenceTracker,
        limits: LimitSettings,
        session_log: SessionLog,
        statistics: SessionStatistics,
        welcome: bytes,
        on_lost: Callable[["ClientSession"], None],
    ) -> None:
        self._connection = connection
        self._table = table
        self._writer = writer
        self._reader = reader
        self._lanes = lanes
        self._presence = presence
        self._limits = limits
        self._log = session_log
        self._statistics = statistics
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self.speaker = Speaker(
            address=connection.address,
            send_event=connection.send_event,
            close=connection.close,
            sends=TokenBucket(limits.rate, limits.burst),
            hints=TokenBucket(limits.typing_rate if limits.rate else 0, limits.typing_burst),
        )
        self._rates = SessionRates(limits, rates, self.speaker)
        self._order = SessionOrder()
        self._pending = 0  # sends that wait for COMMIT
        self._waiting: tuple[HandlerRow, Request] | None = None  # taken; waits for the pending sends
        self._busy = False  # with a request that later ones wait for
        self._reading_delay: asyncio.TimerHandle | None = None  # no line is taken before
        self._task: asyncio.Task[None] | None = None
        self._input_ended = False  # the peer has closed its sending side
        self._finishing: ChatError | None = None
        self._is_lost = False
        self._deadline: asyncio.TimerHandle | None = None
        self._log.connection_opened(self.speaker)
        self._statistics.opened += 1
        self._connection.send_answer(welcome)
        self._reset_to_anonymous()

    # What the connection calls

    def receive_lines(self) -> None:
        """Take and handle lines while there are any and the session may take one."""
        while self._may_take():
            try:
                line = self._connection.take_line()
            except LineTooLong as error:
                self._send_error(None, error)
                self._connection.close(error)
                break
            if line is None:
                break
            self._handle_line(line)
        self._close_if_done()

    def input_ended(self) -> None:
        self._input_ended = True
        self._close_if_done()

    def connection_lost(self) -> None:
        self._is_lost = True
        self._waiting = None  # the sends before it are with the writer
        for handle in (self._deadline, self._reading_delay):
            if handle is not None:
                handle.cancel()
        if self._task is not None:
            self._task.cancel()
        self._log.connection_closed(self.speaker, self._connection.close_reason)
        self._statistics.count_closing(self._connection.close_reason)
        self._presence.session_lost(self.speaker)
        self._on_lost(self)

    # What the server calls

    @property
    def waiting_bytes(self) -> int:
        return self._connection.waiting_bytes

    def finish_requests(self, reason: ChatError) -> None:
        """Take no more requests, answer those that were taken, then close."""
        self._finishing = reason
        self._continue_reading()

    def cut_off(self, reason: ChatError) -> None:
        """Close without waiting for the answers to requests that were taken."""
        self._connection.close(reason)

    # A line

    def _may_take(self) -> bool:
        return (
            not self._busy
            and self._waiting is None
            and self._pending < MAX_PENDING_SENDS
            and self._reading_delay is None
            and self._finishing is None
        )

    def _handle_line(self, line: bytes) -> None:
        try:
            request = read_request(line)
        except WireError as error:
            self._send_error(error.id, error)
            self._delay_reading(self._rates.take_line())
            return
        self._statistics.requests[type(request)] += 1
        try:
            row = self._table[type(request)]
            if row.rate_class is not None:
                self._rates.check_request(row.cost, is_export=row.rate_class is RateClass.EXPORTS)
            row.audience.check_speaker(self.speaker)
        except Exception as error:
            self._answer_failure(request, error)
            return
        if isinstance(request, Send) and (wait := self._excess_wait()):
            self._waiting = row, request
            self._delay_reading(wait)
        elif row.waits and self._pending:
            self._waiting = row, request
        else:
            self._run_handler(row, request)

    def _excess_wait(self) -> float:
        """Return the seconds that a message above the rate waits before its handler runs.

        The handler asks the writer whether it is a resend, so such messages are limited like other requests.
        """
        if not self.speaker.sends.wait_for(1.0, time.monotonic()):
            return 0.0
        return self._rates.take_request(CHANGE_COST)

    def _delay_reading(self, seconds: float) -> None:
        """Take no further line for some seconds."""
        if seconds:
            self._reading_delay = self._loop.call_later(seconds, self._resume_reading)

    def _resume_reading(self) -> None:
        self._reading_delay = None
        self._continue_reading()

    # A request

    def _run_handler(self, row: HandlerRow, request: Request) -> None:
        try:
            handled = row.handle(self.speaker, request)
        except Exception as error:
            self._answer_failure(request, error)
        else:
            self._handle_result(request, handled)

    def _handle_result(self, request: Request, handled: Handled) -> None:
        """Send a response, or start the work that leads to it."""
        match handled:
            case PostMessage(draft, roster, then):
                self._pending += 1
                done = partial(self._after_post, request.id, then)
                epoch = self.speaker.session_epoch
                self._writer.add_operation(
                    MessagePost(draft, roster, self._order, done, epoch, time.monotonic())
                )
            case Response():
                self._connection.send_answer(encode_frame(handled))
            case CommitWork(work, then):
                self._busy = True
                done = partial(self._after_commit, request, then)
                self._writer.add_operation(WriteJob(self._checked(work), done, self._order))
            case ReadWork(work, then):
                ask = partial(self._read, self._lanes.fast, self._checked(work))
                self._start_work(self._ask_reader(request, ask, lambda result: encode_frame(then(result))))
            case ReadPage(work, slow):
                lane = self._lanes.slow if slow else self._lanes.fast
                ask = partial(self._read, lane, self._checked(work))
                self._start_work(self._ask_reader(request, ask, lambda line: line))
            case _:
                self._start_work(self._await_handler(request, handled))

    def _read(self, lane: FairLane, work: Callable[[Any], Any]) -> Awaitable[Any]:
        return lane.run(self.speaker, partial(self._reader.start, work))

    def _checked(self, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the work of a request with a check that the session has not ended.

        Another server process may have ended it meanwhile.
        """
        account, epoch = self.speaker.account, self.speaker.session_epoch
        if account is None:
            return work
        account_id = account.id

        def checked(transaction: Any) -> Any:
            connection = transaction.connection if isinstance(transaction, WriteTransaction) else transaction
            check_session(connection, account_id, epoch)
            return work(transaction)

        # The name of the work for the log; mypy knows no attributes of functions.
        checked.__wrapped__ = work  # type: ignore[attr-defined]
        return checked

    def _start_work(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = True
        self._task = background.start_task(self._loop, work)

    async def _ask_reader(
        self, request: Request, ask: Callable[[], Awaitable[Any]], line: Callable[[Any], bytes]
    ) -> None:
        """Run a query on a reader's thread; ``line`` encodes its result."""
        try:
            answer = line(await self._ask_current(ask))
        except Exception as error:
            self._answer_failure(request, error)
        else:
            self._connection.send_answer(answer)
        self._task = None
        self._request_done()

    async def _ask_current(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Run a query, and again if the account has lost a seat since.

        The query checks permissions as of its own time; its result must not be sent after they have ended.
        """
        account = self.speaker.account
        if account is None:
            return await ask()
        while True:
            before = account.seats_lost
            result = await ask()
            if account.seats_lost == before:
                return result

    async def _await_handler(self, request: Request, handled: Awaitable[Reply]) -> None:
        """Wait for a handler that checks a password, then handle its result."""
        account = self.speaker.account
        try:
            reply = await handled
            if self.speaker.account is not account:
                raise NotLoggedIn  # the session has ended since
        except Exception as error:
            self._answer_failure(request, error)
            reply = None
        self._task = None
        self._busy = False
        if reply is not None:
            self._handle_result(request, reply)
        if not self._busy:
            self._continue_reading()

    def _after_commit(self, request: Request, then: Callable[[Any], Response], result: Any) -> None:
        """A change was committed, or failed. ``then`` runs even if the connection is lost, because it updates
        the live state.
        """
        account = self.speaker.account
        try:
            if isinstance(result, Exception):
                raise result
            self._connection.send_answer(encode_frame(then(result)))
        except Exception as error:
            self._answer_failure(request, error)
        else:
            self._log.request_done(self.speaker, account or self.speaker.account, request)
            self._statistics.count_login(request, "ok")
        if self.speaker.account is not account:
            self._login_changed()
        self._request_done()

    def _after_post(
        self, id: Id, then: Callable[[AppendOutcome], Response], outcome: AppendOutcome | Exception
    ) -> None:
        self._pending -= 1
        try:
            if isinstance(outcome, Exception):
                raise outcome
            self._connection.send_answer(encode_frame(then(outcome)))
        except Exception as error:
            self._fail_send(id, error)
        self._continue_reading()

    # Refusals and failures

    def _answer_failure(self, request: Request, error: Exception) -> None:
        if isinstance(error, ChatError):
            self._log.request_refused(self.speaker, request, error)
        if isinstance(error, SessionEnded | AccountDisabled) and self.speaker.account is not None:
            self._end(request, error)
        elif isinstance(request, Send):
            self._fail_send(request.id, error)
        else:
            client_error = self._client_error(error)
            self._statistics.count_login(request, client_error.code)
            self._send_error(request.id, client_error)

    def _end(self, request: Request, error: ChatError) -> None:
        """End the session. A ``send`` gets no error, because it may be the resend of a stored message."""
        if not isinstance(request, Send):
            self._send_error(request.id, error)
        self._dismiss(error)

    def _dismiss(self, reason: ChatError) -> None:
        self._order.broken = True
        if self.speaker.account is not None:
            self._presence.dismiss_sessions(self.speaker.account, {self.speaker}, reason)

    def _fail_send(self, id: Id, error: Exception) -> None:
        client_error = self._client_error(error)
        if isinstance(client_error, SessionEnded | AccountDisabled):
            self._dismiss(client_error)
            return
        self._send_error(id, client_error)
        if isinstance(client_error, Failure):
            self._order.broken = True
            self._connection.close(client_error)

    def _client_error(self, error: Exception) -> ChatError:
        """Return the error to send for an exception. Other exceptions are logged and sent as ``Internal``."""
        if isinstance(error, ChatError):
            return error
        if isinstance(error, DatabaseUnavailable):
            return Unavailable(retry_after=UNAVAILABLE_RETRY_SECONDS)
        log.error("a request failed: %s", error, exc_info=error)
        return Internal()

    def _send_error(self, id: Id | None, error: ChatError) -> None:
        self._statistics.refusals[error.code] += 1
        answer = Error(id=id, code=error.code, message=error.message, details=error.details)
        self._connection.send_answer(encode_frame(answer))

    # State of the session

    def _request_done(self) -> None:
        self._busy = False
        self._continue_reading()

    def _continue_reading(self) -> None:
        """Take the next request after an answer or a delay."""
        if self._waiting is not None and not (self._pending or self._busy or self._reading_delay):
            waiting, self._waiting = self._waiting, None
            self._run_handler(*waiting)
        if self._finishing is not None:
            if self._is_idle():
                self._connection.close(self._finishing)
        else:
            self._connection.resume_lines()
            self._close_if_done()

    def _is_idle(self) -> bool:
        """Return whether every taken request is answered."""
        return not (self._busy or self._pending or self._waiting)

    def _close_if_done(self) -> None:
        """Close once the peer has closed its sending side and all of its requests are answered."""
        if self._input_ended and self._is_idle() and not self._connection.has_input():
            self._connection.close_when_sent()

    def _login_changed(self) -> None:
        if self.speaker.account is None:
            self._reset_to_anonymous()
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._connection.set_line_limit(effective_limit(self._limits.line))
        if self._is_lost:
            self._presence.session_lost(self.speaker)

    def _reset_to_anonymous(self) -> None:
        self._connection.set_line_limit(effective_limit(self._limits.line_before_login))
        if self._limits.login_timeout and not self._is_lost:
            self._deadline = self._loop.call_later(self._limits.login_timeout, self._login_timed_out)

    def _login_timed_out(self) -> None:
        self._connection.close(LoginTimeout(seconds=self._limits.login_timeout))
