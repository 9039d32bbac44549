"""Run the delivery test for as long as wanted: ``python -m tests.delivery``."""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.delivery.check import Violation, check
from tests.delivery.deployment import deploy
from tests.delivery.figures import figures
from tests.delivery.run import run
from tests.support.database import PrivateMariaDB, PrivateMySQL, PrivateServer, has_mysql
from tests.support.galera import GaleraCluster

HINT_NOISE = 0.2
"""The share of hints that are lost, repeated, delayed or spoilt."""

MAX_PRINTED = 5
"""Violations of one rule that are printed."""


def main() -> int:
    """Run rounds. Returns the exit code: 0 if no rule was violated."""
    options = _arguments()
    seeds: Iterable[int] = (
        range(options.seed, options.seed + options.rounds) if options.rounds else count(options.seed)
    )
    try:
        return 0 if all(asyncio.run(_round(options, seed)) for seed in seeds) else 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.delivery", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of faults in each round")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each later round adds 1")
    parser.add_argument("--rounds", type=int, default=1, help="each on an empty database; 0: until one fails")
    parser.add_argument("--database", choices=("sqlite", "mariadb", "mysql", "galera"), default="sqlite")
    parser.add_argument(
        "--servers", type=int, default=1, help="processes on the one database (mariadb, mysql)"
    )
    parser.add_argument("--cluster", action="store_true", help="connect the servers by NATS, with its faults")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--pace", type=float, default=1.0, help="factor of the clients' speed")
    parser.add_argument("--flaw", default="", help="plant a fault in the server: see planted_faults.py")
    options = parser.parse_args()
    if options.servers > 1 and options.database == "sqlite":
        parser.error("one SQLite file is for one server")
    if options.cluster and options.database == "sqlite":
        parser.error("a cluster needs mariadb or mysql")
    if options.database == "mysql" and not has_mysql():
        print("there is no MySQL here (.ci/mysql fetches one): MariaDB in its place", file=sys.stderr)
        options.database = "mariadb"
    return options


async def _round(options: argparse.Namespace, seed: int) -> bool:
    """Run one round, print its verdict, and return whether it passed."""
    print(f"seed {seed}: {options.database}, servers: {options.servers}, {options.seconds:g} s", flush=True)
    with (
        TemporaryDirectory(prefix="chat-delivery-") as folder,
        _database(options, Path(folder), seed) as database,
    ):
        deployment = deploy(
            Path(folder),
            database,
            options.servers,
            options.flaw,
            cluster=options.cluster,
            noise=HINT_NOISE if options.cluster else 0.0,
        )
        async with deployment.open() as site:
            await run(site, seconds=options.seconds, seed=seed, clients=options.clients, pace=options.pace)
            tracebacks = site.tracebacks
    print(figures(site.history))
    violations = check(site.history)
    _print_verdict(violations, tracebacks)
    return not violations and not tracebacks


@contextmanager
def _database(
    options: argparse.Namespace, folder: Path, seed: int
) -> Iterator[PrivateServer | GaleraCluster | None]:
    """Start a database server for the round, unless it uses SQLite."""
    if options.database == "sqlite":
        yield None
        return
    if options.database == "galera":
        cluster = GaleraCluster(seed=seed)
        try:
            yield cluster.open()
        finally:
            cluster.close()
        return
    kind = PrivateMySQL if options.database == "mysql" else PrivateMariaDB
    server = kind(folder).start()
    try:
        yield server
    finally:
        server.kill()


def _print_verdict(violations: list[Violation], tracebacks: list[str]) -> None:
    print(f"tracebacks in the log        {len(tracebacks)}")
    for traceback in list(dict.fromkeys(each.partition("\n")[2] for each in tracebacks))[:MAX_PRINTED]:
        print(traceback)
    print("violations                   " + ("none" if not violations else str(len(violations))))
    for rule in dict.fromkeys(violation.rule for violation in violations):
        broken = [violation for violation in violations if violation.rule == rule]
        for violation in broken[:MAX_PRINTED]:
            print(f"  {violation}")
        if len(broken) > MAX_PRINTED:
            print(f"  rule {rule}: and {len(broken) - MAX_PRINTED} more")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
