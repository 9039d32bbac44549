"""What a run talks to and breaks: server processes, their database, and a proxy before each server."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.delivery.history import History, Spoilt, now
from tests.delivery.proxy import Proxy
from tests.support.database import PrivateServer
from tests.support.processes import Server

SETTINGS = (
    "limits.rate=0",
    "limits.linger=3600",  # nobody leaves who did not ask to
    "limits.connections_per_address=0",
    "limits.new_connections_per_minute=0",
    "limits.password_attempts=0",
    "password.bcrypt_cost=4",
)
"""Every client has one address here and much to say, so what protects against that is off."""


TRACEBACK = re.compile(r"^.*\n\s*Traceback .*\n(?:\s.*\n)*", re.MULTILINE)
"""With the line of the log that it belongs to."""


class Host(Protocol):
    """A server that can be broken, and keeps its port over all that."""

    @property
    def port(self) -> int: ...

    async def start(self) -> None:
        """Until clients can connect."""

    async def stop(self) -> int:
        """Ask it to end; its exit code."""

    async def kill(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    @property
    def log(self) -> str: ...


class Process:
    """A host that is a process of its own."""

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
class Site:
    """All of it, and the history of what happens there."""

    hosts: Sequence[Host]
    database: PrivateServer | None = None
    history: History = field(default_factory=History)
    proxies: list[Proxy] = field(default_factory=list)

    def note(self, what: str, unanswered: int = 0) -> None:
        """Something is being broken."""
        self.history.add(Spoilt(now(), "", 0, what, unanswered))

    @property
    def stumbles(self) -> list[str]:
        """Every traceback in the servers' logs: whatever happens to a server, it is no surprise to it."""
        return [found[0] for host in self.hosts for found in TRACEBACK.finditer(host.log)]

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Site"]:
        """Started, for the length of an ``async with``."""
        async with AsyncExitStack() as started:
            for host in self.hosts:
                await host.start()
                started.push_async_callback(host.kill)
                proxy = Proxy(host.port)
                await proxy.open()
                started.push_async_callback(proxy.close)
                self.proxies.append(proxy)
            yield self


def deploy(folder: Path, database: PrivateServer | None = None, servers: int = 1, flaw: str = "") -> Site:
    """Server processes that share a database, or one with a SQLite file, which are yet to be opened.

    ``flaw`` is one to plant in each: see ``planted``.
    """
    program = ("tests.delivery.planted", flaw) if flaw else ("server",)
    where = ("--database", database.url("chat")) if database else ()
    hosts = [
        Process(Server(folder / f"server-{each}", *where, settings=SETTINGS, program=program))
        for each in range(servers)
    ]
    return Site(hosts, database)
