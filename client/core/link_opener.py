"""Opens a link in the user's browser, a program of its own that gets the link as one argument."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping

from chatroom.client.net.connection import Refused
from chatroom.client.text.links import is_link


def open_link(target: str) -> None:
    """Start the browser. Raises ``Refused`` if there is none or this is no link."""
    if not is_link(target):
        raise Refused("not_a_link")
    command = browser_command(target)
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        raise Refused("no_browser") from None


def browser_command(target: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command: ``$BROWSER``, or what the desktop uses. Raises ``Refused`` if there is none."""
    if browser := environment.get("BROWSER", "").split(os.pathsep)[0]:
        try:
            words = shlex.split(browser)
        except ValueError:
            raise Refused("no_browser") from None
        has_place = any("%s" in word for word in words)
        return [word.replace("%s", target) for word in words] + ([] if has_place else [target])
    for name in _desktop_programs(environment):
        if shutil.which(name):
            return [name, target]
    raise Refused("no_browser")


def _desktop_programs(environment: Mapping[str, str]) -> tuple[str, ...]:
    if sys.platform == "darwin":
        return ("open",)
    if environment.get("WSL_DISTRO_NAME"):
        return ("wslview",)
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return ("xdg-open",)
    return ("termux-open-url",)
