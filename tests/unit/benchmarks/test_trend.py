"""A trend is told from noise, also when neighbouring samples resemble each other."""

import numpy as np
import pytest

from benchmarks.trend import slope

SECONDS = np.arange(0, 1_800, 5.0)


def wander(seed: int) -> np.ndarray:
    """Noise in which each sample remembers the one before, as memory does."""
    rng, level, levels = np.random.default_rng(seed), 0.0, []
    for _ in SECONDS:
        level = 0.8 * level + rng.normal(0, 1)
        levels.append(level)
    return np.array(levels)


def test_a_steady_rise_is_found_with_its_size() -> None:
    found = slope(SECONDS.tolist(), (100 + SECONDS / 3600 * 50 + wander(1)).tolist())
    assert not found.is_noise
    assert found.low < 50 < found.high
    assert found.per_hour == pytest.approx(50, rel=0.1)


def test_noise_that_remembers_is_seldom_taken_for_a_rise() -> None:
    wrong = sum(not slope(SECONDS.tolist(), wander(seed).tolist()).is_noise for seed in range(200))
    assert wrong <= 12  # 2.5 % of one side are 5; a fit through all samples finds far more


def test_what_falls_does_not_grow() -> None:
    assert slope(SECONDS.tolist(), (500 - SECONDS).tolist()).is_noise


def test_too_few_samples_have_no_trend() -> None:
    with pytest.raises(ValueError, match="too few"):
        slope([1.0, 2.0], [3.0, 4.0])
