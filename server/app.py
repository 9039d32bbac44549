"""The server process: what it is made of, how it starts, and how it stops.

Start: lock the file, check the database, bring its schema up to date, start the two doors, take over from an
earlier life, listen, and only then say so.

Stop, at SIGTERM or SIGINT:

1. nobody new is let in;
2. every session takes nothing more, finishes what it took, tells ``going_away``, and closes;
3. whoever still waits for an answer after a moment, or has not read it, is cut off;
4. the writer finishes what was accepted, and its thread ends;
5. the process signs off from the database, and the pools close.

All of it has ``STOP_WITHIN`` seconds; a second signal ends the process at once.
"""

import asyncio
import hashlib
import logging
import os
import platform
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version

from sqlalchemy import Engine

import protocol
from db import passes as kept_passes
from db import removed, servers, tokens
from db.check import Remark, check
from db.engine import begin_write, is_sqlite, lock_file, open_engine
from db.errors import Outage, Unusable
from db.migrate import upgrade
from db.store import Store
from db.transaction import Transaction
from db.writer import Writer
from protocol.errors import GoingAway, TooManyConnections
from protocol.events import Welcome
from protocol.frame import UNSET
from protocol.values import Limits
from protocol.wire import encode
from server import dispatch, orders, passes, rights
from server.announcer import Announcer
from server.config import Config, bound
from server.connection import Connection, Receiver
from server.delivery import Delivery
from server.flusher import Flusher
from server.handlers.accounts import Accounts
from server.handlers.common import page_size
from server.handlers.friends import Friends
from server.handlers.history import History
from server.handlers.messages import Messages
from server.handlers.moderation import Moderation
from server.handlers.people import People
from server.handlers.rooms import Rooms
from server.handlers.search import Search
from server.handlers.typing import Typing
from server.handlers.whereabouts import Whereabouts
from server.indexer import Indexer
from server.limits import Attempts, Doorkeeper
from server.listener import Listener, allow_many_files, bind
from server.live import Directory
from server.passes import Gate
from server.passwords import Passwords
from server.peers import Peers
from server.place import Place
from server.presence import Presence
from server.session import Session
from server.steward import Steward
from server.tls import BadCertificate, Tls, prepare

log = logging.getLogger(__name__)

STOP_WITHIN = 8.0
"""Seconds for an orderly end; a supervisor's patience is usually ten."""

HOUSEKEEPING = 60.0
"""Seconds between two rounds of removing tokens that have expired, and what was said in removed rooms."""

SWEEP = 500
"""Messages that are removed in one go; ``BREATH`` seconds later come the next."""
BREATH = 0.1


Announce = Callable[[Place, str], None]
"""Is told where the server listens, and the code of an invitation if an account takes one."""


class CannotStart(Exception):
    """One sentence for whoever starts the server."""


async def serve(config: Config, announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is told once clients can connect.

    Raises ``CannotStart`` and ``tls.BadCertificate``.
    """
    tls = prepare(config)
    allow_many_files()
    async with open_database(config) as engine:
        await Server(config, engine, tls).run(announce)


@asynccontextmanager
async def open_database(config: Config) -> AsyncIterator[Engine]:
    """The database, checked, up to date, and an SQLite file nobody else's. Raises ``CannotStart``."""
    try:
        lock = lock_file(config.database_url)
        engine = open_engine(
            config.database_url,
            readers=config.database.readers,
            password=config.database.password or None,
            patience=config.database.patience,
        )
        for remark in await asyncio.to_thread(_prepare, engine):
            log.log(logging.WARNING if remark.serious else logging.INFO, "%s", remark.text)
    except Unusable as error:
        raise CannotStart(str(error)) from None
    try:
        yield engine
    finally:
        engine.dispose()
        if lock is not None:
            lock.release()


def _prepare(engine: Engine) -> list[Remark]:
    remarks = check(engine)
    upgrade(engine)
    return remarks


class Server:
    def __init__(self, config: Config, engine: Engine, tls: Tls | None) -> None:
        self._config = config
        self._tls = tls
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._flusher = Flusher(self._loop)
        self._sessions: set[Session] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._directory = Directory()
        self._announcer = Announcer(self._directory, self._loop)
        self._delivery = Delivery(self._directory, self._announcer)
        self._store = Store(engine, threads=config.database.readers)
        self._passwords = Passwords(
            config.password.bcrypt_cost, patience=config.password.queue, threads=config.password.threads
        )
        self._writer = Writer(
            engine,
            self._loop,
            deliver=self._delivery.deliver,
            reseat=self._delivery.reseat,
            entitle=rights.may_send,
            patience=config.database.patience,
        )
        self._may_be_shared = not is_sqlite(engine.url)
        self._welcome = encode(_welcome(config))

    async def run(self, announce: Announce) -> None:
        try:
            listener = await self._listen()
        except BaseException:
            self._writer.close()  # its thread would keep the process alive
            self._close_pools()
            raise
        office = await self._open_office()
        stopping = self._catch_signals()
        indexer = Indexer(self._engine, self._store, self._writer)
        chores = [self._presence.run(), self._keep_house(), indexer.run()]
        if self._may_be_shared:
            chores.append(self._peers.run())
        tasks = [self._loop.create_task(chore) for chore in chores]
        announce(_place(listener, self._tls), await self._first_code())
        await stopping.wait()
        log.info("stopping")
        for task in tasks:
            task.cancel()
        if office is not None:
            orders.close(office, self._config.data)
        await self._stop(listener)

    # Start

    async def _listen(self) -> Listener:
        limits = self._config.limits
        try:
            sockets = await bind(self._config.host, self._config.port)
        except (OSError, UnicodeError) as error:
            where = f"{self._config.host}:{self._config.port}"
            raise CannotStart(f"cannot listen on {where}: {_reason(error)}") from None
        listener = Listener(
            sockets,
            Doorkeeper(limits.connections_per_address, limits.new_connections_per_minute),
            self._open_connection,
            tls=None if self._tls is None else self._tls.context,
            handshake_timeout=limits.handshake_timeout,
        )
        self._presence = Presence(
            self._directory,
            self._announcer,
            self._writer,
            server_id=_identity(self._engine, listener),
            linger=limits.linger,
        )
        attempts = Attempts(limits.password_attempts)
        gate = Gate(self._store, attempts)
        friends = Friends(limits, self._directory, self._announcer)
        moderation = Moderation(limits, self._directory, self._announcer)
        self._table = dispatch.table(
            Accounts(
                self._config, self._store, self._writer, self._passwords, attempts, self._presence, gate
            ),
            Rooms(
                self._config, self._store, self._passwords, attempts, self._directory, self._announcer, gate
            ),
            moderation,
            friends,
            People(self._directory, self._announcer, friends),
            Messages(limits, self._directory),
            History(limits, self._directory, self._announcer),
            Search(limits),
            Typing(self._directory, self._announcer),
            Whereabouts(limits, self._directory, self._announcer),
        )
        self._steward = Steward(
            self._config.password,
            self._store,
            self._writer,
            self._passwords,
            self._directory,
            self._presence,
            moderation,
        )
        self._peers = Peers(
            self._store,
            self._writer,
            self._directory,
            self._announcer,
            self._delivery,
            self._presence,
            moderation.closed,
        )
        try:
            await self._presence.begin()
            if self._may_be_shared:
                await self._peers.begin()
        except Outage:
            listener.close()
            raise CannotStart("the database went away while the server was starting") from None
        listener.start()
        return listener

    async def _first_code(self) -> str:
        """Of the invitation that is told at the start, where an account takes one."""
        if self._config.accounts.registration == "open":
            return ""
        return await self._writer.run(passes.issue)

    async def _open_office(self) -> asyncio.Server | None:
        """Take orders from administrators. Without that the server can do all else."""
        try:
            return await orders.listen(self._steward.carry_out, self._config.data)
        except (OSError, NotImplementedError) as error:
            log.warning("chat-server admin will not reach this server: %s", error)
            return None

    def _open_connection(self, refusal: TooManyConnections | None, gone: Callable[[], None]) -> Connection:
        return Connection(
            partial(self._open_session, refusal, gone),
            flusher=self._flusher,
            line_limit=bound(self._config.limits.line_before_login),
            outbox_bytes=self._config.limits.outbox_bytes,
            outbox_stall=self._config.limits.outbox_stall,
            ping_interval=self._config.limits.ping_interval,
            dead_after=self._config.limits.dead_after,
        )

    def _open_session(
        self, refusal: TooManyConnections | None, gone: Callable[[], None], connection: Connection
    ) -> Receiver:
        if refusal is not None:
            return Rejected(connection, refusal, gone)
        session = Session(
            connection,
            table=self._table,
            writer=self._writer,
            store=self._store,
            presence=self._presence,
            limits=self._config.limits,
            welcome=self._welcome,
            on_lost=partial(self._forget, gone),
        )
        self._sessions.add(session)
        self._empty.clear()
        return session

    def _forget(self, gone: Callable[[], None], session: Session) -> None:
        gone()
        self._sessions.discard(session)
        if not self._sessions:
            self._empty.set()

    def _catch_signals(self) -> asyncio.Event:
        stopping = asyncio.Event()

        def stop() -> None:
            if stopping.is_set():
                os._exit(1)  # asked twice: at once
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        return stopping

    def _reload(self) -> None:
        """Read the certificate again; connections that stand keep the old one."""
        if self._tls is None:
            return
        try:
            self._tls.reload()
        except BadCertificate as error:
            log.error("the certificate stays as it was: %s", error)
        else:
            log.info("serving tls sha256:%s from now on", self._tls.fingerprint)

    async def _keep_house(self) -> None:
        while True:
            more = False
            with suppress(Exception):  # the database is away; there is no hurry
                more = await self._writer.run(_tidy)
            await asyncio.sleep(BREATH if more else HOUSEKEEPING)

    # Stop

    async def _stop(self, listener: Listener) -> None:
        listener.close()
        self._presence.close()
        self._writer.hurry()
        for session in list(self._sessions):
            session.finish(GoingAway())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), STOP_WITHIN / 2)
        for session in list(self._sessions):
            session.cut_off(GoingAway())
        with suppress(Exception):  # a database that hangs; and we will be found dead soon enough
            async with asyncio.timeout(STOP_WITHIN / 2):
                await asyncio.to_thread(self._writer.close)
                await asyncio.to_thread(self._sign_off)
        self._close_pools()

    def _sign_off(self) -> None:
        with begin_write(self._engine) as connection:
            servers.forget(connection, self._presence.server_id)

    def _close_pools(self) -> None:
        self._store.close()
        self._passwords.close()


class Rejected:
    """Whoever may not come in: told why, and sent away."""

    def __init__(self, connection: Connection, reason: TooManyConnections, gone: Callable[[], None]) -> None:
        self._gone = gone
        connection.close(reason)

    def receive(self) -> None:
        pass

    def lost(self) -> None:
        self._gone()


def _tidy(transaction: Transaction) -> bool:
    """Remove a little of what nobody needs. ``True`` when there may be more."""
    tokens.drop_expired(transaction.connection, transaction.now)
    kept_passes.drop_expired(transaction.connection, transaction.now)
    return removed.sweep(transaction.connection, SWEEP)


def _welcome(config: Config) -> Welcome:
    limits = config.limits
    return Welcome(
        protocol=protocol.VERSION,
        server=f"chatroom/{version('chatroom')}",
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
        ),
    )


def _reason(error: OSError | UnicodeError) -> str:
    """Why one cannot listen, without what the event loop adds to it."""
    if isinstance(error, socket.gaierror):
        return error.strerror or "no such host"
    if isinstance(error, OSError):
        return os.strerror(error.errno or 0)
    return "no such host"


def _place(listener: Listener, tls: Tls | None) -> Place:
    return Place(*listener.address, tls.fingerprint if tls else "")


def _identity(engine: Engine, listener: Listener) -> bytes:
    """What this server process is called in the database: the same in its next life on the same address, and
    on any address where no other process can be."""
    alone = is_sqlite(engine.url)
    return hashlib.sha256(repr("alone" if alone else (platform.node(), listener.address)).encode()).digest()
