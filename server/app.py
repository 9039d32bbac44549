"""The server process: start and shutdown. Its parts are assembled in ``wiring``.

Start: lock the file, check the database, upgrade its schema, bind the port, start reader and writer, take
over the accounts of an earlier run, accept connections, and only then announce the endpoint.

Shutdown, at SIGTERM or SIGINT:

1. the listener closes;
2. every session takes no more requests, answers those it took, sends ``going_away``, and closes;
3. sessions that have not finished after half of ``STOP_SECONDS`` are closed;
4. the writer finishes accepted operations, and its thread ends;
5. the process removes itself from the database, and the pools close.

All of it has ``STOP_SECONDS``. A second signal ends the process at once. So does a watchdog if something
hangs: it prints a traceback of each thread on standard error.
"""

import asyncio
import faulthandler
import logging
import os
import platform
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from chatroom import protocol
from chatroom.db import background
from chatroom.db.engine import is_sqlite
from chatroom.db.errors import DatabaseUnavailable
from chatroom.db.preflight import as_unusable
from chatroom.protocol.errors import GoingAway, TooManyConnections
from chatroom.protocol.events import Welcome
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import Limits
from chatroom.protocol.wire import encode_frame
from chatroom.server.admin import ipc
from chatroom.server.cluster.identity import LONE_IDENTITY, claim_identity
from chatroom.server.config.endpoint import ServerEndpoint, endpoint_of
from chatroom.server.config.log import set_level
from chatroom.server.config.reload import reload_config
from chatroom.server.config.settings import ServerConfig, effective_limit
from chatroom.server.config.trusted_proxies import TrustedProxies
from chatroom.server.domain.request_checks import page_size
from chatroom.server.http.sources import ServerPhase, ServerSources
from chatroom.server.http.start import HttpUnavailable, bind_http_sockets, serve_http
from chatroom.server.net.client_sockets import (
    ListenFailed,
    open_client_sockets,
    remove_socket_files,
    socket_address,
)
from chatroom.server.net.connection import LineReceiver, PeerConnection
from chatroom.server.net.flusher import WriteFlusher
from chatroom.server.net.input_queue import REST_SECONDS, InputQueue
from chatroom.server.net.limits import Doorkeeper, InputBudgets
from chatroom.server.net.listener import ConnectionListener, allow_many_files
from chatroom.server.net.tls import (
    CertificateError,
    TlsCertificate,
    certificate_files,
    load_certificate,
    prepare_tls,
)
from chatroom.server.preparation import StartError, check_cluster, hint_key, open_database
from chatroom.server.session import ClientSession
from chatroom.server.state.directory import number_sessions_of
from chatroom.server.systemd.activation import adopt_sockets, take_passed_sockets
from chatroom.server.systemd.notifier import ServiceNotifier
from chatroom.server.wiring import assemble_parts

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
"""Seconds for an orderly shutdown; a supervisor usually waits ten."""
WATCHDOG_SECONDS = STOP_SECONDS + 1.5
"""Seconds after which the watchdog ends the process. Requests without an answer may or may not be stored."""

Announce = Callable[[ServerEndpoint, str], None]
"""Called with the endpoint, and with an invitation code if registration needs one."""


class WorkerPlace(NamedTuple):
    """The number of a worker (``--workers``), and the descriptors of the sockets that all workers share."""

    number: int
    descriptors: tuple[int, ...]


class ServerFailed(Exception):
    """The server has stopped because of an internal failure: one sentence for the administrator."""


async def serve_until_stopped(
    config: ServerConfig,
    announce: Announce,
    reload: Callable[[], ServerConfig] | None = None,
    place: WorkerPlace | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is called once clients can connect; ``reload`` loads the
    configuration again, at SIGHUP.

    Raises ``StartError`` and ``tls.CertificateError``.
    """
    passed = take_passed_sockets(os.environ) if place is None else adopt_sockets(place.descriptors)
    encrypted = any(config.encrypts(socket_address(each)) for each in passed)
    tls = load_certificate(config) if encrypted else prepare_tls(config)
    allow_many_files()
    try:
        http_sockets = await bind_http_sockets(config.http, 1 if place is None else place.number)
    except HttpUnavailable as error:
        raise StartError(str(error)) from None
    check_cluster(config)
    async with open_database(config) as engine:
        key = await hint_key(config, engine)
        sockets = passed or await _bind_sockets(config)
        server = ChatServer(config, engine, tls, sockets, reload, hint_key=key, place=place)
        with serve_http(config.http, http_sockets, server.sources):
            await server.run_until_stopped(announce)
    if not passed:
        remove_socket_files(config)


class ChatServer:
    """One server process. ``sockets`` are bound; ``run_until_stopped`` accepts connections."""

    def __init__(
        self,
        config: ServerConfig,
        engine: Engine,
        tls: TlsCertificate | None,
        sockets: list[socket.socket],
        reload: Callable[[], ServerConfig] | None = None,
        *,
        hint_key: bytes = b"",
        place: WorkerPlace | None = None,
    ) -> None:
        limits = config.limits
        self._config = config
        self._tls = tls
        self._sockets = sockets
        self._encrypted = {each for each in sockets if config.encrypts(socket_address(each))}
        self._reload = reload
        self._notifier = ServiceNotifier(os.environ)
        self._place = place
        if place is not None:
            number_sessions_of(place.number)
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(background.report_loop_error)
        self._has_failed = False
        self._stopping = asyncio.Event()
        self._flusher = WriteFlusher(self._loop)
        self._input_queue = InputQueue(self._loop, REST_SECONDS if limits.rate else 0.0)
        self._budgets = _input_budgets(config)
        self._sessions: set[ClientSession] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._door = Doorkeeper(limits.connections_per_address, limits.new_connections_per_minute)
        self._listener = ConnectionListener(
            sockets,
            self._door,
            self._open_connection,
            tls=self._tls_context,
            handshake_timeout=limits.handshake_timeout,
            proxies=TrustedProxies(config.proxies),
        )
        identity = LONE_IDENTITY if is_sqlite(engine.url) else claim_identity(config.data)
        self._parts = assemble_parts(
            config,
            engine,
            identity,
            writer_failed=self._end_by_failure,
            hint_key=hint_key,
            name=_server_name(self._listener, place),
        )
        self._welcome = encode_frame(_welcome_event(config))
        self._phase = ServerPhase.STARTING
        self.sources = ServerSources(self._parts, lambda: self._phase, lambda: self._sessions, tls)
        self._admin_socket = ipc.socket_path(config.data, 0 if place is None else place.number)

    async def run_until_stopped(self, announce: Announce) -> None:
        try:
            code = await self._join_cluster()
            self._listener.start()
            admin_server = await self._open_admin_socket()
            self._catch_signals()
            jobs = [*self._parts.background_jobs(), self._run_watchdog]
            tasks = [background.keep_running(self._loop, job) for job in jobs]
            self._phase = ServerPhase.SERVING
            endpoint = self._endpoint()
            announce(endpoint, code)
            self._notifier.announce_ready(str(endpoint))
        except BaseException:
            self._listener.close()
            self._parts.close()  # the writer's thread would keep the process alive
            await self._parts.close_bus()
            raise
        await self._stopping.wait()
        log.info("stopping")
        self._phase = ServerPhase.STOPPING
        self._notifier.announce_stop()
        for task in tasks:
            task.cancel()
        if admin_server is not None:
            ipc.stop_listening(admin_server, self._admin_socket)
        await self._stop_serving()
        if self._has_failed:
            raise ServerFailed("stopped, because nothing can be stored any more: see the log")

    # Start

    async def _join_cluster(self) -> str:
        """Join the other server processes; return the invitation code to announce, or ``""``."""
        try:
            await self._parts.join_cluster()
            is_first = self._place is None or self._place.number == 1
            if self._config.accounts.registration == "open" or not is_first:
                return ""
            return await self._parts.issue_code()
        except DatabaseUnavailable:
            raise StartError("the database went away while the server was starting") from None
        except DBAPIError as error:  # a user that may only read, for one
            raise StartError(str(as_unusable(self._engine.url, error))) from None

    async def _open_admin_socket(self) -> asyncio.Server | None:
        """Accept admin commands; the server runs without them if that fails."""
        try:
            return await self._parts.open_admin_socket(self._admin_socket)
        except (OSError, NotImplementedError) as error:
            log.warning("chat-server admin will not reach this server: %s", error)
            return None

    def _tls_context(self, listening: socket.socket) -> ssl.SSLContext | None:
        return self._tls.context if self._tls is not None and listening in self._encrypted else None

    def _endpoint(self) -> ServerEndpoint:
        """Return the server's addresses; of a single host only the first one."""
        fingerprint = self._tls.fingerprint if self._tls else ""
        endpoints = [
            endpoint_of(socket_address(each), fingerprint if each in self._encrypted else "")
            for each in self._sockets
        ]
        others = () if len(self._config.listen_addresses) == 1 else endpoints[1:]
        return replace(endpoints[0], others=tuple(others))

    async def _run_watchdog(self) -> None:
        await self._notifier.run_watchdog(lambda: self._parts.writer.current_state().is_alive)

    def _open_connection(
        self, refusal: TooManyConnections | None, gone: Callable[[], None], address: str
    ) -> PeerConnection:
        return PeerConnection(
            partial(self._open_session, refusal, gone),
            flusher=self._flusher,
            input_queue=self._input_queue,
            budgets=self._budgets,
            memory=self._parts.memory,
            line_limit=effective_limit(self._config.limits.line_before_login),
            outbox_bytes=self._config.limits.outbox_bytes,
            outbox_stall=self._config.limits.outbox_stall,
            ping_interval=self._config.limits.ping_interval,
            dead_after=self._config.limits.dead_after,
            address=address,
        )

    def _open_session(
        self, refusal: TooManyConnections | None, gone: Callable[[], None], connection: PeerConnection
    ) -> LineReceiver:
        if refusal is not None:
            return RejectedConnection(connection, refusal, gone)
        on_lost = partial(self._forget_connection, gone)
        session = self._parts.open_session(connection, self._welcome, on_lost)
        self._sessions.add(session)
        self._empty.clear()
        return session

    def _forget_connection(self, gone: Callable[[], None], session: ClientSession) -> None:
        gone()
        self._sessions.discard(session)
        self._parts.memory_trimmer.connection_closed()
        if not self._sessions:
            self._empty.set()

    def _catch_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload_all)
        if self._place is not None:
            self._loop.add_reader(sys.stdin.fileno(), self._supervisor_ended)

    def _stop(self) -> None:
        if self._stopping.is_set():
            os._exit(1)  # a second signal ends the process at once
        self._begin_shutdown()

    def _supervisor_ended(self) -> None:
        """The supervisor of this worker has ended: nothing else reads or closes this pipe."""
        self._loop.remove_reader(sys.stdin.fileno())
        if not self._stopping.is_set():
            self._begin_shutdown()

    def _end_by_failure(self) -> None:
        """Shut down in order; the exit code makes the supervisor start another process."""
        self._has_failed = True
        self._begin_shutdown()

    def _begin_shutdown(self) -> None:
        faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
        self._stopping.set()

    def _reload_all(self) -> None:
        """Load the configuration and the certificate again."""
        self._notifier.announce_reload()
        changed = None if self._reload is None else reload_config(self._config, self._reload)
        if changed is not None:
            set_level(changed.log_level)
            self._apply_limits()
        self._reload_certificate(changed or self._config)
        self._notifier.announce_ready(str(self._endpoint()))

    def _apply_limits(self) -> None:
        """Pass changed limits on. Open connections keep their rates and buffers."""
        limits = self._config.limits
        self._door.set_limits(limits.connections_per_address, limits.new_connections_per_minute)
        self._listener.handshake_timeout = limits.handshake_timeout
        self._budgets = _input_budgets(self._config)
        self._input_queue.rest = REST_SECONDS if limits.rate else 0.0
        self._welcome = encode_frame(_welcome_event(self._config))
        self._parts.apply_limits()

    def _reload_certificate(self, config: ServerConfig) -> None:
        """Read the certificate again; open connections keep the old one."""
        if self._tls is None:
            return
        try:
            self._tls.reload_files(certificate_files(config))
        except CertificateError as error:
            log.error("the certificate stays as it was: %s", error)
        else:
            log.info("serving tls sha256:%s from now on", self._tls.fingerprint)

    # Stop

    async def _stop_serving(self) -> None:
        self._listener.close()
        self._parts.stop_waiting()
        for session in list(self._sessions):
            session.finish_requests(GoingAway())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), STOP_SECONDS / 2)
        for session in list(self._sessions):
            session.cut_off(GoingAway())
        with suppress(Exception):  # a hanging database; the others notice by the missing heartbeat
            async with asyncio.timeout(STOP_SECONDS / 2):
                await asyncio.to_thread(self._parts.leave_cluster)
        await self._parts.close_bus()
        self._parts.close_pools()


class RejectedConnection:
    """A connection over the limits: gets the reason, and is closed."""

    def __init__(
        self, connection: PeerConnection, reason: TooManyConnections, gone: Callable[[], None]
    ) -> None:
        self._gone = gone
        connection.close(reason)

    def receive_lines(self) -> None:
        pass

    def input_ended(self) -> None:
        pass

    def connection_lost(self) -> None:
        self._gone()


async def _bind_sockets(config: ServerConfig) -> list[socket.socket]:
    try:
        return await open_client_sockets(config)
    except ListenFailed as error:
        raise StartError(str(error)) from None


def _input_budgets(config: ServerConfig) -> InputBudgets:
    """Return the input budgets; like every rate, they are off without ``limits.rate``."""
    limits = config.limits
    if not limits.rate:
        return InputBudgets(0, 0, 0, 0)
    return InputBudgets(
        limits.input_rate, limits.input_burst, limits.address_input_rate, limits.address_input_burst
    )


def _welcome_event(config: ServerConfig) -> Welcome:
    limits = config.limits
    return Welcome(
        protocol=protocol.VERSION,
        server=f"chatroom/{protocol.RELEASE}",
        name=config.name,
        limits=Limits(
            line=limits.line,
            text=limits.text,
            username=(limits.username_min, limits.username_max),
            password=(config.password.min, config.password.max),
            room=(limits.room_min, limits.room_max),
            nickname=(limits.nickname_min, limits.nickname_max),
            page=page_size(UNSET, limits.page),
            export=page_size(UNSET, limits.export_page),
            retention=config.retention.days or UNSET,
        ),
    )


def _server_name(listener: ConnectionListener, place: WorkerPlace | None) -> str:
    """Return the name of this process for administrators."""
    name = f"{platform.node()}:{listener.address[1]}"
    return name if place is None else f"{name}/{place.number}"
