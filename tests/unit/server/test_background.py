"""Each background task and thread of the server fails once."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.db import background
from tests.support.processes import PATIENCE, Wire

KILLS = """
import sys
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server import __main__, wiring
from chatroom.server.cluster.heartbeat import Heartbeat
from chatroom.server.jobs.indexer import SearchIndexer

def once(owner, name):
    right, failed = getattr(owner, name), []

    async def wrong(*arguments):
        if failed:
            return await right(*arguments)
        failed.append(True)
        raise KeyError("killed by a test")

    wrong.__qualname__ = name
    setattr(owner, name, wrong)

once(Heartbeat, "run_heartbeat")
once(SearchIndexer, "run_indexing")
once(wiring, "run_housekeeping")

settle = DatabaseWriter._settle_with_deferred

def settle_or_die(self, operations):
    if any(str(getattr(getattr(one, "draft", ""), "text", "")) == "die" for one in operations):
        raise KeyError("killed by a test")
    return settle(self, operations)

DatabaseWriter._settle_with_deferred = settle_or_die
__main__.main()
"""


class KilledServer:
    """A server whose background jobs fail at first, and whose writer fails at the text ``die``."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-c", KILLS, "--port", "0", "--data", str(data)]
        environment = {**os.environ, "CHATROOM_PASSWORD__BCRYPT_COST": "4"}
        self.log = data.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )
        assert self.process.stdout is not None
        host, _, port = self.process.stdout.readline().split()[-1].rpartition(":")
        self.wire = Wire(host or "127.0.0.1", int(port))
        self.wire.request("register", username="Alice", password="111111")
        self.wire.login("Alice")
        self.wire.request("create_room", room="#lab", capacity=5)
        self.wire.request("enter_room", room="#lab", nickname="ALICE")

    def close(self) -> None:
        self.wire.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[KilledServer]:
    server = KilledServer(tmp_path / "data")
    yield server
    server.close()


def test_failed_background_job_is_logged_and_restarted(killed: KilledServer) -> None:
    killed.wire.request("send", to="#lab", text="hello")
    killed.process.terminate()
    assert killed.process.wait(PATIENCE) == 0
    log = killed.log.read_text(encoding="utf-8")
    for job in ("run_heartbeat", "run_indexing", "run_housekeeping"):
        assert f"{job} failed: KeyError" in log


def test_failed_writer_ends_the_server_with_a_message(killed: KilledServer) -> None:
    killed.wire.start("send", to="#lab", text="die")
    assert killed.process.wait(PATIENCE) == 1
    log = killed.log.read_text(encoding="utf-8")
    assert "the thread writer failed: KeyError" in log
    assert log.rstrip().endswith("see the log")


async def test_failed_task_is_logged_and_restarted(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 4:
            raise KeyError("killed by a test")

    with caplog.at_level(logging.ERROR):
        await background.keep_running(asyncio.get_running_loop(), work, delay=0.001)
    assert runs == 4
    assert [record.exc_info is not None for record in caplog.records] == [True, False, False]


async def test_failure_of_unreferenced_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def forgotten() -> None:
        raise KeyError("killed by a test")

    task = background.start_task(asyncio.get_running_loop(), forgotten())
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert "forgotten failed: KeyError" in caplog.text
