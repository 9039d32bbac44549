"""S3, S4 and the login storm: memory of an idle connection, latency of one message, and latency of a ping
during logins."""

import time
from collections.abc import Iterator

from bench import machine
from bench.dialects import Chat
from bench.figures import Figure, Measured, middle, share
from bench.hosts import FLOOR, OURS, SETTINGS, Host, on_each, on_sqlite
from bench.load import ClientPool
from bench.peers import PEERS
from bench.talkers import Client, drain, take

IDLE = 5000
STORM = 20
COST = 12
"""The default cost of bcrypt; the other scenarios use a low one."""


def idle(people: int) -> Iterator[Measured]:
    """S3: resident memory per idle connection that has logged in."""

    def weigh(system: str, host: Host) -> Iterator[Figure]:
        yield Figure("S3", system, _weight(host, people) / 1000, "kB", floor=system in FLOOR)

    return on_each("S3", FLOOR | OURS | PEERS, weigh)


def _weight(host: Host, people: int) -> float:
    pool = ClientPool(host.dialect, host.port)
    try:
        pool.join([f"w{number}" for number in range(people // 10)])  # warm up the process
        before = machine.resident_bytes(host.pid)
        pool.join([f"u{number}" for number in range(people)])
        return (machine.resident_bytes(host.pid) - before) / people
    finally:
        pool.close()


def one_way(*, seconds: float, rounds: int) -> Iterator[Measured]:
    """S4: from the sender's ``send`` to the receiver's ``recv``, one message at a time."""

    def all_rounds(system: str, host: Host) -> Iterator[Figure]:
        yield middle(list(_rounds(system, host, seconds, rounds)))

    return on_each("S4", FLOOR | OURS | PEERS, all_rounds)


def _rounds(system: str, host: Host, seconds: float, rounds: int) -> Iterator[Figure]:
    pool = ClientPool(host.dialect, host.port)
    try:
        sender, receiver = pool.join(["u0", "u1"], ["room0"])
        pool.run_steps([sender], lambda client: host.dialect.friend_steps(receiver.name))
        pool.settle()
        for _ in range(rounds):
            _delays(host, sender, receiver, seconds / 4)
            delays = _delays(host, sender, receiver, seconds)
            beside = {"p99 ms": share(delays, 0.99) * 1e3}
            yield Figure("S4", system, share(delays, 0.50) * 1e6, "µs", floor=system in FLOOR, beside=beside)
    finally:
        pool.close()


def _delays(host: Host, sender: Client, receiver: Client, seconds: float) -> list[float]:
    delays, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        delays.append(
            _pass_on(sender, receiver, host.dialect.private_message(receiver.name), host.dialect.end)
        )
    return delays


def _pass_on(sender: Client, receiver: Client, line: bytes, end: bytes) -> float:
    started = time.perf_counter()
    sender.socket.sendall(line)
    received = b""
    while not received.endswith(end):
        received = take(receiver)
    taken = time.perf_counter() - started
    drain(sender)
    return taken


def login_storm() -> Iterator[Figure]:
    """Measure a ping while twenty users log in; it includes the lag of the event loop."""
    cheap = [setting for setting in SETTINGS if "bcrypt" not in setting]
    expensive = [*cheap, f"password.bcrypt_cost={COST}", "password.queue=0"]  # no login is refused
    with on_sqlite(expensive) as host:
        pool = ClientPool(Chat(), host.port)
        try:
            pool.join([f"u{number}" for number in range(STORM)])
            quiet, *_ = pool.clients
            calm = [_ping(quiet) for _ in range(200)]
            delays = _storm(pool, quiet)
        finally:
            pool.close()
    beside = {"p50 ms": share(delays, 0.5) * 1e3, "p99 ms before": share(calm, 0.99) * 1e3}
    yield Figure("login storm", "chatroom on SQLite", share(delays, 0.99) * 1e3, "ms", beside=beside)


def _storm(pool: ClientPool, quiet: Client) -> list[float]:
    """Log in twenty users at once, on new connections. Return the delays of the pings until then."""
    people = [pool.connect(f"u{number}") for number in range(STORM)]
    waiting = {client: Chat().login(client.name) for client in people}
    for client, step in waiting.items():
        client.socket.sendall(step.line)
    delays = []
    while waiting:
        delays.append(_ping(quiet))
        waiting = {
            client: step for client, step in waiting.items() if step.answer not in _received_so_far(client)
        }
    return delays


def _received_so_far(client: Client) -> bytes:
    """Return all data received so far."""
    client.rest += drain(client)
    return client.rest


def _ping(client: Client) -> float:
    started = time.perf_counter()
    client.socket.sendall(b'{"type":"ping","id":1}\n')
    received = b""
    while b'"pong"' not in received:
        received += take(client)
    return time.perf_counter() - started
