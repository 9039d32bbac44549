"""Rate limits and quotas per connection, address and account.

All functions are pure arithmetic: the time (monotonic seconds) is an argument, nothing waits, and a refusal
returns the seconds to wait. A limit of 0 is off.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Generic, TypeVar

MINUTE = 60.0

UNIX_PEER = "unix"
"""Begins the address of a peer on a Unix socket: ``unix:1000``, with the number of its user."""

RETRY_WHEN_FULL = 60.0
"""``retry_after`` in seconds for an address with too many open connections; when one closes is unknown."""

MAX_PAUSE = 300.0
"""Maximum seconds of the wait after wrong passwords."""

FORGET_AFTER = 600.0
"""Seconds without a wrong password after which earlier ones are forgotten."""

MAX_REFUSALS = 16
"""Refusals sent at the same time to one address; more are just closed, because TLS costs a handshake each."""

MAX_ENTRIES = 65_536
"""Maximum number of addresses, or of accounts at addresses; the least recent are dropped first."""


class TokenBucket:
    """A token bucket: ``burst`` tokens at once, and ``rate`` per second. If either is 0 there is no limit."""

    __slots__ = ("_at", "_burst", "_is_limited", "_level", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0) if burst else 0.0
        self._is_limited = bool(rate and burst)
        self._level = self._burst
        self._at = 0.0

    def take_token(self, now: float) -> float:
        """Take a token and return 0.0; or take none and return the seconds to wait, rounded up to
        milliseconds."""
        if not self._is_limited:
            return 0.0
        self._fill(now)
        if self._level < 1.0:
            return ceil((1.0 - self._level) / self._rate * 1000) / 1000
        self._level -= 1.0
        return 0.0

    def wait_for(self, cost: float, now: float) -> float:
        """Return the seconds until ``cost`` tokens, or the whole burst, are there; 0.0 if they are."""
        if not self._is_limited:
            return 0.0
        self._fill(now)
        missing = min(cost, self._burst) - self._level
        return 0.0 if missing <= 0.0 else ceil(missing / self._rate * 1000) / 1000

    def wait(self, now: float) -> float:
        """Return the seconds until the bucket is not empty; 0.0 if it is not."""
        if not self._is_limited:
            return 0.0
        self._fill(now)
        return 0.0 if self._level > 0.0 else -self._level / self._rate + 0.001

    def spend(self, amount: float, now: float) -> None:
        """Take ``amount`` tokens, even if there are fewer: the level may become negative."""
        if self._is_limited:
            self._fill(now)
            self._level -= amount

    def is_full(self, now: float) -> bool:
        self._fill(now)
        return self._level >= self._burst

    def _fill(self, now: float) -> None:
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now


Key = TypeVar("Key", str, int)


class KeyedBuckets(Generic[Key]):
    """A bucket for each key. If there are many, full buckets are dropped: a new one is equal."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[Key, TokenBucket] = {}

    def at(self, key: Key, now: float) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst)
        return bucket

    def _make_room(self, now: float) -> None:
        if len(self._buckets) < MAX_ENTRIES:
            return
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.is_full(now)}
        while len(self._buckets) >= MAX_ENTRIES:
            del self._buckets[next(iter(self._buckets))]


class AddressBuckets:
    """A bucket for each address."""

    def __init__(self, rate: float, burst: float) -> None:
        self._buckets = KeyedBuckets[str](rate, burst)

    def at(self, address: str, now: float) -> TokenBucket:
        return self._buckets.at(address_group(address), now)


LINE_BYTES = 2048
"""Bytes of input that cost as much as a line: about 30 µs of the event loop."""

READ_COST = 0.2
"""Cost of each read from the socket, in lines, whatever its size."""

ASSURED_RATE = 60.0
ASSURED_BURST = 120.0
"""Lines per second, and in a burst, that a connection always has, whatever other connections of its address
send: a little more than the default ``rate`` and ``requests_rate`` of one session."""


class InputBudget:
    """The input budget of one connection. A line costs 1, and 1 more for each ``LINE_BYTES``. It is charged
    before it is parsed, whether it is valid or not.

    Each line is charged to the connection (``own``). What exceeds the ``assured`` rate of the connection is
    also charged to its address (``shared``), so a flood does not stop other users behind the same NAT.
    """

    __slots__ = ("_assured", "_own", "_shared")

    def __init__(self, own: TokenBucket, shared: TokenBucket) -> None:
        self._own = own
        self._shared = shared
        self._assured = TokenBucket(ASSURED_RATE, ASSURED_BURST)

    def wait(self, now: float) -> float:
        """Return the seconds until the next line may be handled; 0.0 if it may be handled now."""
        return max(self._own.wait(now), min(self._assured.wait(now), self._shared.wait(now)))

    def is_exceeded(self, now: float) -> bool:
        """Whether the connection has used up its assured rate and draws on the budget of its address."""
        return bool(self._assured.wait(now))

    def charge_line(self, size: int, now: float) -> None:
        self._spend(1.0 + size / LINE_BYTES, now)

    def charge_read(self, now: float) -> None:
        self._spend(READ_COST, now)

    def _spend(self, cost: float, now: float) -> None:
        self._own.spend(cost, now)
        (self._shared if self._assured.wait(now) else self._assured).spend(cost, now)


class InputBudgets:
    """Creates the budgets of connections. The connections of one address share a bucket."""

    def __init__(self, rate: float, burst: float, address_rate: float, address_burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._shared = AddressBuckets(address_rate, address_burst)
        self._is_limited = bool((rate and burst) or (address_rate and address_burst))

    def open(self, address: str, now: float) -> InputBudget | None:
        """Return the budget of a new connection; ``None`` if input is not limited."""
        if not self._is_limited:
            return None
        return InputBudget(TokenBucket(self._rate, self._burst), self._shared.at(address, now))


@dataclass(slots=True)
class _AddressUsage:
    since: float  # start of the minute that ``new`` counts
    new: int = 0
    open: int = 0
    refusals: int = 0  # refusals that are being sent


class Doorkeeper:
    """Limits the connections per address: how many at once, and how many new ones per minute.

    An IPv6 address counts by its /64, the network that one household or host is assigned.
    """

    def __init__(self, at_once: int, per_minute: int) -> None:
        self._at_once = at_once
        self._per_minute = per_minute
        self._usages: dict[str, _AddressUsage] = {}

    def set_limits(self, at_once: int, per_minute: int) -> None:
        self._at_once = at_once
        self._per_minute = per_minute

    def admit_connection(self, address: str, now: float) -> float | None:
        """Count a new connection and return ``None``; or return the seconds to wait, and do not count it."""
        usage = self._usage_of(address_group(address), now)
        if self._at_once and usage.open >= self._at_once:
            return RETRY_WHEN_FULL
        if self._per_minute and usage.new >= self._per_minute:
            return usage.since + MINUTE - now
        usage.open += 1
        usage.new += 1
        return None

    def release_connection(self, address: str) -> None:
        """Uncount a connection that was admitted."""
        self._usages[address_group(address)].open -= 1

    def may_send_refusal(self, address: str) -> bool:
        """Whether a refusal may be sent. If so, it is counted until ``refusal_sent``."""
        usage = self._usages[address_group(address)]
        if usage.refusals >= MAX_REFUSALS:
            return False
        usage.refusals += 1
        return True

    def refusal_sent(self, address: str) -> None:
        """Uncount a refusal that was sent."""
        self._usages[address_group(address)].refusals -= 1

    def _usage_of(self, place: str, now: float) -> _AddressUsage:
        usage = self._usages.get(place)
        if usage is None:
            self._make_room(now)
            usage = self._usages[place] = _AddressUsage(since=now)
        elif now - usage.since >= MINUTE:
            usage.since, usage.new = now, 0
        return usage

    def _make_room(self, now: float) -> None:
        """If there are too many entries, drop those unused for a minute; if that is not enough, all unused
        ones."""
        for min_age in (MINUTE, 0.0):
            if len(self._usages) < MAX_ENTRIES:
                return
            self._usages = {
                place: usage
                for place, usage in self._usages.items()
                if usage.open or usage.refusals or now - usage.since < min_age
            }


def address_group(address: str) -> str:
    """Return what counts as one address: an IPv4 address itself (IPv4-mapped too), for IPv6 the /64.

    A connection that closed early has no address any more (``""``); all of those count as one.
    """
    if not address or address.startswith(UNIX_PEER):
        return address
    host = ip_address(address.partition("%")[0])
    if not isinstance(host, IPv6Address):
        return str(host)
    return str(host.ipv4_mapped or ip_network((host, 64), strict=False))


@dataclass(slots=True)
class _AttemptRecord:
    since: float  # start of the minute that ``wrong`` counts
    wrong: int = 0
    latest: float = 0.0
    pause: float = 0.0  # the last wait imposed
    until: float = 0.0  # end of that wait


class PasswordAttempts:
    """Wrong passwords for one account from one address: ``limit`` per minute, then a wait that doubles up to
    five minutes.

    Call ``wait_time`` before a password is checked and again before the result is sent, so that parallel
    guesses learn no more than sequential ones. During a wait the right password is refused too, but only from
    this address: the owner can still log in from another one. An account is given by its key, whether it
    exists or not.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._records: dict[tuple[bytes, str], _AttemptRecord] = {}
        self.share: Callable[[bytes, str, bool], None] = lambda account, address, failed: None

    def wait_time(self, account: bytes, address: str, now: float) -> float:
        """Return the seconds until the next attempt is allowed; 0.0 if it is allowed now."""
        record = self._records.get((account, address_group(address)))
        return max(0.0, record.until - now) if record else 0.0

    def attempt_failed(self, account: bytes, address: str, now: float, *, elsewhere: bool = False) -> None:
        """Count a wrong password, of another server process if ``elsewhere``."""
        if not self.limit:
            return
        if not elsewhere:
            self.share(account, address, True)
        record = self._record_of((account, address_group(address)), now)
        record.latest = now
        record.wrong += 1
        if record.wrong >= self.limit or record.pause:
            record.pause = min(record.pause * 2 or MINUTE, MAX_PAUSE)
            record.until = now + record.pause

    def attempt_succeeded(self, account: bytes, address: str, *, elsewhere: bool = False) -> None:
        """Forget the wrong passwords after a right one."""
        known = self._records.pop((account, address_group(address)), None)
        if known is not None and not elsewhere:
            self.share(account, address, False)

    def _record_of(self, key: tuple[bytes, str], now: float) -> _AttemptRecord:
        """Return the record of a key, and make it the most recent one."""
        record = self._records.pop(key, None)
        if record is None or now - max(record.latest, record.until) >= FORGET_AFTER:
            record = _AttemptRecord(since=now)
        elif now - record.since >= MINUTE:
            record.since, record.wrong = now, 0
        while len(self._records) >= MAX_ENTRIES:
            del self._records[next(iter(self._records))]
        self._records[key] = record
        return record
