"""Who speaks on a connection, and what is legal when. Below it ``connection`` knows bytes, above it
``dispatch`` knows chat.

The order of one session's requests:

* They are taken one at a time. A ``send`` does not wait for the ones before it (up to ``MOST_PENDING`` are on
  their way at once; the writer keeps them in order), and neither does a ``ping``, which nothing can tell from
  one answered in its turn. Everything else waits until all before it is answered, and whatever follows waits
  for it.
* After a ``send`` of unknown fate nothing the session sent behind it may be stored, also what is still on the
  wire: the client will send all of it again, in order. So such an answer ends the connection.

The life of a session: strangers may register, log in, resume; users may do the rest; a logout makes a
stranger again. Strangers get short lines and little time.
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
from chatroom.server.dispatch import HandlerRow, RateClass, Table
from chatroom.server.domain.request_checks import check_rate
from chatroom.server.net.connection import PeerConnection
from chatroom.server.net.limits import TokenBucket
from chatroom.server.results import CommitWork, Handled, PostMessage, ReadPage, ReadWork, Reply
from chatroom.server.state.directory import Speaker
from chatroom.server.state.presence import PresenceTracker

log = logging.getLogger(__name__)

MOST_PENDING = 64
"""Messages of one session on their way to the disk; it is not read from while there are more."""

RETRY_AFTER = 1.0
"""Seconds after which a client may try what was unavailable."""


class ClientSession:
    def __init__(
        self,
        connection: PeerConnection,
        *,
        table: Table,
        writer: DatabaseWriter,
        reader: DatabaseReader,
        presence: PresenceTracker,
        limits: LimitSettings,
        welcome: bytes,
        on_lost: Callable[["ClientSession"], None],
    ) -> None:
        self._connection = connection
        self._table = table
        self._writer = writer
        self._reader = reader
        self._presence = presence
        self._limits = limits
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self.speaker = Speaker(
            address=connection.address,
            send_event=connection.send_event,
            close=connection.close,
            sends=TokenBucket(limits.rate, limits.burst),
            hints=TokenBucket(limits.typing_rate if limits.rate else 0, limits.typing_burst),
        )
        self._asks = TokenBucket(limits.requests_rate if limits.rate else 0, limits.requests_burst)
        self._exports = TokenBucket(limits.export_rate if limits.rate else 0, limits.export_burst)
        self._stream = SessionOrder()
        self._pending = 0  # sends on their way
        self._waiting: tuple[HandlerRow, Request] | None = (
            None  # taken, but all before it must be answered first
        )
        self._busy = False  # with a request that all behind it waits for
        self._held: asyncio.TimerHandle | None = None  # too much rubbish came; nothing is taken until then
        self._task: asyncio.Task[None] | None = None
        self._input_ended = False  # the peer sends nothing more
        self._finishing: ChatError | None = None
        self._gone = False
        self._deadline: asyncio.TimerHandle | None = None
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
        self._gone = True
        self._waiting = None  # whoever asked has left the account too; what was said before it is settled
        for handle in (self._deadline, self._held):
            if handle is not None:
                handle.cancel()
        if self._task is not None:
            self._task.cancel()
        self._presence.session_lost(self.speaker)
        self._on_lost(self)

    # What the server calls

    def finish_requests(self, reason: ChatError) -> None:
        """Take nothing more, answer what was taken, then close."""
        self._finishing = reason
        self._continue_reading()

    def cut_off(self, reason: ChatError) -> None:
        """Do not wait for what was taken any longer: tell the peer why, and hang up."""
        self._connection.close(reason)

    # A line

    def _may_take(self) -> bool:
        return (
            not self._busy
            and self._waiting is None
            and self._pending < MOST_PENDING
            and self._held is None
            and self._finishing is None
        )

    def _handle_line(self, line: bytes) -> None:
        try:
            request = read_request(line)
        except WireError as error:
            self._send_error(error.id, error)
            self._delay_reading(self._asks.take_token(time.monotonic()))
            return
        try:
            row = self._table[type(request)]
            if row.pace is not None:
                self._check_rate(row.pace)
            row.who.check_speaker(self.speaker)
        except Exception as error:
            self._answer_failure(request, error)
            return
        if row.waits and self._pending:
            self._waiting = row, request
        else:
            self._run_handler(row, request)

    def _check_rate(self, pace: RateClass) -> None:
        check_rate(self._exports if pace is RateClass.EXPORTS else self._asks)

    def _delay_reading(self, seconds: float) -> None:
        """Rubbish is answered, but no faster than requests are."""
        if seconds:
            self._held = self._loop.call_later(seconds, self._resume_reading)

    def _resume_reading(self) -> None:
        self._held = None
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
        """Do what a handler says: answer, or ask whoever has the answer."""
        match handled:
            case PostMessage(draft, roster, then):
                self._pending += 1
                done = partial(self._after_post, request.id, then)
                epoch = self.speaker.session_epoch
                self._writer.add_operation(MessagePost(draft, roster, self._stream, done, epoch))
            case Response():
                self._connection.send_answer(encode_frame(handled))
            case CommitWork(work, then):
                self._busy = True
                done = partial(self._after_commit, request, then)
                self._writer.add_operation(WriteJob(self._checked(work), done, self._stream))
            case ReadWork(work, then):
                ask = partial(self._reader.run, self._checked(work))
                self._start_work(self._ask_reader(request, ask, lambda found: encode_frame(then(found))))
            case ReadPage(work):
                ask = partial(self._reader.run_long, self._checked(work))
                self._start_work(self._ask_reader(request, ask, lambda line: line))
            case _:
                self._start_work(self._await_handler(request, handled))

    def _checked(self, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The work of a request, done only if the session is not over by then: another server process may
        have ended it."""
        account, epoch = self.speaker.account, self.speaker.session_epoch
        if account is None:
            return work
        account_id = account.id

        def checked(within: Any) -> Any:
            connection = within.connection if isinstance(within, WriteTransaction) else within
            check_session(connection, account_id, epoch)
            return work(within)

        return checked

    def _start_work(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = True
        self._task = background.start_task(self._loop, work)

    async def _ask_reader(
        self, request: Request, ask: Callable[[], Awaitable[Any]], line: Callable[[Any], bytes]
    ) -> None:
        """Ask a reader's thread; ``line`` makes the answer of what it has found."""
        try:
            answer = line(await self._ask_entitled(ask))
        except Exception as error:
            self._answer_failure(request, error)
        else:
            self._connection.send_answer(answer)
        self._task = None
        self._request_done()

    async def _ask_entitled(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask, and ask again if the account has lost a seat meanwhile: the query checks rights as of its own
        moment, and its result must not leave after they have ended."""
        account = self.speaker.account
        if account is None:
            return await ask()
        while True:
            before = account.seats_lost
            found = await ask()
            if account.seats_lost == before:
                return found

    async def _await_handler(self, request: Request, handled: Awaitable[Reply]) -> None:
        """Wait for what a handler waits for, and then do what it says."""
        account = self.speaker.account
        try:
            reply = await handled
            if self.speaker.account is not account:
                raise NotLoggedIn  # the session was ended meanwhile
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
        """A change is committed, or failed; ``then`` runs even if the asker has gone, for others follow from
        it.
        """
        account = self.speaker.account
        try:
            if isinstance(result, Exception):
                raise result
            self._connection.send_answer(encode_frame(then(result)))
        except Exception as error:
            self._answer_failure(request, error)
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
        if isinstance(error, SessionEnded | AccountDisabled) and self.speaker.account is not None:
            self._end(request, error)
        elif isinstance(request, Send):
            self._fail_send(request.id, error)
        else:
            self._send_error(request.id, self._client_error(error))

    def _end(self, request: Request, error: ChatError) -> None:
        """The session is over. A ``send`` gets no answer: what it asks for may have been stored before."""
        if not isinstance(request, Send):
            self._send_error(request.id, error)
        self._dismiss(error)

    def _dismiss(self, reason: ChatError) -> None:
        self._stream.broken = True
        if self.speaker.account is not None:
            self._presence.dismiss_sessions(self.speaker.account, {self.speaker}, reason)

    def _fail_send(self, id: Id, error: Exception) -> None:
        worded = self._client_error(error)
        if isinstance(worded, SessionEnded | AccountDisabled):
            self._dismiss(worded)
            return
        self._send_error(id, worded)
        if isinstance(worded, Failure):
            self._stream.broken = True
            self._connection.close(worded)

    def _client_error(self, error: Exception) -> ChatError:
        """The one ladder from what went wrong to what a client is told; of our own faults it hears nothing
        more.
        """
        if isinstance(error, ChatError):
            return error
        if isinstance(error, DatabaseUnavailable):
            return Unavailable(retry_after=RETRY_AFTER)
        log.error("a request failed: %s", error, exc_info=error)
        return Internal()

    def _send_error(self, id: Id | None, error: ChatError) -> None:
        answer = Error(id=id, code=error.code, message=error.message, details=error.details)
        self._connection.send_answer(encode_frame(answer))

    # Where the session stands

    def _request_done(self) -> None:
        self._busy = False
        self._continue_reading()

    def _continue_reading(self) -> None:
        """Something that was waited for is over."""
        if self._waiting is not None and not self._pending and not self._busy:
            waiting, self._waiting = self._waiting, None
            self._run_handler(*waiting)
        if self._finishing is not None:
            if self._is_idle():
                self._connection.close(self._finishing)
        else:
            self._connection.resume_lines()
            self._close_if_done()

    def _is_idle(self) -> bool:
        """Whether everything that was taken is answered."""
        return not (self._busy or self._pending or self._waiting)

    def _close_if_done(self) -> None:
        """End a connection whose peer has ended its side, once all that had arrived is answered."""
        if self._input_ended and self._is_idle() and not self._connection.has_input():
            self._connection.close_when_sent()

    def _login_changed(self) -> None:
        if self.speaker.account is None:
            self._reset_to_anonymous()
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._connection.set_line_limit(effective_limit(self._limits.line))
        if self._gone:
            self._presence.session_lost(self.speaker)

    def _reset_to_anonymous(self) -> None:
        self._connection.set_line_limit(effective_limit(self._limits.line_before_login))
        if self._limits.login_timeout and not self._gone:
            self._deadline = self._loop.call_later(self._limits.login_timeout, self._login_timed_out)

    def _login_timed_out(self) -> None:
        self._connection.close(LoginTimeout(seconds=self._limits.login_timeout))
