"""Each function's own time, by a clock that the test turns."""

from collections.abc import Iterator

import pytest

from benchmarks import stopwatch
from benchmarks.stopwatch import Stopwatch


class Clock:
    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(stopwatch, "time", made)
    return made


def test_what_is_measured_inside_is_not_counted_outside(clock: Clock) -> None:
    watch = Stopwatch()

    def inner() -> None:
        clock.now += 3

    watched = watch.watching("inner", inner)
    with watch.measure("outer"):
        clock.now += 1
        watched()
        watched()
        clock.now += 1
    assert dict(watch.seconds) == {"inner": 6.0, "outer": 2.0}


def test_a_generator_counts_while_it_works_and_not_while_it_waits(clock: Clock) -> None:
    watch = Stopwatch()

    def values() -> Iterator[int]:
        for number in range(3):
            clock.now += 2
            yield number

    with watch.measure("outer"):
        for _ in watch.watching("values", values)():
            clock.now += 5
    assert dict(watch.seconds) == {"values": 6.0, "outer": 15.0}


def test_an_error_ends_the_measurement(clock: Clock) -> None:
    watch = Stopwatch()

    def failing() -> None:
        clock.now += 1
        raise ZeroDivisionError

    with watch.measure("outer"):
        with pytest.raises(ZeroDivisionError):
            watch.watching("inner", failing)()
        clock.now += 4
    assert dict(watch.seconds) == {"inner": 1.0, "outer": 4.0}
