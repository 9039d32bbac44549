"""The cautious clock: a large step ahead is accepted after it has lasted."""

import logging

import pytest

from chatroom.db.clock import MAX_TRUSTED_STEP_SECONDS, STEP_CONFIRM_SECONDS, CautiousClock

DAY = 86_400.0


class Machine:
    def __init__(self) -> None:
        self.wall, self.elapsed = 1_000_000.0, 5.0
        self.clock = CautiousClock(lambda: self.wall, lambda: self.elapsed)

    def advance(self, seconds: float, *, step: float = 0.0) -> float:
        """Advance the time, and in addition set the clock ahead. Returns the time in seconds."""
        self.elapsed += seconds
        self.wall += seconds + step
        return self.clock.now() / 1000


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_steady_clock_is_followed(machine: Machine) -> None:
    assert machine.advance(1.5) == 1_000_001.5
    assert machine.advance(400 * DAY) == 1_000_001.5 + 400 * DAY


def test_small_step_ahead_is_followed_at_once(machine: Machine) -> None:
    assert machine.advance(1, step=MAX_TRUSTED_STEP_SECONDS) == 1_000_001 + MAX_TRUSTED_STEP_SECONDS


def test_large_step_ahead_that_is_reverted_has_no_effect(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert machine.advance(1, step=400 * DAY) == 1_000_001
    assert machine.advance(1) == 1_000_002
    assert machine.advance(1, step=-400 * DAY) == 1_000_003
    assert caplog.text.count("was set ahead by 34560000 s") == 1


def test_large_step_ahead_is_followed_after_confirmation(machine: Machine) -> None:
    machine.advance(1, step=DAY)
    assert machine.advance(STEP_CONFIRM_SECONDS - 1) == 1_000_000 + STEP_CONFIRM_SECONDS
    assert machine.advance(1) == 1_000_001 + STEP_CONFIRM_SECONDS + DAY
    assert machine.advance(1) == 1_000_002 + STEP_CONFIRM_SECONDS + DAY


def test_step_back_is_followed_at_once(machine: Machine) -> None:
    assert machine.advance(1, step=-DAY) == 1_000_001 - DAY
