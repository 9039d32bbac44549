"""Several server processes on one MariaDB, connected by NATS: ``python -m bench cluster``.

MariaDB and ``nats-server`` are started here. ``--model`` computes what a larger cluster needs from the
measured costs; the results are in docs/scaling.md.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import nats
import pymysql

from bench.figures import Figure, GivenUp, Measured, share
from bench.hosts import SETTINGS, mariadb, path, temporary
from tests.support.database import PrivateMariaDB
from tests.support.nats import NatsServer
from tests.support.processes import Server

SCENARIO = "cluster"
ROOMS = 20
PEOPLE = 2
"""Users in a room on each process."""

IDLE_SECONDS = 20.0
ONE_WAY_MESSAGES = 200
ONE_WAY_RATE = 20.0


class Site(NamedTuple):
    database: PrivateMariaDB
    nats: NatsServer
    servers: list[Server]

    def status(self, name: str) -> int:
        return int(self.database.execute(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1])

    def selects(self, server: int) -> int:
        """The number of SELECTs of a process, which has a database user of its own."""
        rows = self.database.execute(
            f"SELECT select_commands FROM information_schema.user_statistics WHERE user = '{_user(server)}'"
        )
        return int(rows[0][0])

    def cpu_seconds(self) -> float:
        """The CPU time of all server processes so far."""
        return sum(_cpu_seconds(server.process.pid) for server in self.servers)


class User:
    """A client that reads all the time, and notes when messages arrive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self._reader, self._writer, self.name = reader, writer, name
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 0
        self.arrived: dict[str, float] = {}  # by text
        self.shown = 0
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        decode = msgspec.json.decode
        while line := await self._reader.readline():
            now, frame = time.perf_counter(), decode(line)
            if frame["type"] == "message":
                self.shown += 1
                self.arrived[frame["message"]["text"]] = now
                self._changed.set()
            elif (answer := self._answers.pop(frame.get("id", 0), None)) is not None:
                answer.set_result(frame)

    async def arrival(self, text: str) -> float:
        """Return when the message with this text arrived; wait for it."""
        while text not in self.arrived:
            self._changed.clear()
            await self._changed.wait()
        return self.arrived[text]

    async def ask(self, type: str, **fields: object) -> Any:
        self._next_id += 1
        answer = self._answers[self._next_id] = asyncio.get_running_loop().create_future()
        self._writer.write(msgspec.json.encode({"type": type, "id": self._next_id, **fields}) + b"\n")
        frame = await answer
        if frame["type"] == "error":
            raise RuntimeError(f"{type}: {frame['code']}")
        return frame

    def close(self) -> None:
        self._task.cancel()
        self._writer.close()


def measure(seconds: float) -> Iterator[Measured]:
    """Measure everything but the curves."""
    if path("nats-server") is None or path("mariadbd") is None:
        yield GivenUp(SCENARIO, "chatroom", "nats-server or mariadbd is missing")
        return
    yield from _floors()
    with _running(2) as site:
        yield from asyncio.run(_one_way(site))
        yield from _idle(site)
    with _running(4) as site:
        yield from asyncio.run(_load(site, seconds))
    with _running(4) as site:
        yield from asyncio.run(_hot_room(site, seconds))


def curve(seconds: float, sizes: Sequence[int]) -> Iterator[Measured]:
    """The same load on 1 to 8 processes: CPU time for each message, and the delay of acks."""
    for size in sizes:
        with _running(size) as site:
            for figure in asyncio.run(_load(site, seconds)):
                yield Figure(
                    f"{figure.scenario}, processes", figure.system, figure.value, figure.unit,
                    beside=figure.beside, at=size,
                )  # fmt: skip


class _running(ExitStack):
    """Processes on one database, connected by NATS."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    # An ``ExitStack`` that returns something else than itself.
    def __enter__(self) -> Site:  # type: ignore[override]
        super().__enter__()
        folder: Path = self.enter_context(temporary())
        database = self.enter_context(mariadb())
        nats = NatsServer(folder).start()
        self.callback(nats.kill)
        database.execute("SET GLOBAL userstat = 1")
        servers = []
        for number in range(self._count):
            url = _url_of_user(database, number)
            server = Server(
                folder / f"server{number}", "--database", url, "--cluster", nats.url, settings=SETTINGS
            )
            servers.append(server.start())
            self.callback(server.kill)
        return Site(database, nats, servers)


def _user(server: int) -> str:
    return f"server{server}"


def _url_of_user(database: PrivateMariaDB, server: int) -> str:
    url = database.url("chatroom")
    database.execute(
        f"CREATE USER {_user(server)}@'%' IDENTIFIED BY 'secret'", f"GRANT ALL ON *.* TO {_user(server)}@'%'"
    )
    return url.replace("//root@", f"//{_user(server)}:secret@")


def _floors() -> Iterator[Figure]:
    """Two bare NATS clients, and a bare round trip to the database."""
    with temporary() as folder:
        nats = NatsServer(folder).start()
        try:
            delays = asyncio.run(_nats_delays(nats.url))
        finally:
            nats.kill()
    yield _delay_figure("one way, 20/s", "floor: two nats-py clients", delays, floor=True)
    with mariadb() as database:
        took = []
        port = int(database.address.port or 0)
        with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection:
            cursor = connection.cursor()
            for _ in range(ONE_WAY_MESSAGES):
                began = time.perf_counter()
                cursor.execute("SELECT 1")
                cursor.fetchall()
                took.append(time.perf_counter() - began)
    yield _delay_figure("one way, 20/s", "floor: a round trip to MariaDB", took, floor=True)


async def _nats_delays(url: str) -> list[float]:
    sender, receiver = await nats.connect(url), await nats.connect(url)
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def note(_: object) -> None:
        arrived.put_nowait(time.perf_counter())

    await receiver.subscribe("floor", cb=note)
    await receiver.flush()
    delays = []
    for _ in range(ONE_WAY_MESSAGES):
        began = time.perf_counter()
        await sender.publish("floor", b"x" * 200)
        delays.append(await arrived.get() - began)
        await asyncio.sleep(1 / ONE_WAY_RATE / 4)
    await sender.close()
    await receiver.close()
    return delays


async def _one_way(site: Site) -> list[Figure]:
    """From a ``send`` on one process to the event on the other, 20 times a second."""
    async with _users(site, ["#room"], 1) as rooms:
        sender, receiver = rooms["#room"]
        await asyncio.sleep(1.0)
        idle = await _selects_in(site, asyncio.sleep(IDLE_SECONDS / 2)) / (IDLE_SECONDS / 2)
        delays: list[float] = []
        began_at, before = time.perf_counter(), site.selects(1)
        for number in range(ONE_WAY_MESSAGES):
            began, text = time.perf_counter(), f"message {number}"
            await sender.ask("send", to="#room", text=text)
            delays.append(await receiver.arrival(text) - began)
            await asyncio.sleep(1 / ONE_WAY_RATE)
        reads = site.selects(1) - before - idle * (time.perf_counter() - began_at)
    return [
        _delay_figure("one way, 20/s", "chatroom", delays),
        Figure("reads for a shown message", "chatroom", max(0.0, reads) / ONE_WAY_MESSAGES, "statements"),
    ]


async def _selects_in(site: Site, pause: Awaitable[None]) -> int:
    """The number of SELECTs of the second process during a pause."""
    before = site.selects(1)
    await pause
    return site.selects(1) - before


def _idle(site: Site) -> Iterator[Figure]:
    time.sleep(2.0)
    statements, cpu = site.status("Questions"), site.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    count, used = site.status("Questions") - statements - 1, site.cpu_seconds() - cpu
    processes = len(site.servers)
    yield Figure("idle process", "chatroom", count / IDLE_SECONDS / processes, "statements/s")
    yield Figure("idle process, CPU", "chatroom", used / IDLE_SECONDS / processes * 100, "% of a core")


async def _load(site: Site, seconds: float) -> list[Figure]:
    """2,000 messages a second in 20 rooms, each with users on every process."""
    names = [f"#room{number}" for number in range(ROOMS)]
    async with _users(site, names, PEOPLE) as rooms:
        cpu = site.cpu_seconds()
        acks, delays = await _send_all(rooms, names, 2000.0, seconds)
        used = site.cpu_seconds() - cpu
    beside = {"p50 ms": share(delays, 0.5) * 1e3, "acks/s": len(acks) / seconds,
              "ack p99 ms": share(acks, 0.99) * 1e3,
              "CPU µs": used / max(1, len(acks)) * 1e6}  # fmt: skip
    return [Figure("2,000/s in 20 rooms, p99", "chatroom", share(delays, 0.99) * 1e3, "ms", beside=beside)]


async def _hot_room(site: Site, seconds: float) -> list[Figure]:
    """Twenty rooms on one process each, without and with a hot room to which all processes write."""
    names = [f"#room{number}" for number in range(ROOMS)]
    async with _users(site, [*names, "#hot"], 1) as rooms:
        for place, name in enumerate(names):
            rooms[name] = [rooms[name][place % len(site.servers)]]
        calm, _ = await _send_all(rooms, names, 1e9, seconds)
        hot = asyncio.create_task(_send_all(rooms, ["#hot"] * 4, 1e9, seconds))
        beside_hot, _ = await _send_all(rooms, names, 1e9, seconds)
        await hot
    ratio = len(beside_hot) / max(1, len(calm)) * 100
    beside = {"ack p99 ms": share(beside_hot, 0.99) * 1e3, "ack p99 ms without": share(calm, 0.99) * 1e3}
    return [Figure("other rooms beside a hot room", "chatroom", ratio, "% of acks/s", beside=beside)]


async def _send_all(
    rooms: dict[str, list[User]], names: Sequence[str], rate: float, seconds: float
) -> tuple[list[float], list[float]]:
    """Send in these rooms, each sender one message after the other, at most ``rate`` a second together.
    Returns the delays of acks, and those until the last user of a room was shown a message.
    """
    acks: list[float] = []
    sent: dict[tuple[str, str], float] = {}
    senders = [(name, user) for name in dict.fromkeys(names) for user in rooms[name]] * (
        4 if len(set(names)) < len(names) else 1
    )
    until, pause = time.perf_counter() + seconds, len(senders) / rate

    async def talk(name: str, user: User, number: int) -> None:
        count = 0
        while (began := time.perf_counter()) < until:
            text = f"{user.name} {number} {count}"
            sent[name, text] = began
            await user.ask("send", to=name, text=text)
            acks.append(time.perf_counter() - began)
            count += 1
            await asyncio.sleep(max(0.0, began + pause - time.perf_counter()))

    await asyncio.gather(*(talk(name, user, number) for number, (name, user) in enumerate(senders)))
    await asyncio.sleep(1.0)
    delays = [
        max(user.arrived.get(text, until + 10.0) for user in rooms[name]) - began
        for (name, text), began in sent.items()
    ]
    return acks, delays


@asynccontextmanager
async def _users(site: Site, names: Sequence[str], each: int) -> AsyncIterator[dict[str, list[User]]]:
    """Log in ``each`` users for each room and process, and let them enter it."""
    rooms: dict[str, list[User]] = {name: [] for name in names}
    users: list[User] = []
    try:
        for place, server in enumerate(site.servers):
            for number, name in enumerate(names):
                for member in range(each):
                    user = await _log_in(server, f"u{place}r{number}n{member}")
                    users.append(user)
                    if not rooms[name]:
                        await user.ask("create_room", room=name, capacity=1000)
                    await user.ask("enter_room", room=name, nickname=user.name)
                    rooms[name].append(user)
        await asyncio.sleep(1.0)
        yield rooms
    finally:
        for user in users:
            user.close()


async def _log_in(server: Server, name: str) -> User:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 22)
    user = User(reader, writer, name)
    await user.ask("register", username=name, password="111111")
    await user.ask("login", username=name, password="111111")
    return user


def _delay_figure(scenario: str, system: str, delays: Sequence[float], *, floor: bool = False) -> Figure:
    beside = {"p99 ms": share(delays, 0.99) * 1e3}
    return Figure(scenario, system, share(delays, 0.5) * 1e3, "ms", floor=floor, beside=beside)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# The model

ROOMS_EACH = 5
"""Conversations that a process follows for each of its sessions; many are shared."""


class Costs(NamedTuple):
    """What was measured on one core of this machine, in microseconds of CPU unless noted."""

    message: float = 100.0  # to take, store and publish one, on its own process, in batches
    hint: float = 60.0  # to receive, check, order and forward the messages of one batch
    delivery: float = 3.0  # to write one event to one connection
    connection_bytes: float = 8_000.0
    subscription_bytes: float = 4_200.0  # for each conversation that a process follows
    statement: float = 110.0  # of the database, for each statement
    statements: float = 4.0  # for each transaction
    transaction_seconds: float = 0.004  # messages that arrive during it share the next one
    poll_row: float = 4.0  # of the database, to return one change to one poll


def model(processes: int = 64, sessions: int = 100_000, rate: float = 20_000, members: int = 20) -> list[str]:
    """Return what a cluster needs, in lines; the first thing above 100 % breaks first."""
    costs = Costs()
    per_process = rate / processes
    follows = min(processes, members)  # processes that have a member of a room
    transactions = rate / (1 + per_process * costs.transaction_seconds)
    hints = transactions * (follows - 1) / processes
    own = per_process * costs.message + hints * costs.hint + per_process * members * costs.delivery
    database = transactions * costs.statements * costs.statement
    changes = transactions * processes * costs.poll_row  # each process reads each change row once
    frames = transactions * follows
    session_bytes = costs.connection_bytes + ROOMS_EACH * costs.subscription_bytes
    return [
        f"{processes} processes, {sessions:,} sessions, {rate:,.0f} messages/s, rooms of {members}",
        f"a server process: {own / 1e4:.0f} % of a core, of which hints {hints * costs.hint / 1e4:.0f} %;"
        f" {sessions / processes * session_bytes / 1e6:.0f} MB"
        " for connections and subscriptions",
        f"the database: {transactions:,.0f} transactions/s, {database / 1e6:.1f} cores to write,"
        f" {changes / 1e6:.1f} cores to return change rows to polls",
        f"NATS: {frames:,.0f} frames/s out, {transactions:,.0f} in",
    ]
