"""Seasonal naive and exponential smoothing, and the hints: right where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand.columns import HISTORY, DemandColumns
from models.demand.hints import elasticities, stock_outs
from models.demand.smoothing import BASELINES, exponential_smoothing, holt_winters, seasonal_naive, with_quantiles

WEEK = np.array([0.0, 3, 4, 5, 9, 12, 1])


def columns(units: np.ndarray, revenue: np.ndarray | None = None, age: int = HISTORY) -> DemandColumns:
    n = len(units)
    units = units.astype(np.float32)
    brought = units if revenue is None else revenue.astype(np.float32)
    return DemandColumns(units, brought, np.full(n, age))


def test_a_series_that_repeats_its_week_is_forecast_exactly_by_both_seasonal_methods() -> None:
    units = np.tile(WEEK, 20)[None]
    truth = np.stack([units[0, origin : origin + 7] for origin in (100, 103)])
    assert seasonal_naive(units, 100, [100, 103])[0].tolist() == truth.tolist()
    assert holt_winters(units, 100, [100, 103])[0] == pytest.approx(truth)


def test_smoothing_of_a_level_is_that_level() -> None:
    units = np.full((2, 120), [[3.0], [8.0]])
    assert exponential_smoothing(units, 100, [110])[:, 0] == pytest.approx(np.full((2, 7), [[3.0], [8.0]]))


def test_the_rate_follows_the_series() -> None:
    random = np.random.default_rng(0)
    noise = random.poisson(20, (1, 300)).astype(float)
    walk = 500 + np.cumsum(random.normal(0, 10, (1, 300)), axis=1)
    calm, quick = (
        np.ptp(exponential_smoothing(one, 250, range(250, 290))[0, :, 0]) / one.std() for one in (noise, walk)
    )
    assert calm < quick


@settings(max_examples=10)
@given(st.integers(0, 6), st.sampled_from(list(BASELINES)))
def test_no_method_sees_the_days_that_it_forecasts(later: int, name: str) -> None:
    random = np.random.default_rng(3)
    units = random.poisson(5, (3, 120)).astype(float)
    changed = units.copy()
    changed[:, 110 + later :] = 99
    before, after = (with_quantiles(BASELINES[name], one, 100, [105, 110]) for one in (units, changed))
    assert np.array_equal(before, after)


def test_quantiles_of_a_baseline_rise_and_cover_as_their_errors_did() -> None:
    random = np.random.default_rng(4)
    units = random.poisson(30, (20, 300)).astype(float)
    origins = list(range(250, 294))
    found = with_quantiles(exponential_smoothing, units, 250, origins)
    truth = np.stack([units[:, origin : origin + 7] for origin in origins], axis=1)
    assert (np.diff(found, axis=3) >= 0).all()
    assert 0.75 < ((found[..., 0] <= truth) & (truth <= found[..., 2])).mean() < 0.88


def test_an_elasticity_is_found_with_its_interval_where_prices_vary() -> None:
    random = np.random.default_rng(5)
    price = np.exp(random.normal(0, 0.3, (60, HISTORY)))
    units = (
        np.exp(3 - 1.5 * np.log(price) + random.normal(0, 0.2, price.shape)) * np.tile(WEEK[1:].repeat(1), 10)[:HISTORY]
    )
    found = [one for one in elasticities(columns(units, units * price)) if one is not None]
    assert len(found) == 60
    assert np.mean([one.value for one in found]) == pytest.approx(-1.5, abs=0.6)
    assert all(one.low < one.value < one.high and one.days == HISTORY for one in found)


def test_the_interval_of_an_elasticity_holds_it_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(6)
    price = np.exp(random.normal(0, 0.3, (400, HISTORY)))
    units = np.exp(3 - 1.5 * np.log(price) + random.normal(0, 0.2, price.shape))
    found = [one for one in elasticities(columns(units, units * price)) if one is not None]
    assert 0.9 < np.mean([one.low <= -1.5 <= one.high for one in found]) < 0.99


def test_no_elasticity_is_told_where_prices_or_days_do_not_carry_one() -> None:
    random = np.random.default_rng(7)
    units = random.poisson(9, (1, HISTORY)) + 1.0
    assert elasticities(columns(units, units * 2.5)) == [None]  # one price
    few = units.copy()
    few[:, 20:] = 0
    assert elasticities(columns(few, few * np.exp(random.normal(0, 0.3, few.shape)))) == [None]
    assert elasticities(columns(units, units * 0)) == [None]  # prices not known


def test_days_without_a_sale_are_a_hint_only_where_they_are_unlikely() -> None:
    often = np.full((1, HISTORY), 5.0)
    often[:, -4:] = 0
    (told,) = stock_outs(columns(often))
    assert told is not None
    assert told.days == 4
    assert 0 < told.chance < 0.01
    seldom = np.zeros((1, HISTORY))
    seldom[:, ::9] = 1
    assert stock_outs(columns(seldom)) == [None]
    assert stock_outs(columns(np.full((1, HISTORY), 5.0))) == [None]
    assert stock_outs(columns(often, age=10)) == [None]  # too new to tell


def test_closed_days_are_no_stock_out() -> None:
    weekends = np.tile(np.array([0.0, 0, 5, 5, 5, 5, 5]), 9)[-HISTORY:][None]
    closed_last = np.roll(weekends, 2 - HISTORY % 7, axis=1)[:, ::-1].copy()
    closed_last[0] = np.tile(np.array([5.0, 5, 5, 5, 5, 0, 0]), 8)
    assert stock_outs(columns(closed_last)) == [None]
