"""``chat-server --workers N``: several server processes on the same addresses of this machine, supervised.

The supervisor opens the listening sockets, and the workers inherit them: a worker that is not busy accepts a
connection, and none is lost when a worker ends. The supervisor replaces a worker that ends, and passes on
signals. SIGTERM stops all, SIGHUP reloads all, and SIGUSR2 replaces them one after the other: the new one
accepts connections before the old one is stopped. MySQL, and NATS if there is a cluster, connect them.
"""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chatroom.db import background
from chatroom.server.app import WorkerPlace
from chatroom.server.config.log import errors
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.client_sockets import ListenFailed, open_client_sockets, remove_socket_files
from chatroom.server.preparation import StartError
from chatroom.server.systemd.activation import take_passed_sockets
from chatroom.server.systemd.notifier import ServiceNotifier

log = logging.getLogger(__name__)

PLACE_VARIABLE = "CHATROOM_WORKER"
"""The environment variable that tells a worker its place: ``NUMBER:DESCRIPTOR,…``."""

START_SECONDS = 120.0
"""Seconds that a worker may take to start; a migration may be among it."""

STOP_SECONDS = 12.0
"""Seconds that a worker may take to stop; its own watchdog is faster."""

RESTART_SECONDS = 1.0
"""Seconds until a worker that ended early is started again."""

LISTENING = "listening on "


def worker_place(environment: dict[str, str]) -> WorkerPlace | None:
    """Return the place of this worker; ``None`` if this process is none."""
    number, _, descriptors = environment.get(PLACE_VARIABLE, "").partition(":")
    return WorkerPlace(int(number), tuple(map(int, descriptors.split(",")))) if number else None


@dataclass(eq=False)
class Worker:
    """One process. ``lines`` are those that it printed before it accepted connections."""

    number: int
    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    is_stopped: bool = False

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class WorkerSupervisor:
    """``command`` starts a worker, which inherits ``sockets``; ``announce`` prints the first one's lines."""

    def __init__(
        self,
        count: int,
        sockets: Sequence[socket.socket],
        command: Sequence[str],
        announce: Callable[[Sequence[str]], None],
    ) -> None:
        self._count = count
        self._sockets = sockets
        self._command = command
        self._announce = announce
        self._slots: list[Worker | None] = [None] * count
        self._generation = [0] * count
        self._stopping = asyncio.Event()
        self._restarting = asyncio.Lock()
        self._children: set[Worker] = set()
        self._notifier = ServiceNotifier(os.environ)
        self._stopping_starts: asyncio.Task[None] | None = None  # the first start of a worker

    async def run(self) -> int:
        """Run until SIGTERM. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR2, self._begin_restart)
        self._restarts: set[asyncio.Task[None]] = set()
        tasks: list[asyncio.Task[None]] = []
        try:
            for slot in range(self._count):  # the first one may have to upgrade the database
                self._slots[slot] = await self._start_unless_stopped(slot)
            first = self._slots[0]
            assert first is not None
            self._announce(first.lines)
            self._notifier.announce_ready(_first_address(first))
            watchdog = background.start_task(loop, self._notifier.run_watchdog(lambda: True))
            tasks = [background.start_task(loop, self._keep(slot)) for slot in range(self._count)]
            await self._stopping.wait()
            watchdog.cancel()
            log.info("stopping all workers")
            self._notifier.announce_stop()
        except WorkerFailed:
            return 0 if self._stopping.is_set() else 1
        finally:
            for task in (*tasks, *self._restarts):
                task.cancel()
            for listening in self._sockets:
                listening.close()
            code = await self._stop_all()
        return code

    async def _start_unless_stopped(self, slot: int) -> Worker:
        """Start a worker. SIGTERM during the start ends it. Raises ``WorkerFailed``."""
        starting = background.start_task(asyncio.get_running_loop(), self._fill(slot))
        self._stopping_starts = starting
        try:
            await starting
        except asyncio.CancelledError:
            raise WorkerFailed(slot + 1) from None
        worker = self._slots[slot]
        if worker is None:
            raise WorkerFailed(slot + 1)
        return worker

    async def _fill(self, slot: int) -> None:
        with suppress(WorkerFailed):
            self._slots[slot] = await self._start(slot)

    async def _start(self, slot: int) -> Worker:
        """Start a worker, and wait until it accepts connections. Raises ``WorkerFailed``.

        A worker that replaces a dead one has its number; in a restart, where the old one still runs, it has
        another one.
        """
        number = slot + 1 + self._count * self._generation[slot]
        descriptors = [listening.fileno() for listening in self._sockets]
        worker = Worker(
            number,
            await asyncio.create_subprocess_exec(
                *self._command,
                env={
                    **_worker_environment(os.environ),
                    PLACE_VARIABLE: f"{number}:{','.join(map(str, descriptors))}",
                },
                pass_fds=descriptors,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            ),
        )
        self._children.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._read_announcement(worker)
        except TimeoutError:
            worker.process.kill()
            raise WorkerFailed(number) from None
        log.info("worker %d is process %d", number, worker.process.pid)
        return worker

    async def _read_announcement(self, worker: Worker) -> None:
        assert worker.process.stdout is not None
        async for line in worker.process.stdout:
            if line == b"\n":
                return
            worker.lines.append(line.decode(errors="replace").rstrip("\n"))
        await self._wait_for(worker)
        raise WorkerFailed(worker.number)

    async def _wait_for(self, worker: Worker) -> int:
        code = await worker.process.wait()
        self._children.discard(worker)
        return code

    async def _keep(self, slot: int) -> None:
        """Replace the worker of a slot whenever it ends."""
        while not self._stopping.is_set():
            worker = self._slots[slot]
            assert worker is not None
            began = asyncio.get_running_loop().time()
            code = await self._wait_for(worker)
            async with self._restarting:
                if self._stopping.is_set():
                    return
                if self._slots[slot] is not worker:
                    continue  # it was replaced in a restart
                log.error("worker %d ended with code %d; starting another", worker.number, code)
                if asyncio.get_running_loop().time() - began < RESTART_SECONDS:
                    await asyncio.sleep(RESTART_SECONDS)
                await self._replace(slot)

    async def _replace(self, slot: int) -> None:
        while not self._stopping.is_set():
            try:
                self._slots[slot] = await self._start(slot)
            except WorkerFailed as error:
                log.error("%s", error)
                await asyncio.sleep(RESTART_SECONDS)
            else:
                return

    def _begin_restart(self) -> None:
        restart = background.start_task(asyncio.get_running_loop(), self._restart_all())
        self._restarts.add(restart)
        restart.add_done_callback(self._restarts.discard)

    async def _restart_all(self) -> None:
        """Replace each worker; the old one is stopped when the new one accepts connections."""
        log.info("replacing the workers")
        for slot in range(self._count):
            async with self._restarting:
                old = self._slots[slot]
                self._generation[slot] ^= 1
                try:
                    self._slots[slot] = await self._start(slot)
                except WorkerFailed as error:
                    self._generation[slot] ^= 1
                    log.error("%s; the restart is given up", error)
                    return
                if old is not None:
                    await self._end(old)
        log.info("all workers are replaced")

    async def _end(self, worker: Worker) -> int:
        if not worker.is_stopped:  # a second SIGTERM would end it at once
            worker.is_stopped = True
            worker.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self._wait_for(worker)
        except TimeoutError:
            worker.send(signal.SIGKILL)
            return await self._wait_for(worker)

    def _stop(self) -> None:
        if self._stopping.is_set():  # a second signal ends everything at once
            self._send_all(signal.SIGKILL)
        self._stopping.set()
        if self._stopping_starts is not None:
            self._stopping_starts.cancel()

    def _reload(self) -> None:
        self._notifier.announce_reload()
        self._send_all(signal.SIGHUP)
        self._notifier.announce_ready("reloaded")

    def _send_all(self, number: int) -> None:
        for worker in self._children:
            worker.send(number)

    async def _stop_all(self) -> int:
        codes = await asyncio.gather(*(self._end(worker) for worker in list(self._children)))
        return 0 if not any(codes) else 1


def _first_address(worker: Worker) -> str:
    return next(line for line in worker.lines if line.startswith(LISTENING))


def _worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what the service manager has for this process alone."""
    own = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
    return {name: value for name, value in environment.items() if name not in own}


class WorkerFailed(Exception):
    """A worker did not start; it has logged why."""

    def __init__(self, number: int) -> None:
        super().__init__(f"worker {number} did not start")


async def supervise_workers(config: ServerConfig, arguments: Sequence[str]) -> int:
    """Run ``config.workers`` workers with the same arguments. Raises ``StartError``."""
    if config.is_sqlite:
        raise StartError("--workers needs a MySQL or MariaDB database: an SQLite file is for one process")
    passed = take_passed_sockets(os.environ)
    try:
        sockets = passed or await open_client_sockets(config)
    except ListenFailed as error:
        raise StartError(str(error)) from None
    command = [sys.executable, "-m", "chatroom.server", *arguments]
    try:
        return await WorkerSupervisor(config.workers, sockets, command, _print_lines).run()
    finally:
        if not passed:
            remove_socket_files(config)


def _print_lines(lines: Sequence[str]) -> None:
    """Print the addresses, and the invitation on standard error before them."""
    for line in lines:
        if not line.startswith(LISTENING):
            errors.write(line)
    errors.flush()
    print(*(line for line in lines if line.startswith(LISTENING)), sep="\n", flush=True)
