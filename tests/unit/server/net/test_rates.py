"""Rates of accounts and addresses."""

import pytest

from chatroom.server.config.settings import LimitSettings
from chatroom.server.net.rates import DAY_SECONDS, ServerRates, SharedRate

ME, MALLORY = "10.0.0.1", "10.0.0.2"


def taken(rate: SharedRate, key: int, address: str, now: float, tries: int = 1000) -> int:
    return sum(not rate.take(key, address, now) for _ in range(tries))


def test_sessions_of_one_account_share_its_rate() -> None:
    rate = SharedRate(10, 60, 1000, 1000)
    assert taken(rate, 1, ME, 5.0) == 60
    assert taken(rate, 1, MALLORY, 5.0) == 0
    assert taken(rate, 1, ME, 6.0) == 10
    assert rate.refusals == 2930


def test_accounts_of_one_address_share_its_rate_beyond_their_assured_part() -> None:
    rate = SharedRate(10, 60, 20, 100)
    assert [taken(rate, key, MALLORY, 5.0) for key in range(1, 5)] == [60, 52, 6, 6]
    assert taken(rate, 9, MALLORY, 5.0) == 6, "another user there has an assured rate"
    assert taken(rate, 8, ME, 5.0) == 60, "an account elsewhere notices nothing"
    assert taken(rate, 9, MALLORY, 6.0) == 21


def test_costly_request_takes_several_tokens() -> None:
    rate = SharedRate(10, 60, 100, 100)
    assert [bool(rate.take(1, ME, 5.0, 25)) for _ in range(3)] == [False, False, True]
    assert rate.take(1, ME, 5.0, 25) == pytest.approx(1.5)
    assert not rate.take(1, ME, 6.5, 25)
    assert not SharedRate(10, 60, 100, 100).take(1, ME, 5.0, 1e9), "the whole burst is enough"


def test_quota_of_a_day_limits_messages_and_bytes() -> None:
    rates = ServerRates(LimitSettings(messages_per_day=3, account_rate=0))
    assert [bool(rates.take_message(1, ME, 5.0, 9)) for _ in range(4)] == [False, False, False, True]
    assert not rates.take_message(2, ME, 5.0, 9)
    assert not rates.take_message(1, ME, 5.0 + DAY_SECONDS / 3, 9)
    rates = ServerRates(LimitSettings(bytes_per_day=100, account_rate=0))
    assert not rates.take_message(1, ME, 5.0, 90)
    assert rates.take_message(1, ME, 5.0, 90) == 300.0, "no client waits longer before it asks again"
    assert rates.day_refusals == 1


def test_without_a_rate_nothing_is_limited() -> None:
    rates = ServerRates(LimitSettings(rate=0))
    assert not any(rates.take_message(1, ME, 5.0, 1 << 30) for _ in range(1000))
    assert not any(rates.take_request(1, ME, 5.0, 1000) for _ in range(1000))
