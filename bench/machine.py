"""The machine: which core runs what, and the CPU time and memory of processes."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
"""Servers get one core and the load another, so that a multithreaded server has no advantage."""

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def on(*cores: int) -> Iterator[None]:
    """Run this process on these cores. Programs that it starts in the block stay there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> None:
    """Raise the limit of open files to its maximum, also for programs that this process starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK  # utime and stime, as in proc(5)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def forget_peak(pid: int) -> None:
    """Reset the value of ``peak_bytes``."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # as in proc(5)


def peak_bytes(pid: int) -> int:
    """Return the peak of the resident memory; 0 for a process that has just ended."""
    fields = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()
    return int(fields[0]) * 1024 if fields else 0


def description() -> str:
    """Return one line about this machine."""
    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    return f"{len(CORES)} cores of {cpu or os.uname().machine}, Linux {os.uname().release}"
