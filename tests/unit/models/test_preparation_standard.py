"""Numbers as features: the scale of the training rows, the same after saving, nothing infinite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.preparation.outliers import by_iqr, by_z, price_flags
from models.data.preparation.standard import REACH, fit, load
from models.errors import DataError

NUMBERS = st.lists(st.floats(allow_infinity=True, allow_nan=True, width=32), min_size=1, max_size=50)


@settings(deadline=None, max_examples=60)
@given(NUMBERS, NUMBERS)
def test_features_are_finite_whatever_the_values(train: list[float], later: list[float]) -> None:
    features = fit({"x": train}).apply({"x": later})
    assert features.shape == (len(later), 2)
    assert np.isfinite(features).all()
    assert np.abs(features[:, 0]).max() <= REACH
    assert features[:, 1].tolist() == [float(not np.isfinite(value)) for value in later]


def test_training_rows_come_out_with_mean_0_and_spread_1() -> None:
    rng = np.random.default_rng(1)
    values = {"price": rng.lognormal(3, 1, 2_000), "mass": rng.normal(50, 9, 2_000)}
    features = fit(values, logs=["price"]).apply(values)
    assert features[:, :2].mean(axis=0) == pytest.approx([0, 0], abs=0.02)
    assert features[:, :2].std(axis=0) == pytest.approx([1, 1], abs=0.02)


def test_later_rows_are_scaled_as_the_training_rows_were_and_unknown_ones_get_the_median() -> None:
    standard = fit({"x": [1.0, 2.0, 3.0, np.nan]})
    assert standard.rows == 4
    features = standard.apply({"x": [2.0, 3.0, np.nan]})
    assert features[:, 0] == pytest.approx([0, np.sqrt(1.5), 0])
    assert features[:, 1].tolist() == [0, 0, 1]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    standard = fit({"x": [1.0, 2.5], "y": [0.1, 0.2]}, logs=["y"])
    standard.save(tmp_path / "standard.json")
    assert load(tmp_path / "standard.json") == standard
    (tmp_path / "later.json").write_text((tmp_path / "standard.json").read_text().replace('"format": 1', '"format": 9'))
    for file, said in (("later.json", "format 9"), ("none.json", "no saved standardisation")):
        with pytest.raises(DataError, match=said):
            load(tmp_path / file)


def test_columns_that_do_not_fit_are_refused() -> None:
    standard = fit({"x": [1.0], "y": [1.0]})
    with pytest.raises(DataError, match="y was fitted but is not given"):
        standard.apply({"x": [1.0]})
    with pytest.raises(DataError, match="equally long"):
        standard.apply({"x": [1.0], "y": [1.0, 2.0]})
    with pytest.raises(DataError, match="below 0"):
        fit({"x": [-1.0]}, logs=["x"])
    with pytest.raises(DataError, match="no columns"):
        fit({"x": [1.0]}, logs=["z"])


def test_outliers_by_quartiles_and_by_deviations() -> None:
    values = np.array([*range(100), 400.0, np.nan])
    assert np.flatnonzero(by_iqr(values)).tolist() == [100]
    assert np.flatnonzero(by_z(values)).tolist() == [100]
    assert not by_iqr(np.full(5, np.nan)).any()
    assert not by_z(np.ones(5)).any()


def test_prices_are_judged_on_logarithms_and_within_their_group() -> None:
    rng = np.random.default_rng(3)
    cheap, dear = rng.lognormal(1, 0.2, 60), rng.lognormal(7, 0.2, 60)
    prices = np.array([*cheap, *dear, dear.mean(), cheap.mean(), np.nan])
    groups = ["tea"] * 60 + ["tv"] * 60 + ["tea", "tv", "tea"]
    flags = price_flags(prices, groups)
    assert flags[120:].tolist() == ["iqr z", "iqr z", ""]
    assert (flags[:120] == "iqr z").sum() == 0
    few = price_flags(np.array([1.0, 1.1, 900.0]), ["a", "a", "a"])  # too few for a group, judged among all
    assert few.shape == (3,)
