"""The standard streams of the client, closed ones too. The server's counterpart is
``server.config.standard_streams``."""

import io
import os
import sys


def set_up() -> None:
    """Put ``/dev/null`` in the place of closed streams: else the next file that is opened would become one.

    A character that the terminal cannot show becomes a question mark; bytes that are no text become U+FFFD.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            discard(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def discard(descriptor: int) -> None:
    """From now on ``/dev/null`` is behind this descriptor, also for what a stream still holds."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
