"""A server with closed, full or unread standard streams serves and stops."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatroom.server.config.standard_streams import MAX_LINES, LineWriter
from tests.conftest import Serve
from tests.support.processes import PATIENCE, QUICK, ROOT, Wire, lines_within


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        with suppress(OSError):
            os.close(descriptor)


def fill(writing: int) -> int:
    """Fill a pipe. Return the number of bytes in it."""
    os.set_blocking(writing, False)
    written = 0
    with suppress(BlockingIOError):
        while True:
            written += os.write(writing, b"x" * 1024)
    os.set_blocking(writing, True)
    return written


def test_stalled_reader_does_not_block_and_gets_the_dropped_count(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    inside = fill(writing)
    lines = LineWriter(writing)
    for number in range(MAX_LINES + 51):  # one is with the thread, which waits
        lines.write(f"line {number}")
    lines.flush(within=0)
    while inside:
        inside -= len(os.read(reading, inside))
    written = lines_within(reading, PATIENCE)
    assert next(written) == "line 0"
    dropped = next(line for line in written if "dropped" in line)
    assert int(dropped.split()[0]) in (50, 51)


def test_closed_reader_is_ignored(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    lines = LineWriter(writing)
    lines.write("hello?")
    lines.flush(PATIENCE)


# Processes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    tmp_path: Path, port: int, redirection: str = "", output: int | None = None
) -> "subprocess.Popen[bytes]":
    """A server in a shell that redirects its streams."""
    settings = [word for setting in QUICK for word in ("--set", setting)]
    command = [
        sys.executable,
        "-m",
        "chatroom.server",
        "--data",
        str(tmp_path),
        "--port",
        str(port),
        *settings,
    ]
    return subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command], cwd=ROOT, stdout=output, stderr=output
    )


def reached(process: "subprocess.Popen[bytes]", port: int) -> Wire:
    while process.poll() is None:
        try:
            return Wire("127.0.0.1", port)
        except OSError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
    raise AssertionError(f"the server ended with {process.returncode}")


def serves_and_ends(process: "subprocess.Popen[bytes]", port: int) -> None:
    try:
        alice = reached(process, port).register("Alice")
        assert alice.request("list_rooms")["rooms"] == []
        alice.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize(
    "redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full"]
)
def test_server_runs_with_closed_and_full_streams(tmp_path: Path, redirection: str) -> None:
    port = free_port()
    serves_and_ends(start(tmp_path, port, redirection), port)


def test_server_runs_with_a_closed_pipe(tmp_path: Path, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    port = free_port()
    process = start(tmp_path, port, output=writing)
    os.close(reading)
    serves_and_ends(process, port)


def test_server_runs_with_an_unread_pipe(tmp_path: Path, pipe: tuple[int, int]) -> None:
    _, writing = pipe
    fill(writing)
    port = free_port()
    serves_and_ends(start(tmp_path, port, output=writing), port)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize("command", ["--show-config", "invite --host example.org"])
def test_failed_output_is_reported_in_one_line(tmp_path: Path, command: str) -> None:
    finished = run(f"{command} --data {tmp_path}", "> /dev/full")
    assert (finished.returncode, finished.stderr.count("\n")) == (1, 1)
    assert "cannot write to standard output: No space left on device" in finished.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_error_without_stderr_sets_the_exit_code(tmp_path: Path) -> None:
    assert run("--bogus", "2> /dev/full").returncode == 2


def run(arguments: str, redirection: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "chatroom.server"]
    return subprocess.run(
        [*command, *arguments.split()],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | environment,
    )  # fmt: skip


# The admin command


def test_names_outside_of_the_terminal_encoding_are_escaped(serve: Serve) -> None:
    server = serve()
    server.user("王芳")
    listed = run(f"admin --data {server.data} accounts", PYTHONIOENCODING="ascii")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "\\u738b\\u82b3" in listed.stdout


@pytest.mark.parametrize("end", [r"\n", r"\r\n", ""])
def test_password_from_stdin_ends_at_the_line_end(serve: Serve, tmp_path: Path, end: str) -> None:
    server = serve()
    server.user("Alice")
    (tmp_path / "password").write_bytes(b"secret" + end.encode().decode("unicode_escape").encode())
    done = run(f"admin --data {server.data} reset-password Alice", f"< {tmp_path / 'password'}")
    assert (done.returncode, done.stderr) == (0, "")
    server.connect().login("Alice", "secret")


@pytest.mark.parametrize("given", [b"", b"caf\xe9-secret\n"])
def test_invalid_password_is_reported_in_one_line(serve: Serve, tmp_path: Path, given: bytes) -> None:
    server = serve()
    server.user("Alice")
    (tmp_path / "password").write_bytes(given)
    done = run(
        f"admin --data {server.data} reset-password Alice", f"< {tmp_path / 'password'}", LC_ALL="C.UTF-8"
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    server.connect().login("Alice")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs to become another user")
def test_server_starts_with_an_unreadable_home() -> None:
    data = tempfile.mkdtemp(prefix="chatroom-data-")
    os.chown(data, 4711, 4711)
    command = [
        "setpriv",
        "--reuid",
        "4711",
        "--regid",
        "4711",
        "--clear-groups",
        sys.executable,
        "-m",
        "server",
    ]
    port, environment = free_port(), os.environ | {"HOME": "/root"}
    process = subprocess.Popen([*command, "--data", data, "--port", str(port)], cwd=ROOT, env=environment)
    try:
        serves_and_ends(process, port)
        listed = subprocess.run(
            [*command, "admin", "--data", data, "accounts"], cwd=ROOT, env=environment, capture_output=True
        )
        assert (listed.returncode, listed.stderr) == (0, b"")
    finally:
        shutil.rmtree(data)
