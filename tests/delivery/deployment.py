"""What a run talks to and breaks: server processes, their database, and a proxy before each server."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.database import PrivateMariaDB
from tests.delivery.history import History, Spoilt, now
from tests.delivery.proxy import Proxy
from tests.processes import Server

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
    database: PrivateMariaDB | None = None
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
        try:
            for host in self.hosts:
                await host.start()
                proxy = Proxy(host.port)
                await proxy.open()
                self.proxies.append(proxy)
            yield self
        finally:
            for proxy in self.proxies:
                await proxy.close()
            for host in self.hosts:
                await host.kill()


def program(flaw: str) -> tuple[str, ...]:
    """The module to run and its own arguments: the server, or the server with a flaw planted in it."""
    return ("tests.delivery.planted", flaw) if flaw else ("server",)


@asynccontextmanager
async def deployed(database: str, servers: int = 1, flaw: str = "") -> AsyncIterator[Site]:
    """Server processes with one database, ``sqlite`` or ``mysql``, that is thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="chat-delivery-") as name:
        folder = Path(name)
        if database == "sqlite":
            hosts = [Process(Server(folder / "server", settings=SETTINGS, program=program(flaw)))]
            async with Site(hosts).open() as site:
                yield site
            return
        mariadb = await asyncio.to_thread(PrivateMariaDB(folder).start)
        try:
            url = mariadb.url("chat")
            hosts = [
                Process(
                    Server(
                        folder / f"server-{each}", "--database", url, settings=SETTINGS, program=program(flaw)
                    )
                )
                for each in range(servers)
            ]
            async with Site(hosts, mariadb).open() as site:
                yield site
        finally:
            await asyncio.to_thread(mariadb.kill)
