"""Percentiles from counts stay within two percent of the exact ones."""

import math

import numpy as np
import pytest

from streams.demo.latency import PERCENTILES, Latencies, RecentLatencies


@pytest.mark.parametrize("scale", [0.05, 3.0, 800.0])
def test_percentiles_are_at_most_two_percent_above_the_exact_ones(scale: float) -> None:
    values = np.random.default_rng(3).lognormal(0, 1, 5_000) * scale
    found = Latencies()
    for part in np.array_split(values, 17):
        found.add(part)
    assert len(found) == 5_000
    for percent in PERCENTILES:
        exact = np.percentile(values, percent, method="inverted_cdf")
        assert exact * (1 - 1e-9) <= found.percentile(percent) <= exact * 1.021


def test_no_values_give_no_percentiles() -> None:
    found = Latencies()
    found.add(np.array([]))
    assert math.isnan(found.percentile(50))
    assert found.summary() == {"p50_ms": None, "p90_ms": None, "p99_ms": None, "max_ms": None, "n": 0}


def test_values_outside_the_scale_are_counted_at_its_ends() -> None:
    found = Latencies()
    found.add(np.array([0.0, 1e12]))
    assert len(found) == 2
    assert found.max_ms == 1e12
    assert found.percentile(50) == pytest.approx(0.01)


def test_recent_latencies_forget_what_is_two_spans_old() -> None:
    recent = RecentLatencies(span_s=5)
    recent.add(np.array([1000.0]), 0)
    recent.add(np.array([1.0]), 6)
    assert recent.percentile(99) == pytest.approx(1000, rel=0.03)
    recent.add(np.array([2.0]), 12)
    assert recent.percentile(99) == pytest.approx(1, rel=0.03)
