"""The servers of a run, their database, and a proxy in front of each server."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.delivery.history import History, InjectedFault, now
from tests.delivery.proxy import Proxy
from tests.support.database import PrivateServer
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

    @property
    def log(self) -> str:
        return self.server.log


@dataclass
class Deployment:
    """The servers, the database, the proxies and the history of a run."""

    hosts: Sequence[Host]
    database: PrivateServer | None = None
    history: History = field(default_factory=History)
    proxies: list[Proxy] = field(default_factory=list)

    def note(self, what: str, unanswered: int = 0) -> None:
        """Record that a fault begins."""
        self.history.add(InjectedFault(now(), "", 0, what, unanswered))

    @property
    def tracebacks(self) -> list[str]:
        """All tracebacks in the servers' logs: no fault may cause one."""
        return [match[0] for host in self.hosts for match in TRACEBACK.finditer(host.log)]

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Deployment"]:
        """Start everything for the length of an ``async with``."""
        async with AsyncExitStack() as started:
            for host in self.hosts:
                await host.start()
                started.push_async_callback(host.kill)
                proxy = Proxy(host.port)
                await proxy.open()
                started.push_async_callback(proxy.close)
                self.proxies.append(proxy)
            yield self


def deploy(
    folder: Path, database: PrivateServer | None = None, servers: int = 1, flaw: str = ""
) -> Deployment:
    """Prepare server processes that share a database, or one with a SQLite file. They are not started yet.

    ``flaw`` is the fault to plant in each: see ``planted_faults``.
    """
    program = ("tests.delivery.planted_faults", flaw) if flaw else ("server",)
    where = ("--database", database.url("chat")) if database else ()
    hosts = [
        Process(Server(folder / f"server-{each}", *where, settings=SETTINGS, program=program))
        for each in range(servers)
    ]
    return Deployment(hosts, database)
