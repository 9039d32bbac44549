"""Sets up the standard streams of the client, also closed ones."""

import io
import os
import sys


def set_up() -> None:
    """Replace closed streams by ``/dev/null``: otherwise the next file that is opened would become one.

    A character that the terminal cannot show becomes a question mark; bytes that cannot be decoded become
    U+FFFD.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            discard(descriptor)
        if getattr(sys, name) is None:
            # The stream stays open as long as the process runs.
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def discard(descriptor: int) -> None:
    """Redirect a descriptor to ``/dev/null``, also for buffered output."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
