"""The demand model: forecasts that hold together, whatever the series; fitted, stored, and read again."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand.columns import HISTORY, HORIZON, DemandColumns
from models.demand.inputs import inputs
from models.demand.network import NETWORKS
from models.demand.predictor import DemandPredictor, Factors, covered, interval, load_demand
from models.demand.smoothing import seasonal_naive
from models.demand.windows import cases
from models.errors import ArtifactError, BatchError
from models.evaluate.demand import evaluate_sets
from models.registry import load, shipped
from models.train.demand import fit_artifact
from models.train.demand_calibration import calibrate
from tests.unit.models.demand_worlds import SMALL, shop, small_demand, some_columns


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demand")
    fit_artifact([shop()], path, SMALL, seed=3, progress=False)
    return path


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.5, 40.0, 1e6]), min_size=HISTORY, max_size=HISTORY),
    st.integers(1, HISTORY),
    st.sampled_from([0.0, 1.0, 1e9]),
)
def test_any_series_has_finite_forecasts_in_order(units: list[float], age: int, price: float) -> None:
    given = np.array([units], np.float32)
    given[:, : HISTORY - age] = 0
    batch = small_demand().run(DemandColumns(given, given * np.float32(price), np.array([age])))
    assert batch.quantiles.shape == (1, HORIZON, 3)
    for values in (batch.quantiles, batch.low, batch.high):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert (np.diff(batch.quantiles, axis=2) >= 0).all()
    assert (batch.low <= batch.quantiles[:, :, 1]).all()
    assert (batch.quantiles[:, :, 1] <= batch.high).all()


def test_an_answer_does_not_depend_on_the_rest_of_the_batch() -> None:
    columns = some_columns()
    together = small_demand().run(columns)
    for i in range(0, len(columns), 5):
        alone = small_demand().run(columns.take(np.array([i])))
        assert alone.quantiles[0] == pytest.approx(together.quantiles[i], rel=1e-4)
        assert alone.high[0] == pytest.approx(together.high[i], rel=1e-4)


def test_no_series_have_no_forecasts_and_columns_must_fit() -> None:
    columns = some_columns()
    assert small_demand().run(columns.take(np.array([], np.int64))).low.shape == (0, HORIZON)
    with pytest.raises(BatchError, match="units"):
        small_demand().run(DemandColumns(columns.units[:, 1:], columns.revenue, columns.ages))


def test_what_lies_before_the_first_sale_is_not_taken_for_days_without_one() -> None:
    units = np.zeros((1, HISTORY), np.float32)
    units[:, -5:] = 10
    young, old = (inputs(DemandColumns(units, units, np.array([age]))) for age in (5, HISTORY))
    assert young.level[0] == 10
    assert old.level[0] < 5


def test_beside_each_day_ahead_lies_what_its_weekday_sold() -> None:
    units = np.tile(np.arange(7, dtype=np.float32), 8)[None]  # the first day ahead had 0 a week before
    found = inputs(DemandColumns(units, units, np.array([HISTORY])))
    for mean_median_decayed_or_last in range(4):
        share = np.expm1(found.ahead[0, :, mean_median_decayed_or_last])
        assert share * found.level[0] == pytest.approx(np.arange(7), abs=1e-4)
    assert found.ahead[0, :, 4].tolist() == [1, 0, 0, 0, 0, 0, 0]  # days without a sale


def test_cases_hold_what_was_known_and_what_came() -> None:
    units = np.arange(2 * 80, dtype=np.float32).reshape(2, 80)
    units[1, :70] = 0
    found = cases(units, units, [60, 72])
    assert found.series.tolist() == [0, 0, 1]  # the second item had no sale before day 60
    assert found.columns.ages.tolist() == [HISTORY, HISTORY, 2]
    assert found.origins.tolist() == [60, 72, 72]
    assert found.columns.units[0].tolist() == list(range(4, 60))
    assert found.truth[1].tolist() == list(range(72, 79))
    with pytest.raises(ValueError, match="no case begins on day 74"):
        cases(units, units, [74])


@pytest.mark.parametrize("network", NETWORKS)
def test_a_stored_model_of_either_kind_answers_better_than_last_week(folder: Path, network: str) -> None:
    world = shop()
    origins = range(world.test_from, world.days - HORIZON + 1)
    asked = cases(world.units, world.revenue, origins)
    model = load_demand(folder, network=network)
    naive = seasonal_naive(world.units.astype(float), world.test_from, origins).transpose(1, 0, 2).reshape(-1, HORIZON)
    error = np.abs(model.run(asked.columns).quantiles[:, :, 1] - asked.truth).sum()
    assert error < 0.95 * np.abs(naive - asked.truth).sum()


def test_fitting_twice_with_one_seed_gives_one_version(folder: Path, tmp_path: Path) -> None:
    again = fit_artifact([shop()], tmp_path, SMALL, seed=3, progress=False)
    assert again.version == load(folder, "demand").manifest.version


def test_the_evaluation_gives_every_metric_with_baselines_and_intervals(folder: Path) -> None:
    result = evaluate_sets([shop()], folder)
    metrics = {figure["metric"] for figure in result["figures"]}
    assert {"WAPE", "MASE", "pinball loss at 0.1", "pinball loss at 0.5", "pinball loss at 0.9"} <= metrics
    for figure in result["figures"]:
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert set(figure["baselines"]) == {"seasonal naive", "exponential smoothing", "Holt-Winters"}
        assert figure["n"] == 24 * 22 * HORIZON


def test_an_artifact_whose_weights_do_not_fit_is_refused_with_the_way_out(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="shelfstream train demand"):
        load_demand(folder, network="transformer")


def test_the_interval_covers_eight_days_in_ten_of_what_it_was_calibrated_for() -> None:
    random = np.random.default_rng(8)
    units = random.negative_binomial(2, 0.2, (200, 120)).astype(np.float32)
    held, later = (cases(units, units, [origin]) for origin in (70, 100))
    given = np.tile(np.array([1.0, 8.0, 9.0], np.float32), (200, HORIZON, 1))  # far too narrow
    factors = calibrate([given], [inputs(held.columns).level], [held])
    low, high = interval(given, factors.of(inputs(later.columns).level, given))
    assert 0.75 < covered(low, high, later.truth).mean() < 0.86


def test_factors_are_taken_by_the_bands_of_level_and_spread() -> None:
    factors = Factors([10.0], [1.0, 2.0], [[0.1, 0.2, 0.3], [1.1, 1.2, 1.3]])
    near, far = np.tile(np.float32([9, 10, 11]), (HORIZON, 1)), np.tile(np.float32([0, 10, 30]), (HORIZON, 1))
    given = np.stack([near, far, near, far])
    assert factors.of(np.float32([9.9, 9.9, 10, 500]), given).tolist() == [[0.1], [0.3], [1.1], [1.3]]
    with pytest.raises(ValueError, match="2 by 3 bands"):
        Factors([10.0], [1.0, 2.0], [[1.0, 1.0]])


@pytest.fixture(scope="module")
def shipped_model() -> DemandPredictor:
    return load_demand()


def test_the_shipped_model_is_small_and_says_how_good_it_was() -> None:
    manifest = load(shipped("demand"), "demand").manifest
    assert sum(file.stat().st_size for file in shipped("demand").iterdir()) < 1_000_000
    figures = {(one["set"], one["task"], one["metric"]): one for one in manifest.metrics["figures"]}
    best = manifest.inputs["best"]
    wape = figures["gifts", f"units of days 1-7, {best}", "WAPE"]
    assert wape["value"] < 0.9 * min(wape["baselines"].values())
    covers = figures["gifts", f"units of days 1-7, {best}", "coverage of the 80 % interval, open days"]
    assert 0.78 <= covers["value"] <= 0.82


@pytest.mark.parametrize("closed", range(7))
def test_the_shipped_model_knows_a_weekday_that_is_closed_whichever_it_is(
    shipped_model: DemandPredictor, closed: int
) -> None:
    week = np.array([20, 22, 21, 25, 18, 30, 12], np.float32)
    week[closed] = 0
    units = np.random.default_rng(1).poisson(np.tile(week, 8)).astype(np.float32)[None]
    batch = shipped_model.run(DemandColumns(units, units, np.array([HISTORY])))
    median = batch.quantiles[0, :, 1]
    assert median[closed] < 1
    assert np.delete(median, closed) == pytest.approx(np.delete(week, closed), rel=0.5)
