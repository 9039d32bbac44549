"""How much space the disk of an SQLite database has left. With too little, nothing new is accepted, because a
full disk may also break what other programs do there.
"""

import asyncio
import logging
import shutil
from pathlib import Path

from chatroom.protocol.errors import Unavailable
from chatroom.server.config.settings import DatabaseSettings

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0
"""Seconds between two looks at the disk."""

RETRY_SECONDS = 30.0
"""``retry_after`` while the disk is full."""

RESERVE_SHARE = 0.05
WARNING_SHARE = 0.1
"""Of a small disk, the reserve is at most so much, and the warning comes at most so early."""


class DiskSpace:
    """``folder`` has the database, ``None`` if it is on another machine: then there is always space."""

    def __init__(self, folder: Path | None, settings: DatabaseSettings) -> None:
        self._folder = folder
        self._settings = settings
        self.free_bytes = 0
        self.is_low = False
        self.is_full = False

    def check_space(self) -> None:
        """Raises ``Unavailable`` if nothing new may be stored."""
        if self.is_full:
            raise Unavailable(retry_after=RETRY_SECONDS)

    async def run_watch(self) -> None:
        """Look at the disk for as long as the server runs."""
        if self._folder is None:
            return
        while True:
            try:
                usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
            except OSError as error:
                log.debug("cannot read the space of the disk: %s", error)
            else:
                self.note_space(usage.total, usage.free)
            await asyncio.sleep(INTERVAL_SECONDS)

    def note_space(self, total: int, free: int) -> None:
        """Note the space, and log when it becomes scarce or sufficient."""
        reserve = min(self._settings.disk_reserve, int(total * RESERVE_SHARE))
        warning = max(reserve, min(self._settings.disk_warning, int(total * WARNING_SHARE)))
        was_low, was_full = self.is_low, self.is_full
        self.free_bytes, self.is_low, self.is_full = free, free < warning, free < reserve
        if self.is_full and not was_full:
            log.error("%s has only %d MiB left: new messages are refused", self._folder, free >> 20)
        elif was_full and not self.is_full:
            log.warning("%s has %d MiB left again: messages are accepted", self._folder, free >> 20)
        elif self.is_low and not was_low:
            log.warning("%s has only %d MiB left; search indexing is paused", self._folder, free >> 20)
