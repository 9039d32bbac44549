"""The command line: its output, its errors, and the number of their lines. No server is started."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatroom.server import __main__ as command
from chatroom.server.config import log
from chatroom.server.config.endpoint import ServerEndpoint
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.tls import CertificateError
from chatroom.server.preparation import StartError
from tests.support.processes import PATIENCE, ROOT

Output = pytest.CaptureFixture[str]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ServerConfig]:
    """Record the configurations with which servers are started; each stops at once."""
    started = []

    async def serve(config: ServerConfig, announce: object, *_: object) -> None:
        started.append(config)

    monkeypatch.setattr(command, "serve_until_stopped", serve)
    return started


def logged(capfd: Output) -> str:
    """Return the complete output on standard error."""
    log.errors.flush(PATIENCE)
    return capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ("--host 0.0.0.0", "host", "0.0.0.0"),
        ("--port 0", "port", 0),
        ("--set port=1 --port 2", "port", 2),
        ("--port 2 --set port=1", "port", 1),
        ("--log-level debug", "log_level", "debug"),
        ("--set name=a=b", "name", "a=b"),
    ],
)
def test_last_flag_of_a_setting_wins(
    started: list[ServerConfig], arguments: str, name: str, value: object
) -> None:
    assert command.run_command(arguments.split()) == 0
    assert getattr(started[0], name) == value


@pytest.mark.parametrize(
    ("arguments", "mode", "encrypted"),
    [
        ("", "auto", False),
        ("--tls", "on", True),
        ("--insecure --host 0.0.0.0", "off", False),
        ("--tls-cert a --tls-key b", "auto", True),
    ],
)
def test_encryption_flags_set_the_mode(
    started: list[ServerConfig], arguments: str, mode: str, encrypted: bool
) -> None:
    assert command.run_command(arguments.split()) == 0
    assert (started[0].tls.mode, started[0].encrypted) == (mode, encrypted)


@pytest.mark.parametrize(
    "arguments",
    [
        "--nonsense",
        "--por 1",
        "nonsense",
        "--port",
        "--port http",
        "--port 65536",
        "--set limits.rate",
        "--set =5",
        "--set limits.rat=5",
        "--set limits.rate=fast",
        "--tls --insecure",
        "--tls-cert a --tls-key b --insecure",
        "--tls-cert a",
        "--config nowhere.toml",
        "--log-level loud",
        "--port \x1b[2J",
    ],
)
def test_usage_error_is_one_line_and_exit_code_2(
    started: list[ServerConfig], capsys: Output, arguments: str
) -> None:
    with pytest.raises(SystemExit) as end:
        raise SystemExit(command.run_command(arguments.split()))
    out, err = capsys.readouterr()
    assert (end.value.code, out, started) == (2, "", [])
    assert err.startswith("chat-server: ")
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (StartError("the port is taken"), "chat-server: the port is taken\n"),
        (CertificateError("no key\nin it"), "chat-server: no key␊in it\n"),
        (PermissionError(13, "Permission denied", "/data"), "chat-server: /data: Permission denied\n"),
        (OSError("no more files"), "chat-server: no more files\n"),
        (RuntimeError("can't start new thread"), "chat-server: cannot start: can't start new thread\n"),
    ],
)
def test_start_failure_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, failure: Exception, line: str
) -> None:
    async def serve(config: ServerConfig, announce: object, *_: object) -> None:
        raise failure

    monkeypatch.setattr(command, "serve_until_stopped", serve)
    assert command.run_command([]) == 1
    assert capsys.readouterr() == ("", line)


def test_sighup_during_start_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor may announce a new certificate before the server handles signals."""
    configs: list[object] = []

    async def serve(config: ServerConfig, announce: object, *_: object) -> None:
        signal.raise_signal(signal.SIGHUP)
        configs.append(config)

    monkeypatch.setattr(command, "serve_until_stopped", serve)
    before = signal.getsignal(signal.SIGHUP)
    assert command.run_command([]) == 0
    assert len(configs) == 1
    signal.signal(signal.SIGHUP, before)


def test_show_config_starts_no_server(
    started: list[ServerConfig], capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SERVER_DATABASE_PASSWORD", "geheim")
    assert command.run_command(["--show-config", "--set", "limits.rate=0"]) == 0
    out, err = capsys.readouterr()
    assert "rate = 0.0  # flag: messages per second" in out
    assert "# environment CHAT_SERVER_DATABASE_PASSWORD: " in out
    assert "geheim" not in out
    assert (err, started) == ("", [])


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_exit_with_0(capsys: Output, flag: str) -> None:
    with pytest.raises(SystemExit) as end:
        command.run_command([flag])
    assert end.value.code == 0
    assert "chatroom" in capsys.readouterr().out or flag == "--help"


def test_unknown_variable_is_logged(
    started: list[ServerConfig], capfd: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SERVER_LIMITS_RAT", "1")
    assert command.run_command([]) == 0
    assert "CHAT_SERVER_LIMITS_RAT in the environment is not a setting" in logged(capfd)


def test_announcement_is_flushed_as_one_line(monkeypatch: pytest.MonkeyPatch, capfd: Output) -> None:
    lines = []

    async def serve(config: ServerConfig, announce: object, *_: object) -> None:
        assert callable(announce)
        announce(ServerEndpoint("127.0.0.1", 7878), "")
        command.output.flush(PATIENCE)
        lines.append(capfd.readouterr().out)

    monkeypatch.setattr(command, "serve_until_stopped", serve)
    assert command.run_command([]) == 0
    assert lines == ["listening on 127.0.0.1:7878\n"]


# The log


def test_peer_cannot_forge_a_log_line(capfd: Output) -> None:
    log.set_up_logging("info")
    logging.getLogger("here").info("%s came", "Bob\n2026-11-22T04:22:43.273Z INFO here: Alice\x1b[2J")
    lines = logged(capfd).splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("Z INFO here: Bob␊2026-11-22T04:22:43.273Z INFO here: Alice␛[2J came")


def test_traceback_cannot_forge_a_log_line(capfd: Output) -> None:
    log.set_up_logging("info")
    try:
        raise ValueError("x\n2026-11-22T04:22:43.273Z INFO here: \x1b[2J")
    except ValueError:
        logging.getLogger("here").exception("a bug")
    first, *rest = logged(capfd).splitlines()
    assert first.endswith("ERROR here: a bug")
    assert all(line.startswith("    ") for line in rest)
    assert "␛[2J" in rest[-1]


def test_sighup_while_the_program_is_imported_is_ignored(tmp_path: Path) -> None:
    """The first import that takes long is stopped until the signal has been sent."""
    fifo, ready = tmp_path / "fifo", tmp_path / "ready"
    os.mkfifo(fifo)
    (tmp_path / "argparse.py").write_text(
        "import pathlib, sys\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        f"open({str(fifo)!r}).read()\n"
        "sys.exit(7)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-m", "server"], cwd=ROOT, env=environment)
    deadline = time.monotonic() + PATIENCE
    while not ready.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    with fifo.open("w"):
        pass
    assert process.wait(PATIENCE) == 7
