"""Limits, minute by minute, without waiting for any of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import limits
from server.limits import CROWDED, FORGIVEN_AFTER, LONGEST_PAUSE, Attempts, Bucket, Doorkeeper, neighbourhood

START = 1000.0
"""Some time on the clock; nothing may depend on which."""

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
ALICE, BOB = b"alice", b"bob"


# Bucket


def test_a_burst_goes_through_and_then_the_rate_holds() -> None:
    bucket = Bucket(rate=5, burst=20)
    assert [bucket.take(START) for _ in range(20)] == [0.0] * 20
    assert bucket.take(START) == pytest.approx(0.2)
    assert bucket.take(START + 0.1) == pytest.approx(0.1)
    assert bucket.take(START + 0.2) == 0.0
    assert bucket.take(START + 0.2) > 0.0


def test_whoever_waits_as_told_is_let_through() -> None:
    bucket, now = Bucket(rate=3, burst=1), START
    for _ in range(100):
        assert bucket.take(now) == 0.0
        now += bucket.take(now) + 1e-6


def test_nobody_is_told_to_wait_for_no_time_at_all() -> None:
    bucket = Bucket(rate=50, burst=1)
    bucket.take(START)
    assert bucket.take(START + 0.0199999) == 0.001


def test_a_long_silence_saves_up_no_more_than_a_burst() -> None:
    bucket = Bucket(rate=5, burst=2)
    assert [bucket.take(START + 3600) > 0 for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(("rate", "burst"), [(0, 20), (5, 0), (0, 0)])
def test_a_rate_or_a_burst_of_0_is_no_limit(rate: float, burst: float) -> None:
    bucket = Bucket(rate, burst)
    assert not any(bucket.take(START) for _ in range(1000))


@given(st.lists(st.floats(0, 10), max_size=200))
def test_no_pattern_gets_more_than_the_rate_and_a_burst(pauses: list[float]) -> None:
    bucket, now, taken = Bucket(rate=5, burst=20), START, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now) == 0.0
    assert taken <= 20 + 5 * (now - START) + 1e-6


# Doorkeeper


def test_only_so_many_at_once_from_one_address() -> None:
    door = Doorkeeper(at_once=2, per_minute=0)
    assert door.admit(HERE, START) is None
    assert door.admit(HERE, START) is None
    assert door.admit(HERE, START) == CROWDED
    assert door.admit(ELSEWHERE, START) is None
    door.release(HERE)
    assert door.admit(HERE, START) is None


def test_only_so_many_new_ones_in_a_minute_also_when_they_have_gone() -> None:
    door = Doorkeeper(at_once=0, per_minute=3)
    for second in range(3):
        assert door.admit(HERE, START + second) is None
        door.release(HERE)
    assert door.admit(HERE, START + 10) == pytest.approx(50)
    assert door.admit(HERE, START + 60) is None


def test_whoever_was_refused_is_not_counted() -> None:
    door = Doorkeeper(at_once=1, per_minute=2)
    assert door.admit(HERE, START) is None
    for _ in range(5):
        assert door.admit(HERE, START) == CROWDED
    door.release(HERE)
    assert door.admit(HERE, START) is None


def test_without_limits_everybody_comes_in() -> None:
    door = Doorkeeper(at_once=0, per_minute=0)
    assert all(door.admit(HERE, START) is None for _ in range(1000))


def test_the_door_forgets_who_is_gone_but_never_who_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_ENTRIES", 4)
    door = Doorkeeper(at_once=1, per_minute=0)
    assert door.admit(HERE, START) is None
    for number in range(100):
        passer_by = f"198.51.100.{number}"
        assert door.admit(passer_by, START) is None
        door.release(passer_by)
    assert len(door._visitors) <= 4
    assert door.admit(HERE, START + 3600) == CROWDED


@pytest.mark.parametrize(
    ("one", "other", "same"),
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
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) is same


# Attempts


def wrong(attempts: Attempts, times: int, now: float, address: str = HERE) -> None:
    for _ in range(times):
        attempts.failed(ALICE, address, now)


def test_four_wrong_passwords_are_nothing_and_the_fifth_means_a_wait() -> None:
    attempts = Attempts(5)
    wrong(attempts, 4, START)
    assert attempts.wait(ALICE, HERE, START) == 0.0
    wrong(attempts, 1, START)
    assert attempts.wait(ALICE, HERE, START) == 60.0
    assert attempts.wait(ALICE, HERE, START + 59) == 1.0
    assert attempts.wait(ALICE, HERE, START + 60) == 0.0


def test_the_owner_elsewhere_and_everybody_else_here_still_get_in() -> None:
    attempts = Attempts(5)
    wrong(attempts, 5, START)
    assert attempts.wait(ALICE, ELSEWHERE, START) == 0.0
    assert attempts.wait(BOB, HERE, START) == 0.0


def test_each_further_wrong_one_doubles_the_wait_up_to_five_minutes() -> None:
    attempts, now, waits = Attempts(5), START, []
    wrong(attempts, 5, now)
    for _ in range(5):
        waits.append(attempts.wait(ALICE, HERE, now))
        now += waits[-1]
        wrong(attempts, 1, now)
    assert waits == [60.0, 120.0, 240.0, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_slip_now_and_then_is_never_punished() -> None:
    attempts = Attempts(5)
    for minute in range(100):
        wrong(attempts, 4, START + 60 * minute)
        assert attempts.wait(ALICE, HERE, START + 60 * minute) == 0.0


def test_the_right_password_forgives_all() -> None:
    attempts = Attempts(5)
    wrong(attempts, 5, START)
    attempts.succeeded(ALICE, HERE)
    wrong(attempts, 4, START + 60)
    assert attempts.wait(ALICE, HERE, START + 60) == 0.0


def test_and_so_does_time() -> None:
    attempts = Attempts(5)
    wrong(attempts, 5, START)
    now = START + 60 + FORGIVEN_AFTER
    wrong(attempts, 4, now)
    assert attempts.wait(ALICE, HERE, now) == 0.0


def test_a_limit_of_0_is_none() -> None:
    attempts = Attempts(0)
    wrong(attempts, 1000, START)
    assert attempts.wait(ALICE, HERE, START) == 0.0


def test_many_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_ENTRIES", 10)
    attempts = Attempts(5)
    for number in range(100):
        attempts.failed(str(number).encode(), HERE, START)
    wrong(attempts, 5, START)
    assert len(attempts._records) == 10
    assert attempts.wait(ALICE, HERE, START) == 60.0
