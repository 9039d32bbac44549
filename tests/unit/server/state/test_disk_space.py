"""What the server does while its disk is nearly full."""

from pathlib import Path

import pytest

from chatroom.protocol.errors import Unavailable
from chatroom.server.config.settings import DatabaseSettings
from chatroom.server.state.disk_space import DiskSpace

GIB = 1 << 30


def test_low_space_is_logged_and_full_disk_refuses_until_there_is_space(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = DiskSpace(Path("/data"), DatabaseSettings())
    disk.note_space(100 * GIB, 2 * GIB)
    disk.check_space()
    disk.note_space(100 * GIB, GIB // 2)
    disk.check_space()
    for _ in range(3):
        disk.note_space(100 * GIB, 60 << 20)
    with pytest.raises(Unavailable):
        disk.check_space()
    disk.note_space(100 * GIB, 70 << 20)
    disk.check_space()
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "WARNING"]


def test_small_disk_has_a_small_reserve() -> None:
    disk = DiskSpace(Path("/data"), DatabaseSettings())
    disk.note_space(20 << 20, 3 << 20)
    assert not disk.is_low
    disk.note_space(20 << 20, 1 << 19)
    assert disk.is_full


async def test_database_on_another_machine_is_not_watched() -> None:
    disk = DiskSpace(None, DatabaseSettings())
    await disk.run_watch()
    disk.check_space()
