"""Rate limits and quotas with a simulated clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.server.net import limits
from chatroom.server.net.limits import (
    FORGET_AFTER,
    LINE_BYTES,
    MAX_PAUSE,
    RETRY_WHEN_FULL,
    AddressBuckets,
    Doorkeeper,
    InputBudget,
    InputBudgets,
    PasswordAttempts,
    TokenBucket,
    address_group,
)

START = 1000.0
"""An arbitrary start time."""

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
ALICE, BOB = b"alice", b"bob"


# Bucket


def test_burst_is_allowed_and_then_the_rate_applies() -> None:
    bucket = TokenBucket(rate=5, burst=20)
    assert [bucket.take_token(START) for _ in range(20)] == [0.0] * 20
    assert bucket.take_token(START) == pytest.approx(0.2)
    assert bucket.take_token(START + 0.1) == pytest.approx(0.1)
    assert bucket.take_token(START + 0.2) == 0.0
    assert bucket.take_token(START + 0.2) > 0.0


def test_take_after_the_returned_wait_succeeds() -> None:
    bucket, now = TokenBucket(rate=3, burst=1), START
    for _ in range(100):
        assert bucket.take_token(now) == 0.0
        now += bucket.take_token(now) + 1e-6


def test_refusal_always_has_a_positive_wait() -> None:
    bucket = TokenBucket(rate=50, burst=1)
    bucket.take_token(START)
    assert bucket.take_token(START + 0.0199999) == 0.001


def test_idle_bucket_holds_at_most_a_burst() -> None:
    bucket = TokenBucket(rate=5, burst=2)
    assert [bucket.take_token(START + 3600) > 0 for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(("rate", "burst"), [(0, 20), (5, 0), (0, 0)])
def test_rate_or_burst_of_0_is_unlimited(rate: float, burst: float) -> None:
    bucket = TokenBucket(rate, burst)
    assert not any(bucket.take_token(START) for _ in range(1000))


@given(st.lists(st.floats(0, 10), max_size=200))
def test_any_pattern_gets_at_most_the_rate_and_a_burst(pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate=5, burst=20), START, 0
    for pause in pauses:
        now += pause
        taken += bucket.take_token(now) == 0.0
    assert taken <= 20 + 5 * (now - START) + 1e-6


def test_negative_level_requires_a_wait() -> None:
    bucket = TokenBucket(rate=10, burst=5)
    assert bucket.wait(START) == 0.0
    bucket.spend(15, START)
    assert bucket.wait(START) == pytest.approx(1.0, abs=0.002)
    assert bucket.wait(START + 0.9) > 0.0
    assert bucket.wait(START + bucket.wait(START + 0.9) + 0.9) == 0.0


# Input


def handled(budgets: list[InputBudget], seconds: int, size: int = 20) -> list[int]:
    """Return how many lines the server handles for each of several connections that send at full speed."""
    counts = [0] * len(budgets)
    for step in range(seconds * 100):
        now = START + step / 100
        for place, budget in enumerate(budgets):
            while not budget.wait(now):
                budget.charge_line(size, now)
                counts[place] += 1
    return counts


def opened(count: int, address: str = HERE, budgets: InputBudgets | None = None) -> list[InputBudget]:
    budgets = budgets or InputBudgets(500, 1000, 2000, 8000)
    results = [budgets.open(address, START) for _ in range(count)]
    return [budget for budget in results if budget is not None]


def test_connection_has_its_own_line_rate() -> None:
    [count] = handled(opened(1), seconds=10)
    assert count == pytest.approx(1000 + 10 * 500, rel=0.02)


def test_connections_share_the_rate_of_their_address() -> None:
    counts = handled(opened(60), seconds=10)
    assert sum(counts) == pytest.approx(8000 + 10 * 2000 + 60 * (120 + 10 * 60), rel=0.02)


def test_flood_does_not_reduce_the_assured_rate_of_the_same_address() -> None:
    budgets = InputBudgets(500, 1000, 2000, 8000)
    flood, [honest] = opened(60, budgets=budgets), opened(1, budgets=budgets)
    for second in range(10):
        handled(flood, seconds=1)
        for line in range(55):
            now = START + second + line / 55
            assert honest.wait(now) == 0.0
            honest.charge_line(200, now)


def test_long_line_costs_as_much_as_many_short_lines() -> None:
    [count] = handled(opened(1), seconds=10, size=65536)
    assert count == pytest.approx(6000 / 33, rel=0.03)


def test_reads_without_a_line_cost_something() -> None:
    [budget] = opened(1)
    reads = 0
    while not budget.wait(START):
        budget.charge_read(START)
        reads += 1
    assert reads == pytest.approx(5 * 1000, rel=0.01)


def test_input_is_unlimited_without_both_rates() -> None:
    assert opened(1, budgets=InputBudgets(0, 1000, 0, 8000)) == []
    [budget] = opened(1, budgets=InputBudgets(0, 0, 2000, 8000))
    budget.charge_line(9000 * LINE_BYTES, START)
    assert budget.wait(START) == 0.0
    budget.charge_line(9000 * LINE_BYTES, START)
    assert budget.wait(START) > 0.0


def test_only_full_address_buckets_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_ENTRIES", 4)
    buckets = AddressBuckets(1, 10)
    buckets.at(HERE, START).spend(100, START)
    for number in range(100):
        buckets.at(f"198.51.100.{number}", START)
    assert buckets.at(HERE, START).wait(START) > 0.0
    assert len(buckets._buckets._buckets) <= 4


# Doorkeeper


def test_open_connections_per_address_are_limited() -> None:
    door = Doorkeeper(at_once=2, per_minute=0)
    assert door.admit_connection(HERE, START) is None
    assert door.admit_connection(HERE, START) is None
    assert door.admit_connection(HERE, START) == RETRY_WHEN_FULL
    assert door.admit_connection(ELSEWHERE, START) is None
    door.release_connection(HERE)
    assert door.admit_connection(HERE, START) is None


def test_new_connections_per_minute_are_limited_even_if_closed() -> None:
    door = Doorkeeper(at_once=0, per_minute=3)
    for second in range(3):
        assert door.admit_connection(HERE, START + second) is None
        door.release_connection(HERE)
    assert door.admit_connection(HERE, START + 10) == pytest.approx(50)
    assert door.admit_connection(HERE, START + 60) is None


def test_refused_connection_is_not_counted() -> None:
    door = Doorkeeper(at_once=1, per_minute=2)
    assert door.admit_connection(HERE, START) is None
    for _ in range(5):
        assert door.admit_connection(HERE, START) == RETRY_WHEN_FULL
    door.release_connection(HERE)
    assert door.admit_connection(HERE, START) is None


def test_connections_without_limits_are_admitted() -> None:
    door = Doorkeeper(at_once=0, per_minute=0)
    assert all(door.admit_connection(HERE, START) is None for _ in range(1000))


def test_doorkeeper_drops_unused_addresses_and_keeps_open_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ENTRIES", 4)
    door = Doorkeeper(at_once=1, per_minute=0)
    assert door.admit_connection(HERE, START) is None
    for number in range(100):
        passer_by = f"198.51.100.{number}"
        assert door.admit_connection(passer_by, START) is None
        door.release_connection(passer_by)
    assert len(door._usages) <= 4
    assert door.admit_connection(HERE, START + 3600) == RETRY_WHEN_FULL


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("", "", True),
    ],
)
def test_address_group_is_ipv4_address_or_ipv6_network(address: str, other: str, same: bool) -> None:
    assert (address_group(address) == address_group(other)) is same


# Attempts


def wrong(attempts: PasswordAttempts, times: int, now: float, address: str = HERE) -> None:
    for _ in range(times):
        attempts.attempt_failed(ALICE, address, now)


def test_fifth_wrong_password_causes_a_wait() -> None:
    attempts = PasswordAttempts(5)
    wrong(attempts, 4, START)
    assert attempts.wait_time(ALICE, HERE, START) == 0.0
    wrong(attempts, 1, START)
    assert attempts.wait_time(ALICE, HERE, START) == 60.0
    assert attempts.wait_time(ALICE, HERE, START + 59) == 1.0
    assert attempts.wait_time(ALICE, HERE, START + 60) == 0.0


def test_wait_affects_only_one_account_at_one_address() -> None:
    attempts = PasswordAttempts(5)
    wrong(attempts, 5, START)
    assert attempts.wait_time(ALICE, ELSEWHERE, START) == 0.0
    assert attempts.wait_time(BOB, HERE, START) == 0.0


def test_further_wrong_passwords_double_the_wait_up_to_five_minutes() -> None:
    attempts, now, waits = PasswordAttempts(5), START, []
    wrong(attempts, 5, now)
    for _ in range(5):
        waits.append(attempts.wait_time(ALICE, HERE, now))
        now += waits[-1]
        wrong(attempts, 1, now)
    assert waits == [60.0, 120.0, 240.0, MAX_PAUSE, MAX_PAUSE]


def test_occasional_wrong_password_causes_no_wait() -> None:
    attempts = PasswordAttempts(5)
    for minute in range(100):
        wrong(attempts, 4, START + 60 * minute)
        assert attempts.wait_time(ALICE, HERE, START + 60 * minute) == 0.0


def test_right_password_resets_the_attempts() -> None:
    attempts = PasswordAttempts(5)
    wrong(attempts, 5, START)
    attempts.attempt_succeeded(ALICE, HERE)
    wrong(attempts, 4, START + 60)
    assert attempts.wait_time(ALICE, HERE, START + 60) == 0.0


def test_attempts_are_forgotten_after_some_time() -> None:
    attempts = PasswordAttempts(5)
    wrong(attempts, 5, START)
    now = START + 60 + FORGET_AFTER
    wrong(attempts, 4, now)
    assert attempts.wait_time(ALICE, HERE, now) == 0.0


def test_limit_of_0_is_off() -> None:
    attempts = PasswordAttempts(0)
    wrong(attempts, 1000, START)
    assert attempts.wait_time(ALICE, HERE, START) == 0.0


def test_attempt_records_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ENTRIES", 10)
    attempts = PasswordAttempts(5)
    for number in range(100):
        attempts.attempt_failed(str(number).encode(), HERE, START)
    wrong(attempts, 5, START)
    assert len(attempts._records) == 10
    assert attempts.wait_time(ALICE, HERE, START) == 60.0
