"""Notifications to the service manager: datagrams to the socket in ``NOTIFY_SOCKET``, see sd_notify(3).

Without that variable nothing is sent.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

PINGS_PER_TIMEOUT = 3
"""Watchdog pings within the time after which the service manager restarts the process."""


class ServiceNotifier:
    """The environment is read once. ``watchdog_seconds`` is 0 if no watchdog waits for this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self.watchdog_seconds = _watchdog_seconds(environment) if path else 0.0

    def announce_ready(self, status: str) -> None:
        self._send(READY="1", STATUS=status)

    def announce_reload(self) -> None:
        """Must be followed by ``announce_ready``."""
        self._send(RELOADING="1", MONOTONIC_USEC=str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000))

    def announce_stop(self) -> None:
        self._send(STOPPING="1", STATUS="stopping")

    async def run_watchdog(self, is_alive: Callable[[], bool]) -> None:
        """Send pings for as long as the event loop runs and ``is_alive`` returns true."""
        while self.watchdog_seconds:
            if is_alive():
                self._send(WATCHDOG="1")
            await asyncio.sleep(self.watchdog_seconds / PINGS_PER_TIMEOUT)

    def _send(self, **fields: str) -> None:
        if not self._address:
            return
        message = "\n".join(f"{name}={value}" for name, value in fields.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagrams:
                datagrams.setblocking(False)
                datagrams.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("the service manager was not notified: %s", error.strerror or error)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Return the timeout of the watchdog of this process, or 0.0."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isascii() and microseconds.isdecimal() else 0.0
