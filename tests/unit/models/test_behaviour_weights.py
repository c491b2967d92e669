"""Going on with the weights of an artifact, and what is kept of weights in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.behaviour import BehaviourNetwork, Sizes, load_behaviour, save_behaviour
from models.behaviour.network import Inputs
from models.behaviour.tokens import BEFORE_PRICES, NUMERIC
from models.errors import ArtifactError
from models.train.behaviour_weights import fit_prices, go_on, round_weights
from tests.unit.models.behaviour_shop import shop
from tests.unit.models.behaviour_worlds import SIZES, drawn, predictor

PLAIN = replace(SIZES, products=0)
BEFORE = replace(SIZES, numeric=BEFORE_PRICES)


def saved(path: Path, sizes: Sizes) -> BehaviourNetwork:
    """An artifact without a time-aware cell or vectors of products that would show."""
    model = predictor(sizes=sizes)
    round_weights(model.network)
    save_behaviour(path, model.network, model.categories, model.products, model._shelf, metrics={}, training={})
    return model.network


def encoded(network: BehaviourNetwork) -> np.ndarray:
    rng = np.random.default_rng(0)
    tokens = Inputs(
        torch.from_numpy(rng.integers(0, SIZES.categories, 6)),
        torch.from_numpy(rng.integers(-1, 60, 6)),
        torch.from_numpy(rng.normal(size=(6, NUMERIC)).astype(np.float32)).abs(),
    )
    start = torch.zeros(1, 3, SIZES.hidden)
    return network.eval().encode(tokens, torch.tensor([3, 3]), (start, start))[0].detach().numpy()


def test_weights_are_stored_as_they_were_calibrated(tmp_path: Path) -> None:
    network = saved(tmp_path, SIZES)
    loaded = load_behaviour(tmp_path).network
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight, atol=0, rtol=0, msg=name)


def test_the_same_shape_goes_on_from_the_same_weights(tmp_path: Path) -> None:
    network = saved(tmp_path, SIZES)
    other = BehaviourNetwork(SIZES)
    for name in ("usual_price", "price_spread"):  # of the same data
        other.get_buffer(name).copy_(network.get_buffer(name))
    assert go_on(other, tmp_path) == f"behaviour-lstm {load_behaviour(tmp_path).info.version}"
    np.testing.assert_array_equal(encoded(other), encoded(network))


def test_products_that_the_artifact_did_not_know_change_nothing_at_first(tmp_path: Path) -> None:
    saved(tmp_path, PLAIN)
    other = BehaviourNetwork(SIZES)
    go_on(other, tmp_path)
    with torch.no_grad():
        with_products = encoded(other)
        other.widen.weight.zero_()
    np.testing.assert_array_equal(with_products, encoded(other))


def test_layers_of_other_sizes_are_refused(tmp_path: Path) -> None:
    saved(tmp_path, SIZES)
    with pytest.raises(ArtifactError, match="train without --begin"):
        go_on(BehaviourNetwork(replace(SIZES, hidden=9)), tmp_path)


def test_a_model_from_before_prices_loads_and_answers_as_it_did(tmp_path: Path) -> None:
    network = saved(tmp_path, BEFORE)
    manifest = tmp_path / "manifest.json"
    first = manifest.read_text().replace(f',\n      "numeric": {BEFORE_PRICES}', "")
    assert "numeric" not in first  # as such artifacts are
    manifest.write_text(first)
    loaded = load_behaviour(tmp_path)
    assert loaded.network.sizes == BEFORE
    events, slots = drawn(np.random.default_rng(1), 60), np.zeros(60, np.int64)
    told = loaded.run(loaded.blank(1), slots, events)
    untold = loaded.run(loaded.blank(1), slots, replace(events, prices=None, quantities=None))
    np.testing.assert_array_equal(told.category_confidence, untold.category_confidence)
    np.testing.assert_array_equal(encoded(loaded.network), encoded(network))


def test_a_model_that_reads_other_numbers_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, SIZES)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"numeric": {NUMERIC}', f'"numeric": {NUMERIC + 2}'))
    with pytest.raises(ArtifactError, match="reads 12 numbers of an event, this code makes 10"):
        load_behaviour(tmp_path)


def test_prices_change_nothing_at_first_and_are_set_beside_those_of_the_new_data(tmp_path: Path) -> None:
    old = saved(tmp_path, BEFORE)
    other = BehaviourNetwork(SIZES)
    lines = shop(households=4)
    category = np.arange(len(lines), dtype=np.int32) % 3
    lines = replace(lines, category=category, price=np.where(category == 1, 8.0, np.e))
    fit_prices(other, lines)
    usual, spread = other.get_buffer("usual_price").clone(), other.get_buffer("price_spread").clone()
    assert usual[1] > usual[0] > 0
    assert spread.min() > 0
    go_on(other, tmp_path)
    np.testing.assert_allclose(encoded(other), encoded(old), atol=1e-6)
    torch.testing.assert_close(other.get_buffer("usual_price"), usual, atol=0, rtol=0)
    torch.testing.assert_close(other.get_buffer("price_spread"), spread, atol=0, rtol=0)
