"""The demo's rate: kept exactly, not made up for in a burst, and late events are known to be late."""

import asyncio

import numpy as np
import pytest

from streams.demo import pace as paces
from streams.demo.pace import SLIP_S, Pace


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(paces.asyncio, "sleep", clock.sleep)
    return clock


def take(pace: Pace, most: int) -> np.ndarray:
    return asyncio.run(pace.take(most))


@pytest.mark.parametrize("rate", [1, 50, 500, 7_000])
def test_events_come_at_the_rate(time: Time, rate: float) -> None:
    pace = Pace(rate, lambda: time.now)
    times = np.concatenate([take(pace, 1_000) for _ in range(400)])
    assert len(times) / (time.now - 100.0) == pytest.approx(rate, rel=0.02)
    assert np.all(np.diff(times) >= 0)
    assert np.all(times <= time.now + 1e-9)


def test_an_event_that_is_sent_late_keeps_the_time_at_which_it_was_due(time: Time) -> None:
    pace = Pace(100, lambda: time.now)
    assert take(pace, 10).tolist() == pytest.approx([100.0])
    time.now += 0.055
    assert take(pace, 10).tolist() == pytest.approx([100.01, 100.02, 100.03, 100.04, 100.05])


def test_a_sender_that_was_held_back_begins_anew_instead_of_sending_a_burst(time: Time) -> None:
    pace = Pace(100, lambda: time.now)
    take(pace, 10)
    time.now += SLIP_S + 60
    assert take(pace, 10_000).tolist() == [time.now]


def test_rate_0_gives_as_many_as_asked_for_at_once(time: Time) -> None:
    assert take(Pace(0, lambda: time.now), 7).tolist() == [100.0] * 7
