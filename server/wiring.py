"""The parts of a server, assembled once: each part is given what it works with at its construction.

``app`` starts and stops what is assembled here.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from chatroom.db.engine import begin_write, is_sqlite
from chatroom.db.queries import instances
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import StoredMessage
from chatroom.db.statistics import DatabaseStatistics
from chatroom.db.writer.transaction import RosterSeats
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server import dispatch
from chatroom.server.admin import ipc
from chatroom.server.admin.service import AdminService
from chatroom.server.auth import invitations, permissions
from chatroom.server.auth.invitations import InvitationChecker
from chatroom.server.auth.password_check import PasswordChecker
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.cluster.apply_changes import ChangeApplier
from chatroom.server.cluster.change_poller import ChangePoller
from chatroom.server.cluster.change_publisher import ChangePublisher
from chatroom.server.cluster.heartbeat import Heartbeat
from chatroom.server.cluster.hint_exchange import HintExchange, HintListeners, repeat_away
from chatroom.server.cluster.hint_frames import AttemptHint, HintCodec
from chatroom.server.cluster.identity import ServerIdentity
from chatroom.server.cluster.nats_bus import NatsBus
from chatroom.server.config.settings import ServerConfig
from chatroom.server.domain.rooms import announce_room_closed
from chatroom.server.domain.session_log import SessionLog
from chatroom.server.handlers.accounts import AccountHandlers
from chatroom.server.handlers.blocks import BlockHandlers
from chatroom.server.handlers.friends import FriendHandlers
from chatroom.server.handlers.history import HistoryHandlers
from chatroom.server.handlers.messages import MessageHandlers
from chatroom.server.handlers.moderation import ModerationHandlers
from chatroom.server.handlers.profile import ProfileHandlers
from chatroom.server.handlers.room_entry import RoomEntryHandlers
from chatroom.server.handlers.room_settings import RoomSettingsHandlers
from chatroom.server.handlers.rooms import RoomHandlers
from chatroom.server.handlers.search import SearchHandlers
from chatroom.server.handlers.sessions import SessionHandlers
from chatroom.server.handlers.typing import TypingHandlers
from chatroom.server.jobs.account_eraser import AccountEraser
from chatroom.server.jobs.housekeeping import run_housekeeping
from chatroom.server.jobs.indexer import SearchIndexer
from chatroom.server.jobs.loop_monitor import LoopMonitor
from chatroom.server.jobs.memory_trimmer import MemoryTrimmer
from chatroom.server.jobs.retention import MessageRetention
from chatroom.server.jobs.slow_steps import run_slow_step_log
from chatroom.server.net.connection import PeerConnection
from chatroom.server.net.fair_queue import ReadLanes
from chatroom.server.net.limits import PasswordAttempts
from chatroom.server.net.memory_budget import MemoryBudget
from chatroom.server.net.rates import ServerRates
from chatroom.server.session import ClientSession
from chatroom.server.state.delivery import MessageDelivery
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.disk_space import DiskSpace
from chatroom.server.state.limit_report import LimitReport
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker
from chatroom.server.state.statistics import SessionStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """Everything below ``app``. There is no ``poller`` on a database that only this process may use."""

    config: ServerConfig
    engine: Engine
    identity: ServerIdentity
    reader: DatabaseReader
    lanes: ReadLanes
    rates: ServerRates
    memory: MemoryBudget
    disk: DiskSpace
    limit_report: LimitReport
    writer: DatabaseWriter  # its thread is running
    passwords: PasswordHasher
    presence: PresenceTracker
    heartbeat: Heartbeat
    poller: ChangePoller | None
    exchange: HintExchange | None
    bus: NatsBus | None
    indexer: SearchIndexer
    retention: MessageRetention
    eraser: AccountEraser
    admin: AdminService
    session_log: SessionLog
    memory_trimmer: MemoryTrimmer
    table: dispatch.Table
    attempts: PasswordAttempts
    accounts: AccountHandlers
    directory: LiveDirectory
    database_statistics: DatabaseStatistics
    session_statistics: SessionStatistics
    loop_monitor: LoopMonitor

    async def join_cluster(self) -> None:
        """Take over the accounts of an earlier run, and find the other server processes."""
        if self.bus is not None and self.exchange is not None:
            await self._open_bus(self.bus, self.exchange)
        await self.heartbeat.take_over_earlier_life()
        if self.poller is not None:
            if self.exchange is not None:
                self.exchange.say_hello()
            await self.poller.join_peers()

    async def _open_bus(self, bus: NatsBus, exchange: HintExchange) -> None:
        """Connect to NATS. A URL that has worked for this database before is right, so that NATS that cannot
        be reached now is an outage; otherwise it is an error.
        """
        name = f"nats {hashlib.sha256(self.config.cluster.url.encode()).hexdigest()[:32]}"
        await bus.open(may_be_lost=await asyncio.to_thread(instances.has_key, self.engine, name))
        await asyncio.to_thread(instances.shared_key, self.engine, name)
        await bus.flush()

    def background_jobs(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        """Return the jobs that run for as long as the server does."""
        jobs: list[Callable[[], Coroutine[None, None, None]]] = [
            self.heartbeat.run_heartbeat,
            self.indexer.run_indexing,
            self.memory_trimmer.run_trimming,
            partial(run_housekeeping, self.writer),
            self.retention.run_purging,
            self.eraser.run_erasing,
            partial(run_slow_step_log, self.config.slow_step_ms / 1000),
            self.disk.run_watch,
            self.loop_monitor.run_monitor,
        ]
        if self.poller is None:
            jobs.append(self.indexer.run_merging)
        else:
            jobs.append(self.poller.run_polling)
        if self.exchange is not None:
            jobs.append(partial(repeat_away, self.exchange))
        return jobs

    async def issue_code(self) -> str:
        """Return the code of a new invitation."""
        return await self.writer.run_job(invitations.issue_code)

    def open_session(
        self, connection: PeerConnection, welcome: bytes, on_lost: Callable[[ClientSession], None]
    ) -> ClientSession:
        return ClientSession(
            connection,
            table=self.table,
            writer=self.writer,
            reader=self.reader,
            lanes=self.lanes,
            rates=self.rates,
            presence=self.presence,
            limits=self.config.limits,
            session_log=self.session_log,
            statistics=self.session_statistics,
            welcome=welcome,
            on_lost=on_lost,
        )

    async def open_admin_socket(self, path: Path) -> asyncio.Server:
        """Take admin commands at a path. Raises ``OSError``."""
        return await ipc.start_listening(self.admin.execute, path)

    def stop_waiting(self) -> None:
        """The server stops: start no grace timers, and do not retry if the database is unavailable."""
        self.presence.close()
        self.writer.stop_waiting()
        self.passwords.refuse_waiting()
        self.lanes.refuse_waiting()

    def apply_limits(self) -> None:
        """The limits have changed: pass them to the parts that keep a copy."""
        limits = self.config.limits
        self.attempts.limit = limits.password_attempts
        self.presence.linger = limits.linger
        self.rates.apply_limits(limits)
        self.accounts.apply_limits()

    def leave_cluster(self) -> None:
        """Finish accepted writes, then remove this process from the database. Blocks."""
        self.writer.close()
        with begin_write(self.engine) as connection:
            instances.remove_instance(connection, self.identity.id)

    async def close_bus(self) -> None:
        """Announce that this process has left, and disconnect from NATS."""
        if self.bus is not None and self.exchange is not None:
            self.exchange.say_hello()
            await self.bus.flush()
            await self.bus.close()

    def close(self) -> None:
        """Finish accepted writes, and end every thread. Blocks."""
        self.writer.close()
        self.close_pools()

    def close_pools(self) -> None:
        """Finish running reads and hashes, and end their threads. Blocks."""
        self.reader.close()
        self.passwords.close()


def assemble_parts(
    config: ServerConfig,
    engine: Engine,
    identity: ServerIdentity,
    *,
    writer_failed: Callable[[], None],
    hint_key: bytes = b"",
    name: str = "",
) -> ServerParts:
    """Assemble the server that has this identity in the database. MUST be called on its loop.

    ``hint_key`` authenticates hints; without it there are none. ``name`` is for administrators.
    """
    loop, limits = asyncio.get_running_loop(), config.limits
    is_shared = not is_sqlite(engine.url)
    database_statistics, session_statistics = DatabaseStatistics(), SessionStatistics()
    directory = LiveDirectory()
    notifier = EventNotifier(directory, loop)
    delivery = MessageDelivery(directory, notifier, session_statistics)
    server_id = identity.id
    publisher = ChangePublisher(server_id)
    exchange = HintExchange(server_id, HintCodec(hint_key), directory) if hint_key else None

    def reseat(seatings: Sequence[RosterSeats], messages: Sequence[StoredMessage]) -> None:
        for seating in seatings:
            presence.end_sessions(seating.ended)
        delivery.apply_rosters(seatings, messages)

    reader = DatabaseReader(engine, threads=config.database.readers, statistics=database_statistics)
    writer = DatabaseWriter(
        engine,
        loop,
        deliver=delivery.deliver_messages,
        reseat=reseat,
        authorize=permissions.may_post,
        outage_timeout=config.database.patience,
        slow_job_seconds=config.slow_step_ms / 1000,
        publish=publisher.publish_changes if is_shared else None,
        committed=exchange.batch_committed if exchange else None,
        missing=lambda ids: poller.look_at(ids),
        failed=writer_failed,
        statistics=database_statistics,
    )
    rates = ServerRates(limits)
    folder = None if is_shared else Path(str(engine.url.database)).parent
    disk = DiskSpace(folder, config.database)
    lanes, memory = ReadLanes(config.database.readers), MemoryBudget(limits.memory)
    limit_report = LimitReport(memory, rates, lanes, disk)
    passwords = PasswordHasher(
        config.password.bcrypt_cost, max_wait=config.password.queue, threads=config.password.threads
    )
    presence = PresenceTracker(directory, notifier, writer, server_id=server_id, linger=limits.linger)
    attempts = PasswordAttempts(limits.password_attempts)
    checker, invitation_checker = PasswordChecker(passwords, attempts), InvitationChecker(reader, attempts)
    retention = MessageRetention(
        engine, reader, writer, directory, notifier, database_statistics, config.retention.days
    )
    notifier.retention_changed = retention.purge_soon
    eraser = AccountEraser(reader, writer, directory, notifier, presence)
    handlers = dispatch.Handlers(
        accounts=AccountHandlers(
            config, reader, passwords, checker, presence, invitation_checker, disk, eraser
        ),
        sessions=SessionHandlers(config, reader, writer, passwords, checker, presence),
        rooms=RoomHandlers(config, reader, passwords, directory, notifier, disk),
        room_entry=RoomEntryHandlers(limits, reader, checker, directory, notifier, invitation_checker),
        room_settings=RoomSettingsHandlers(config, reader, passwords, directory, notifier),
        moderation=ModerationHandlers(limits, directory, notifier),
        friends=FriendHandlers(limits, directory, notifier),
        blocks=BlockHandlers(limits, directory, notifier),
        messages=MessageHandlers(limits, directory, rates, disk),
        history=HistoryHandlers(limits, directory, notifier),
        search=SearchHandlers(limits),
        typing=TypingHandlers(directory, notifier, shared=is_shared),
        profile=ProfileHandlers(limits, directory, notifier),
    )
    applier = ChangeApplier(directory, notifier, presence)
    poller = ChangePoller(
        server_id,
        reader,
        writer,
        directory,
        delivery,
        applier,
        publisher,
        partial(announce_room_closed, directory, notifier),
    )
    bus: NatsBus | None = None
    if exchange is not None:
        bus = NatsBus(config.cluster, exchange.receive_frame, poller.poll_soon)
        _connect_exchange(exchange, bus, writer, poller, applier, attempts, directory, notifier)
    return ServerParts(
        config=config,
        engine=engine,
        identity=identity,
        reader=reader,
        lanes=lanes,
        rates=rates,
        memory=memory,
        disk=disk,
        limit_report=limit_report,
        writer=writer,
        passwords=passwords,
        presence=presence,
        heartbeat=Heartbeat(identity, directory, writer, presence, name),
        poller=poller if is_shared else None,
        exchange=exchange,
        bus=bus,
        indexer=SearchIndexer(engine, reader, writer, disk),
        retention=retention,
        eraser=eraser,
        admin=AdminService(
            config.password,
            reader,
            writer,
            passwords,
            directory,
            presence,
            notifier,
            eraser,
            limit_report,
        ),
        session_log=SessionLog(loop),
        memory_trimmer=MemoryTrimmer(),
        table=dispatch.build_table(handlers),
        attempts=attempts,
        accounts=handlers.accounts,
        directory=directory,
        database_statistics=database_statistics,
        session_statistics=session_statistics,
        loop_monitor=LoopMonitor(),
    )


def _connect_exchange(
    exchange: HintExchange,
    bus: NatsBus,
    writer: DatabaseWriter,
    poller: ChangePoller,
    applier: ChangeApplier,
    attempts: PasswordAttempts,
    directory: LiveDirectory,
    notifier: EventNotifier,
) -> None:
    """Connect the hints with what makes them and what uses them."""

    def count_attempt(hint: AttemptHint) -> None:
        if hint.failed:
            attempts.attempt_failed(hint.key, hint.address, time.monotonic(), elsewhere=True)
        else:
            attempts.attempt_succeeded(hint.key, hint.address, elsewhere=True)

    def meet_process() -> None:
        poller.poll_soon()
        exchange.send_all_away()

    directory.conversation_added = exchange.follow_conversation
    directory.conversation_dropped = exchange.unfollow_conversation
    notifier.share_typing = exchange.user_typing
    notifier.share_away = exchange.away_changed
    attempts.share = exchange.attempt_made
    poller.hints_arrive = lambda: bus.is_connected
    listeners = HintListeners(
        messages=writer.add_hint,
        changes=poller.add_hint,
        typing=applier.apply_typing,
        away=applier.apply_away,
        attempt=count_attempt,
        hello=meet_process,
    )
    exchange.connect(bus, listeners)
