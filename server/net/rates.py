"""Rates of accounts and addresses, over all of their sessions. ``limits`` has those of one connection.

A request is charged to its account. What an account uses beyond a small assured rate is charged to its
address too. So a user with many accounts or sessions does not occupy the server, and others behind the same
address can still work. Before login, a connection is charged like an account.
"""

import time
from typing import Protocol

from chatroom.protocol.errors import RateLimited
from chatroom.server.config.settings import LimitSettings
from chatroom.server.net.limits import AddressBuckets, KeyedBuckets, TokenBucket

MAX_RETRY_SECONDS = 300.0
"""Longest ``retry_after``, also if a quota of a day is used up."""

ASSURED_SHARE = 0.1
"""Part of an account's rate and burst that is not charged to its address."""

DAY_SECONDS = 86_400.0


class SharedRate:
    """A rate of each account and each address. ``key`` stands for an account."""

    def __init__(self, rate: float, burst: float, address_rate: float, address_burst: float) -> None:
        self._own = KeyedBuckets[int](rate, burst)
        self._assured = KeyedBuckets[int](rate * ASSURED_SHARE, burst * ASSURED_SHARE)
        self._shared = AddressBuckets(address_rate, address_burst)
        self.refusals = 0

    def take(self, key: int, address: str, now: float, cost: float = 1.0) -> float:
        """Charge a request and return 0.0; or charge nothing and return the seconds to wait."""
        own, assured = self._own.at(key, now), self._assured.at(key, now)
        wait = own.wait_for(cost, now)
        if not wait and assured.wait_for(cost, now):
            assured = self._shared.at(address, now)
            wait = assured.wait_for(cost, now)
        if wait:
            self.refusals += 1
            return wait
        own.spend(cost, now)
        assured.spend(cost, now)
        return 0.0


class ServerRates:
    """The rates of all accounts and addresses. Without ``limits.rate`` nothing is limited."""

    def __init__(self, limits: LimitSettings) -> None:
        self.apply_limits(limits)

    def apply_limits(self, limits: LimitSettings) -> None:
        """Begin to count anew, with other limits."""
        self._is_limited = bool(limits.rate)
        self.requests = SharedRate(
            limits.account_requests_rate,
            limits.account_requests_burst,
            limits.address_requests_rate,
            limits.address_requests_burst,
        )
        self.messages = SharedRate(
            limits.account_rate, limits.account_burst, limits.address_rate, limits.address_burst
        )
        self._day_messages = KeyedBuckets[int](limits.messages_per_day / DAY_SECONDS, limits.messages_per_day)
        self._day_bytes = KeyedBuckets[int](limits.bytes_per_day / DAY_SECONDS, limits.bytes_per_day)
        self.day_refusals = 0

    def take_request(self, key: int, address: str, now: float, cost: float) -> float:
        """Charge a request. Returns the seconds to wait, or 0.0."""
        return self.requests.take(key, address, now, cost) if self._is_limited else 0.0

    def take_message(self, account_id: int, address: str, now: float, size: int) -> float:
        """Charge a message of ``size`` bytes. Returns the seconds to wait, or 0.0."""
        if not self._is_limited:
            return 0.0
        messages, data = self._day_messages.at(account_id, now), self._day_bytes.at(account_id, now)
        wait = max(messages.wait_for(1.0, now), data.wait_for(size, now))
        if wait:
            self.day_refusals += 1
            return min(wait, MAX_RETRY_SECONDS)
        if wait := self.messages.take(account_id, address, now):
            return wait
        messages.spend(1.0, now)
        data.spend(size, now)
        return 0.0


class Charged(Protocol):
    """A session that is charged for its requests."""

    address: str

    @property
    def charged_key(self) -> int: ...


class SessionRates:
    """The rates of one session for requests other than messages, and those of its account and address."""

    def __init__(self, limits: LimitSettings, rates: ServerRates, session: Charged) -> None:
        self._rates = rates
        self._session = session
        self._requests = TokenBucket(limits.requests_rate if limits.rate else 0, limits.requests_burst)
        self._exports = TokenBucket(limits.export_rate if limits.rate else 0, limits.export_burst)

    def check_request(self, cost: float, *, is_export: bool) -> None:
        """Charge a request. Raises ``RateLimited``."""
        if wait := self._take(self._exports if is_export else self._requests, cost):
            raise RateLimited(retry_after=round(wait, 3))

    def take_request(self, cost: float) -> float:
        """Charge a request. Returns the seconds to wait, or 0.0."""
        return self._take(self._requests, cost)

    def take_line(self) -> float:
        """Charge a line that is no request, to the session alone. Returns the seconds to wait, or 0.0."""
        return self._requests.take_token(time.monotonic())

    def _take(self, bucket: TokenBucket, cost: float) -> float:
        now, session = time.monotonic(), self._session
        return bucket.take_token(now) or self._rates.take_request(
            session.charged_key, session.address, now, cost
        )
