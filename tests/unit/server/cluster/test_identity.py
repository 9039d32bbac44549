"""The identity of a server process, and how its successor finds it."""

import subprocess
import sys
from pathlib import Path

import pytest

from chatroom.server.cluster.identity import ID_BYTES, ServerIdentity, claim_identity
from tests.support.processes import ROOT


def end(identity: ServerIdentity) -> None:
    """Release what the system releases when a process ends."""
    assert identity.lock is not None
    identity.lock.release()


def test_identity_is_new_at_each_start_and_knows_the_earlier_one(tmp_path: Path) -> None:
    first = claim_identity(tmp_path)
    assert first.earlier == frozenset()
    end(first)
    second = claim_identity(tmp_path)
    assert second.earlier == {first.id}
    assert len(second.id) == ID_BYTES
    assert second.id != first.id


def test_running_process_is_no_predecessor(tmp_path: Path) -> None:
    first, second = claim_identity(tmp_path), claim_identity(tmp_path)
    assert second.earlier == frozenset()
    assert second.id != first.id


def test_all_ended_processes_are_predecessors(tmp_path: Path) -> None:
    first, second, third = (claim_identity(tmp_path) for _ in range(3))
    end(first)
    end(third)
    fourth = claim_identity(tmp_path)
    assert fourth.earlier == {first.id, third.id}
    end(second)  # while the fourth still runs
    assert claim_identity(tmp_path).earlier == {second.id, third.id}
    assert len(list(tmp_path.glob("process-?"))) == 3


def test_killed_process_is_the_predecessor(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from chatroom.server.cluster.identity import claim_identity\n"
        "identity = claim_identity(pathlib.Path(sys.argv[1]))\n"
        "print(identity.id.hex(), flush=True)\n"
        "os._exit(9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert claim_identity(tmp_path).earlier == {bytes.fromhex(killed.stdout.strip())}


def test_copied_folder_gives_another_identity(tmp_path: Path) -> None:
    (tmp_path / "process-0").write_bytes(b"E" * ID_BYTES)
    assert claim_identity(tmp_path).id != b"E" * ID_BYTES


@pytest.mark.parametrize("content", [b"", b"x" * 7])
def test_damaged_file_names_no_predecessor(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "process-0").write_bytes(content)
    assert claim_identity(tmp_path).earlier == frozenset()


def test_folder_that_cannot_be_made_gives_an_identity_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    identity = claim_identity(tmp_path / "file" / "data")
    assert identity.lock is None
    assert identity.earlier == frozenset()
    assert len(identity.id) == ID_BYTES
