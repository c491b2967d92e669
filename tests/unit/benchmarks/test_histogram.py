"""Durations keep three digits, whatever their size, and percentiles are told in milliseconds."""

import pytest

from benchmarks.histogram import Durations


def test_percentiles_are_those_of_what_was_added() -> None:
    durations = Durations()
    durations.extend(number / 1e4 for number in range(1, 10_001))  # 0.1 ms to 1 s
    summary = durations.summary()
    assert summary["events"] == 10_000
    for name, wanted in (("p10_ms", 100), ("p50_ms", 500), ("p90_ms", 900), ("p99_ms", 990), ("max_ms", 1_000)):
        assert summary[name] == pytest.approx(wanted, rel=2e-3)


def test_the_curve_rises_from_the_fastest_to_the_slowest() -> None:
    durations = Durations()
    durations.extend([0.002] * 98 + [0.5, 4.0])
    curve = durations.summary()["curve_ms"]
    assert curve[0] == [0, pytest.approx(2, rel=2e-3)]
    assert curve[-1] == [100, pytest.approx(4_000, rel=2e-3)]
    assert [ms for _, ms in curve] == sorted(ms for _, ms in curve)


def test_what_is_out_of_range_counts_as_the_bound() -> None:
    durations = Durations()
    durations.extend([0.0, 10_000.0])
    assert durations.ms(50) == pytest.approx(0.001)
    assert durations.ms(100) == pytest.approx(600_000, rel=2e-3)
