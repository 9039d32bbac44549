"""``--plain`` and ``--json`` with closed or full standard streams, and a signal at the password prompt."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.terminal import Terminal
from tests.unit.client.fake_server import FakeServer
from tests.unit.client.line_client import Client, accept_entry, accept_login

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and a shell")


def redirected(home: Path, redirection: str, *arguments: str) -> Client:
    return Client(home, *arguments, before=("sh", "-c", f'exec "$@" {redirection}', "sh"))


@pytest.mark.parametrize("redirection", ["<&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize("mode", ["--plain", "--json"])
async def test_closed_streams_count_as_empty(
    fake: FakeServer, home: Path, mode: str, redirection: str
) -> None:
    async with fake:
        client = redirected(home, redirection, mode, f"Alice@{fake.address}/lab")
        running = asyncio.create_task(client.run(""))
        peer = await accept_login(fake)
        await accept_entry(peer)
        peer.answer(await peer.expect("logout"), "ok")
        code, _, errors = await running
    assert (code, errors) == (0, "")


@pytest.mark.parametrize("mode", ["--plain", "--json"])
async def test_full_output_ends_with_one_line_and_code_1(fake: FakeServer, home: Path, mode: str) -> None:
    async with fake:
        client = redirected(home, ">/dev/full", mode, f"Alice@{fake.address}/lab")
        running = asyncio.create_task(client.run(""))
        peer = await accept_login(fake)
        await accept_entry(peer)
        peer.answer(await peer.expect("logout"), "ok")
        code, _, errors = await running
    assert (code, errors) == (1, "Cannot write to standard output: No space left on device.\n")


def child_of(process: int) -> int:
    [child] = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(child)


def wait_until_asleep(process: int) -> None:
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signal_during_password_prompt_restores_echo(
    fake: FakeServer, tmp_path: Path, number: signal.Signals
) -> None:
    async with fake:
        print_echo = 'stty -a | grep -o "[-]*echo "'
        command = [sys.executable, "-m", "chatroom.client", "--plain", f"Alice@{fake.address}"]
        terminal = Terminal(["sh", "-c", f'stty echo; "$@"; {print_echo}', "sh", *command], tmp_path)
        await fake.accept_and_welcome()
        await asyncio.to_thread(terminal.wait_for, "Password")
        client = child_of(int(terminal._child.pid or 0))
        await asyncio.to_thread(wait_until_asleep, client)  # it reads the password
        os.kill(client, number)
        await asyncio.to_thread(terminal.wait_exit)
        assert terminal.text.endswith(" echo")  # and not -echo
        terminal.close()
