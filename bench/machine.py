"""The machine under a measurement: which core runs what, and what a process has used up."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
"""Servers get one core and the load another, so that a program that uses two gains nothing by it here."""

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def on(*cores: int) -> Iterator[None]:
    """Run on these cores meanwhile; what is started meanwhile stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> None:
    """As many open connections as this process, and those that it starts, may have at all."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have used of all cores, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK  # utime and stime, as in proc(5)


def resident_bytes(pid: int) -> int:
    """How much of a process is in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def forget_peak(pid: int) -> None:
    """From now on ``peak_bytes`` is what a process has at most."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # as in proc(5)


def peak_bytes(pid: int) -> int:
    """The most of a process that was in memory at once; 0 of one that has just ended."""
    found = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()
    return int(found[0]) * 1024 if found else 0


def description() -> str:
    """One line about this machine, for whoever compares."""
    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    return f"{len(CORES)} cores of {cpu or os.uname().machine}, Linux {os.uname().release}"
