"""The servers of a run, their database, and a proxy in front of each server."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

from tests.delivery.hint_proxy import HintProxy
from tests.delivery.history import History, InjectedFault, now
from tests.delivery.proxy import Proxy
from tests.support.aged_messages import age_messages
from tests.support.database import PrivateServer
from tests.support.galera import GaleraCluster
from tests.support.nats import NatsServer, free_port
from tests.support.processes import Server

SETTINGS = (
    "limits.rate=0",
    "limits.linger=3600",  # accounts leave only on request
    "limits.connections_per_address=0",
    "limits.new_connections_per_minute=0",
    "limits.password_attempts=0",
    "password.bcrypt_cost=4",
)
"""All clients have one address and send much, so the limits against that are off."""


TRACEBACK = re.compile(r"^.*\n\s*Traceback .*\n(?:\s.*\n)*", re.MULTILINE)
"""A traceback, with the log line to which it belongs."""


class Database(Protocol):
    """What a run does with its database."""

    def start(self) -> object: ...

    def kill(self) -> None: ...

    def restart(self) -> object: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def kill_connections(self) -> int: ...


class Host(Protocol):
    """A server that can be killed and restarted on the same port."""

    @property
    def port(self) -> int: ...

    async def start(self) -> None:
        """Start and wait until clients can connect."""

    async def stop(self) -> int:
        """Ask it to stop. Returns its exit code."""

    async def kill(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    def age_messages(self, room: str, keep: int, *, days: int) -> int:
        """Let all messages of a room but the newest be some days older. Returns the last seq of these."""

    @property
    def log(self) -> str: ...


class Process:
    """A host in its own process."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @property
    def port(self) -> int:
        return self.server.port

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start)

    async def stop(self) -> int:
        return await asyncio.to_thread(self.server.stop)

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.kill)

    async def pause(self) -> None:
        self.server.pause()

    async def resume(self) -> None:
        self.server.resume()

    def age_messages(self, room: str, keep: int, *, days: int) -> int:
        return age_messages(self.server, room, days=days, keep=keep)

    @property
    def log(self) -> str:
        return self.server.log


@dataclass
class Deployment:
    """The servers, the database, the proxies and the history of a run."""

    hosts: Sequence[Host]
    database: Database | None = None
    history: History = field(default_factory=History)
    proxies: list[Proxy] = field(default_factory=list)
    nats: NatsServer | None = None
    hint_proxies: list[HintProxy] = field(default_factory=list)

    def note(self, fault: str, unanswered: int = 0) -> None:
        """Record that a fault begins."""
        self.history.add(InjectedFault(now(), "", 0, fault, unanswered))

    @property
    def tracebacks(self) -> list[str]:
        """All tracebacks in the servers' logs: no fault may cause one."""
        return [match[0] for host in self.hosts for match in TRACEBACK.finditer(host.log)]

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Deployment"]:
        """Start everything for the length of an ``async with``."""
        async with AsyncExitStack() as started:
            if self.nats is not None:
                self.nats.start()
                started.callback(self.nats.kill)
            for hint_proxy in self.hint_proxies:
                await hint_proxy.open()
                started.push_async_callback(hint_proxy.close)
            for host in self.hosts:
                await host.start()
                started.push_async_callback(host.kill)
                proxy = Proxy(host.port)
                await proxy.open()
                started.push_async_callback(proxy.close)
                self.proxies.append(proxy)
            yield self


def deploy(
    folder: Path,
    database: PrivateServer | GaleraCluster | None = None,
    servers: int = 1,
    flaw: str = "",
    *,
    cluster: bool = False,
    noise: float = 0.0,
) -> Deployment:
    """Prepare server processes that share a database, or one with a SQLite file. They are not started yet.

    ``flaw`` is the fault to plant in each: see ``planted_faults``. With ``cluster`` they are connected by
    NATS, each through a proxy; ``noise`` is the share of hints that something happens to.
    """
    nats = NatsServer(folder) if cluster else None
    hint_ports = [free_port() for _ in range(servers)] if nats else []
    program = ("tests.delivery.planted_faults", flaw) if flaw else ("server",)
    where = [_database_flag(database, number) for number in range(servers)]
    clusters: list[tuple[str, ...]] = [("--cluster", f"nats://127.0.0.1:{port}") for port in hint_ports]
    hosts = [
        Process(Server(folder / f"server-{each}", *where[each], *its, settings=SETTINGS, program=program))
        for each, its in enumerate(clusters or [()] * servers)
    ]
    proxies = [HintProxy(port, nats.port, Random(port), noise) for port in hint_ports if nats]
    return Deployment(hosts, database, nats=nats, hint_proxies=proxies)


def _database_flag(database: PrivateServer | GaleraCluster | None, server: int) -> tuple[str, ...]:
    """The flag for one server. With Galera each has its own node first."""
    if database is None:
        return ()
    if isinstance(database, GaleraCluster):
        return "--database", database.url("chat", server)
    return "--database", database.url("chat")
