"""Freed memory is returned after many connections."""

import asyncio
import threading

import pytest

from chatroom.server.jobs import memory_trimmer
from chatroom.server.jobs.memory_trimmer import MIN_CLOSED, MemoryTrimmer


@pytest.mark.parametrize(("closed", "trims"), [(MIN_CLOSED - 1, 0), (MIN_CLOSED, 1), (3 * MIN_CLOSED, 1)])
async def test_memory_is_trimmed_after_many_connections(
    monkeypatch: pytest.MonkeyPatch, closed: int, trims: int
) -> None:
    monkeypatch.setattr(memory_trimmer, "INTERVAL_SECONDS", 0.0)
    threads: list[threading.Thread] = []
    loop, trimmed = asyncio.get_running_loop(), asyncio.Event()

    def trim() -> bool:
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(trimmed.set)
        return True

    trimmer = MemoryTrimmer(trim)
    for _ in range(closed):
        trimmer.connection_closed()
    job = asyncio.create_task(trimmer.run_trimming())
    for _ in range(200):
        await asyncio.sleep(0)
    if trims:
        await trimmed.wait()
    job.cancel()
    assert len(threads) == trims
    assert threading.main_thread() not in threads


def test_function_of_this_c_library_can_be_called() -> None:
    trim = memory_trimmer._find_malloc_trim()
    assert trim is None or trim() in (True, False)
