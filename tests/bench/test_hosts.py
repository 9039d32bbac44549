"""The measured servers: one that fails or hangs does not stop the measurement of the others."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from bench.dialects import Chat
from bench.figures import Figure, GivenUp
from bench.hosts import Host, ServerHung, on_each, started
from bench.talkers import LoadError


@contextmanager
def working() -> Iterator[Host]:
    yield Host(1, 1, Chat())


def broken() -> AbstractContextManager[Host]:
    raise OSError("no such program")


def figure(system: str, host: Host) -> Iterator[Figure]:
    yield Figure("S1", system, host.port, "messages/s")


def test_failing_server_is_reported_and_the_next_one_measured() -> None:
    assert list(on_each("S1", {"one": broken, "other": working}, figure)) == [
        GivenUp("S1", "one", "no such program"),
        Figure("S1", "other", 1, "messages/s"),
    ]


def test_hanging_server_is_killed_with_an_error() -> None:
    with pytest.raises(ServerHung, match="killed after 0 seconds"):
        wait_for([sys.executable, "-c", "import signal; signal.pause()"])


def wait_for(command: list[str]) -> None:
    with started(command, stdout=subprocess.PIPE, lifetime=0.1) as server:
        assert server.stdout is not None
        server.stdout.read()  # until the server has ended
        raise LoadError("it hung up")
