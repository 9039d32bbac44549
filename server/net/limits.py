"""How much of anything one peer may have. Plain arithmetic: the time (seconds, of a clock that only goes
forward) is an argument, nothing waits, and what refuses says for how long. The counterparts are
``connection`` and the handlers.

A limit of 0 is off.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

MINUTE = 60.0

CROWDED = 60.0
"""What to tell somebody who has all the connections there are for one address: when one will close nobody
knows."""

LONGEST_PAUSE = 300.0
FORGIVEN_AFTER = 600.0
"""Wrong passwords are forgotten when for so long no more of them came."""

MOST_SEEN_OFF = 16
"""Who is refused is told why; but so many of one address at a time, since with TLS that takes a handshake."""

MOST_ENTRIES = 65_536
"""How many addresses, or accounts at addresses, are kept in mind at once; the least recent ones go first."""


class TokenBucket:
    """A token bucket: ``burst`` at once, and ``rate`` a second in the long run. Without the one or the other
    there is no limit."""

    __slots__ = ("_at", "_burst", "_is_limited", "_level", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0) if burst else 0.0
        self._is_limited = bool(rate and burst)
        self._level = self._burst
        self._at = 0.0

    def take_token(self, now: float) -> float:
        """Take one. Returns 0.0, or the whole milliseconds to wait, in seconds; then nothing was taken."""
        if not self._is_limited:
            return 0.0
        self._fill(now)
        if self._level < 1.0:
            return ceil((1.0 - self._level) / self._rate * 1000) / 1000
        self._level -= 1.0
        return 0.0

    def wait(self, now: float) -> float:
        """Seconds until there is something in it; 0.0 if there is."""
        if not self._is_limited:
            return 0.0
        self._fill(now)
        return 0.0 if self._level > 0.0 else -self._level / self._rate + 0.001

    def spend(self, amount: float, now: float) -> None:
        """Take as much, also what is not there: the rest is a debt."""
        if self._is_limited:
            self._fill(now)
            self._level -= amount

    def is_full(self, now: float) -> bool:
        self._fill(now)
        return self._level >= self._burst

    def _fill(self, now: float) -> None:
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now


class AddressBuckets:
    """A bucket for each address. Full ones are forgotten when there are many: a new one is the same."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def at(self, address: str, now: float) -> TokenBucket:
        place = address_group(address)
        bucket = self._buckets.get(place)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[place] = TokenBucket(self._rate, self._burst)
        return bucket

    def _make_room(self, now: float) -> None:
        if len(self._buckets) < MOST_ENTRIES:
            return
        self._buckets = {place: bucket for place, bucket in self._buckets.items() if not bucket.is_full(now)}
        while len(self._buckets) >= MOST_ENTRIES:
            del self._buckets[next(iter(self._buckets))]


LINE_BYTES = 2048
"""Bytes of input that cost as much as a line: about 30 microseconds of the event loop."""

READ_COST = 0.2
"""What each read from the socket costs, in lines, however little it brings."""

ASSURED_RATE = 60.0
ASSURED_BURST = 120.0
"""Lines a second, and at once, that a connection may have handled whatever its neighbours at the same address
do: a little more than ``rate`` and ``requests_rate`` allow one session by default."""


class InputBudget:
    """How much input of one connection is handled. A line costs 1, and 1 more for each ``LINE_BYTES``; it is
    paid for before it is parsed, whatever becomes of it.

    Each line is charged to the connection (``own``). The address (``shared``) pays for what exceeds the
    ``assured`` rate of the connection, so that a flood does not stop honest users behind the same NAT.
    """

    __slots__ = ("_assured", "_own", "_shared")

    def __init__(self, own: TokenBucket, shared: TokenBucket) -> None:
        self._own = own
        self._shared = shared
        self._assured = TokenBucket(ASSURED_RATE, ASSURED_BURST)

    def wait(self, now: float) -> float:
        """Seconds until the next line may be handled; 0.0 if it may be now."""
        return max(self._own.wait(now), min(self._assured.wait(now), self._shared.wait(now)))

    def is_exceeded(self, now: float) -> bool:
        """Whether the connection has used up what is assured to it, and lives on what its address has."""
        return bool(self._assured.wait(now))

    def charge_line(self, size: int, now: float) -> None:
        self._spend(1.0 + size / LINE_BYTES, now)

    def charge_read(self, now: float) -> None:
        self._spend(READ_COST, now)

    def _spend(self, cost: float, now: float) -> None:
        self._own.spend(cost, now)
        (self._shared if self._assured.wait(now) else self._assured).spend(cost, now)


class InputBudgets:
    """Makes the budgets of connections; those of one address share a bucket."""

    def __init__(self, rate: float, burst: float, address_rate: float, address_burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._shared = AddressBuckets(address_rate, address_burst)
        self._is_limited = bool((rate and burst) or (address_rate and address_burst))

    def open(self, address: str, now: float) -> InputBudget | None:
        """The budget of a new connection; ``None`` where there is no limit."""
        if not self._is_limited:
            return None
        return InputBudget(TokenBucket(self._rate, self._burst), self._shared.at(address, now))


@dataclass(slots=True)
class _AddressUsage:
    since: float  # when the minute began that ``new`` counts in
    new: int = 0
    open: int = 0
    seen_off: int = 0  # of those who were refused, how many are being told so


class Doorkeeper:
    """Connections per address: how many at once, and how many new ones in a minute.

    An IPv6 address stands for its /64, which is what one household or one host is given.
    """

    def __init__(self, at_once: int, per_minute: int) -> None:
        self._at_once = at_once
        self._per_minute = per_minute
        self._visitors: dict[str, _AddressUsage] = {}

    def admit_connection(self, address: str, now: float) -> float | None:
        """Count a new connection in. Returns ``None``, or how long to stay away; then it is not counted."""
        visitor = self._usage_of(address_group(address), now)
        if self._at_once and visitor.open >= self._at_once:
            return CROWDED
        if self._per_minute and visitor.new >= self._per_minute:
            return visitor.since + MINUTE - now
        visitor.open += 1
        visitor.new += 1
        return None

    def release_connection(self, address: str) -> None:
        """Count out a connection that was admitted."""
        self._visitors[address_group(address)].open -= 1

    def may_send_refusal(self, address: str) -> bool:
        """Whether there is the time to tell a refused one why. If so, it is counted until
        ``refusal_sent``."""
        visitor = self._visitors[address_group(address)]
        if visitor.seen_off >= MOST_SEEN_OFF:
            return False
        visitor.seen_off += 1
        return True

    def refusal_sent(self, address: str) -> None:
        """A refused one has gone."""
        self._visitors[address_group(address)].seen_off -= 1

    def _usage_of(self, place: str, now: float) -> _AddressUsage:
        visitor = self._visitors.get(place)
        if visitor is None:
            self._make_room(now)
            visitor = self._visitors[place] = _AddressUsage(since=now)
        elif now - visitor.since >= MINUTE:
            visitor.since, visitor.new = now, 0
        return visitor

    def _make_room(self, now: float) -> None:
        """Forget who is gone for a minute, when there are many; and if that is not enough, whoever is
        gone."""
        for patience in (MINUTE, 0.0):
            if len(self._visitors) < MOST_ENTRIES:
                return
            self._visitors = {
                place: visitor
                for place, visitor in self._visitors.items()
                if visitor.open or visitor.seen_off or now - visitor.since < patience
            }


def address_group(address: str) -> str:
    """What counts as one address: IPv4 as it is (in IPv6's clothes too), of IPv6 the /64.

    Whoever hung up before we looked has no address any more (``""``); they all count as one.
    """
    if not address:
        return address
    host = ip_address(address.partition("%")[0])
    if not isinstance(host, IPv6Address):
        return str(host)
    return str(host.ipv4_mapped or ip_network((host, 64), strict=False))


@dataclass(slots=True)
class _AttemptRecord:
    since: float  # when the minute began that ``wrong`` counts in
    wrong: int = 0
    latest: float = 0.0
    pause: float = 0.0  # the last wait imposed
    until: float = 0.0  # when it ends


class PasswordAttempts:
    """Wrong passwords for one account from one address: ``limit`` in a minute, then a wait, doubling up to
    five minutes.

    Ask ``wait_time`` before a password is looked at, and once more before its verdict is told: whoever tries
    many
    at once must not learn more than whoever tries them one by one. In a wait the right password is refused
    too, but only at this address: the owner elsewhere still gets in. An account is named by its key, whether
    or not it exists.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._records: dict[tuple[bytes, str], _AttemptRecord] = {}

    def wait_time(self, account: bytes, address: str, now: float) -> float:
        """How long to wait before the next attempt; 0.0 when it may be made."""
        record = self._records.get((account, address_group(address)))
        return max(0.0, record.until - now) if record else 0.0

    def attempt_failed(self, account: bytes, address: str, now: float) -> None:
        """The password was wrong."""
        if not self._limit:
            return
        record = self._record_of((account, address_group(address)), now)
        record.latest = now
        record.wrong += 1
        if record.wrong >= self._limit or record.pause:
            record.pause = min(record.pause * 2 or MINUTE, LONGEST_PAUSE)
            record.until = now + record.pause

    def attempt_succeeded(self, account: bytes, address: str) -> None:
        """The password was right; all is forgiven."""
        self._records.pop((account, address_group(address)), None)

    def _record_of(self, place: tuple[bytes, str], now: float) -> _AttemptRecord:
        """The record of a place, which from now on is the most recent one."""
        record = self._records.pop(place, None)
        if record is None or now - max(record.latest, record.until) >= FORGIVEN_AFTER:
            record = _AttemptRecord(since=now)
        elif now - record.since >= MINUTE:
            record.since, record.wrong = now, 0
        while len(self._records) >= MOST_ENTRIES:
            del self._records[next(iter(self._records))]
        self._records[place] = record
        return record
