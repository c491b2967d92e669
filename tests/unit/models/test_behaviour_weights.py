"""Going on with the weights of an artifact, and what is kept of weights in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.behaviour import BehaviourNetwork, Sizes, load_behaviour, save_behaviour
from models.behaviour.network import Inputs
from models.errors import ArtifactError
from models.train.behaviour_weights import go_on, round_weights
from tests.unit.models.behaviour_worlds import SIZES, predictor

PLAIN = replace(SIZES, products=0)


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
        torch.from_numpy(rng.normal(size=(6, 7)).astype(np.float32)).abs(),
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
