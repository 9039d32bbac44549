"""``/save`` of a long room by the real client, from the command to the end of the program."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from bench import archive, machine
from bench.dialects import PASSWORD
from bench.figures import Figure
from bench.hosts import Host, Opening, installed, mariadb, on_database, on_file, temporary
from tests.support.processes import ROOT

LOOK = 0.02
"""Seconds between two checks of the client's memory. The kernel's value for an ended child would include the
memory of the process that started it."""


def measure(count: int) -> Iterator[Figure]:
    """Save ``count`` messages, from each database."""
    with temporary() as data:
        _fill(f"sqlite:///{data / 'chatroom.sqlite'}", count)
        yield from _figures("chatroom on SQLite", partial(on_file, data), count)
    if installed("chatroom on MariaDB"):
        with mariadb() as server:
            url = server.url("chatroom")
            _fill(url, count)
            yield from _figures("chatroom on MariaDB", partial(on_database, url), count)


def _fill(url: str, count: int) -> None:
    with archive.opened(url) as engine:
        archive.fill(engine, count)
        archive.leave_unindexed(engine, count)


def _figures(system: str, opening: Opening, count: int) -> Iterator[Figure]:
    with opening() as host:
        before = machine.resident_bytes(host.pid)
        machine.forget_peak(host.pid)
        seconds, client = _save(host, count)
        grown = machine.peak_bytes(host.pid) - before
        yield Figure("export", system, count / seconds, "messages/s")
        yield Figure("export: the client's memory at most", system, client / 1e6, "MB")
        yield Figure("export: what the server's memory grew by", system, grown / 1e6, "MB")


def _save(host: Host, count: int) -> tuple[float, int]:
    """Return the seconds, and the peak of the client's memory in bytes."""
    with temporary() as home:
        environment = {
            "HOME": str(home), "LANG": "C.UTF-8", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT),
            "CHAT_PASSWORD": PASSWORD,
        }  # fmt: skip
        started = time.perf_counter()
        client = subprocess.Popen(
            [sys.executable, "-m", "chatroom.client", "--plain", f"{archive.USERNAME}@127.0.0.1:{host.port}"],
            cwd=home, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        assert client.stdin is not None
        with client.stdin as keyboard:
            keyboard.write(b"/save\n")
        peak = 0
        while client.poll() is None:
            peak = machine.peak_bytes(client.pid) or peak
            time.sleep(LOOK)
        taken = time.perf_counter() - started
        saved = (home / "log.txt").read_bytes().count(b"\n") - 2  # without the two headings
        assert saved == count, f"{saved} messages of {count} were saved"
        return taken, peak
