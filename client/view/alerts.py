"""When a notification may disturb the user, and the user's own program that shows it."""

import shlex
import subprocess
from datetime import time

OFF = "off"


def is_quiet(hours: str, now: time) -> bool:
    """Return whether a time is within quiet hours, ``22:00-08:00``, which may include midnight."""
    if hours == OFF:
        return False
    start, end = (time.fromisoformat(part) for part in hours.split("-"))
    if start <= end:
        return start <= now < end
    return now >= start or now < end


def run_notify_command(command: str, title: str, text: str) -> None:
    """Start the user's program with title and text as its last arguments, never through a shell.

    Raises ``OSError`` or ``ValueError`` if it cannot be started.
    """
    subprocess.Popen(
        [*shlex.split(command), title, text],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
