"""``python -m tests.attack``: run every attack at length, and print what honest users notice of it.

For each attack a server with default limits is started. Beside it one user sends pings and one sends
messages; then a third logs in, the memory is read, and the server is stopped in the middle of the attack.
Close other programs first: latencies are of this machine.
"""

import argparse
import shutil
import signal
import tempfile
import time
from pathlib import Path

from tests.attack.flood import payloads
from tests.attack.scene import CALM, PASSWORD, Flood, Scene, attack, end
from tests.support.processes import PATIENCE

NEEDS_LOGIN = {
    "send", "typing", "search", "list_rooms", "list_members", "export", "nick", "away", "create_room",
}  # fmt: skip
NEEDS_MESSAGES = {"search", "export"}
UNREAD = {"ping", "export", "list_rooms"}
"""Attacks that are repeated without reading the answers."""

COLUMNS = "| attack | connections | ping p99 | ack p99 | login | memory | stop |"


def run_attack(kind: str, options: argparse.Namespace, connections: int, *, deaf: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="attack-"))
    arguments = [
        *(["--tls"] if options.tls else []),
        *(["--database", options.database] if options.database else []),
    ]
    scene = Scene(folder / "data", *arguments)
    floods: list[Flood] = []
    try:
        if kind in NEEDS_MESSAGES:
            scene.fill_room()
        flags = ["--login", f"Mallory:{PASSWORD}"] if kind in NEEDS_LOGIN else []
        flags += ["--deaf"] if deaf else []
        flags += ["--tls"] if options.tls else []
        for number in range(1, options.addresses if kind != CALM else 1):
            floods.append(attack(scene.server, kind, f"127.0.3.{number}", connections, *flags))
        waits = scene.waits_beside(
            kind,
            "127.0.2.1",
            connections,
            *[flag for flag in flags if flag != "--tls"],
            seconds=options.seconds,
        )
        if kind != CALM:
            floods.append(attack(scene.server, kind, "127.0.4.1", connections, *flags))
        login, used = scene.login_seconds(), scene.memory() >> 20
        began = time.monotonic()
        scene.server.process.send_signal(signal.SIGTERM)
        code = scene.server.process.wait(PATIENCE)
        name = f"{kind}{' unread' if deaf else ''}{' TLS' if options.tls else ''}"
        print(
            f"| {name} | {connections} × {options.addresses} | {waits.percentile('pings', 0.99):.0f} ms"
            f" | {waits.percentile('acks', 0.99):.0f} ms | {login:.1f} s | {used} MB"
            f" | {time.monotonic() - began:.1f} s, code {code} |",
            flush=True,
        )
    finally:
        for flood in floods:
            end(flood)
        scene.close()
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help="attacks; default: all")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 60], help="of each address")
    parser.add_argument("--addresses", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--database", default="", help="URL of an empty MySQL database; default: SQLite")
    options = parser.parse_args()
    print(COLUMNS, "|---|---|---|---|---|---|---|", sep="\n", flush=True)
    run_attack(CALM, options, 0, deaf=False)
    for kind in options.kinds or payloads(4096):
        for connections in options.connections:
            for deaf in (False, True) if kind in UNREAD else (False,):
                run_attack(kind, options, connections, deaf=deaf)


if __name__ == "__main__":
    main()
