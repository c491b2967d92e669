"""The deep network for prices learns what a thing costs, keeps its quantiles in order and can be fitted again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from models.data.splits import TEST, TRAIN, VALIDATION
from models.evaluate.price_network import compare
from models.price.predictor import load_prices
from models.train.price import fit_artifact
from models.train.price_network import Recipe, fit_network
from tests.unit.models.test_price import shop

RECIPE = Recipe(width=16, hidden=8, dropout=0.1, epochs=12, batch=64, table_rate=0.02, rate=0.01)


def test_it_learns_prices_and_its_quantiles_never_cross() -> None:
    part = shop()
    task, widen = fit_network(part.where(TRAIN), part.where([VALIDATION]), RECIPE, seed=1)
    asked = part.where([TEST])
    found = task.quantiles(asked.texts)
    assert np.abs(found[:, 1] - np.log(asked.prices)).mean() < 0.5 < np.log(part.prices).std() / 3
    assert (np.diff(task.quantiles([*asked.texts, "", "£" * 99]), axis=1) > 0).all()
    assert np.isfinite(widen)


def test_equal_seeds_give_equal_weights() -> None:
    part = shop()
    both = [fit_network(part.where(TRAIN), part.where([VALIDATION]), RECIPE, seed=2)[0] for _ in range(2)]
    one, two = (task.network.state_dict() for task in both)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_it_is_measured_beside_the_ridges(tmp_path: Path) -> None:
    fit_artifact([shop()], tmp_path, seed=1)
    rows = compare(shop(), load_prices(tmp_path), RECIPE, 1)
    assert rows["network"].keys() == rows["two ridges"].keys()
    assert 0 < rows["two ridges"]["pinball loss"] < 0.5
    assert 0.5 < rows["network"]["coverage"] <= 1
