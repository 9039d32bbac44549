"""What a start prepares before there is a server: the database, and what a cluster needs."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Engine

from chatroom.db.engine import lock_file, open_engine
from chatroom.db.errors import DatabaseNotReady, DatabaseUnusable
from chatroom.db.migrate import upgrade_schema
from chatroom.db.preflight import PreflightFinding, check_database, check_may_write
from chatroom.db.queries import instances
from chatroom.server.cluster.nats_bus import check_client, server_urls
from chatroom.server.config.settings import ServerConfig

log = logging.getLogger(__name__)

DATABASE_RETRY_SECONDS = 0.5
"""Seconds between two attempts to reach the database at the start (``database.wait``)."""


class StartError(Exception):
    """The server cannot start: one sentence for the administrator."""


def check_cluster(config: ServerConfig) -> None:
    """Check what can be checked without NATS. Raises ``StartError`` and ``ClusterUnusable``."""
    if not config.cluster.url:
        return
    server_urls(config.cluster)
    if config.is_sqlite:
        raise StartError("--cluster needs a MySQL or MariaDB database: an SQLite file is for one process")
    check_client()


async def hint_key(config: ServerConfig, engine: Engine) -> bytes:
    """Return the key of this cluster's hints; empty without a cluster."""
    if not config.cluster.url:
        return b""
    return await asyncio.to_thread(instances.shared_key, engine, instances.HINT_KEY)


@asynccontextmanager
async def open_database(config: ServerConfig) -> AsyncIterator[Engine]:
    """Open the database: checked, upgraded, and an SQLite file locked. Raises ``StartError``."""
    try:
        lock = lock_file(config.database_url)
        engine = open_engine(
            config.database_url,
            readers=config.database.readers,
            password=config.database.password or None,
            timeout=config.database.patience,
        )
        for remark in await _wait_for_database(engine, config.database.wait):
            log.log(logging.WARNING if remark.serious else logging.INFO, "%s", remark.text)
    except DatabaseUnusable as error:
        raise StartError(str(error)) from None
    try:
        yield engine
    finally:
        engine.dispose()
        if lock is not None:
            lock.release()


async def _wait_for_database(engine: Engine, seconds: float) -> list[PreflightFinding]:
    """Prepare the database; for ``seconds``, try again while it does not answer or accept writes."""
    deadline = time.monotonic() + seconds
    logged = False
    while True:
        try:
            return await asyncio.to_thread(_prepare_database, engine)
        except DatabaseNotReady as error:
            if time.monotonic() + DATABASE_RETRY_SECONDS > deadline:
                raise
            if not logged:
                log.warning("waiting for the database: %s", error)
                logged = True
        await asyncio.sleep(DATABASE_RETRY_SECONDS)


def _prepare_database(engine: Engine) -> list[PreflightFinding]:
    remarks = check_database(engine)
    upgrade_schema(engine)
    check_may_write(engine)
    return remarks
