"""What the stream runs is in numpy, what is trained is in torch: they are the same network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.behaviour import BehaviourPredictor, Sizes, load_behaviour
from models.behaviour.heads import Heads
from models.behaviour.lstm import Lstm
from models.behaviour.matrix import Matrix
from models.behaviour.on_device import OnDevice
from models.behaviour.tokens import BEFORE_PRICES
from models.behaviour.walk import EventLists, Window, walk
from models.behaviour.window import remembered
from tests.unit.models.behaviour_worlds import SIZES, drawn, predictor

TOLERANCE = 1e-5
ODD = Sizes(
    40, hidden=9, embedding=5, basket=3, profile=4, deep=7, mixer=5, habits=7, products=7, residual=2
)  # a row of an odd size
BEFORE = replace(ODD, numeric=BEFORE_PRICES)


def windows(model: BehaviourPredictor, n: int, users: int = 5) -> tuple[np.ndarray, Window]:
    """Rows with a history, and a window of n events after it."""
    rng = np.random.default_rng(n)
    rows = model.run(model.blank(users), rng.integers(0, users, 300), drawn(rng, 300)).rows
    slots = rng.integers(0, users, n).tolist()
    return rows, walk(rows, slots, EventLists.of(drawn(rng, n)), model.names.tolist(), product_keep=0.9)


def models() -> list[tuple[str, BehaviourPredictor]]:
    return [
        ("small", predictor()),
        ("odd", predictor(sizes=ODD)),
        ("without prices", predictor(sizes=BEFORE)),
        ("shipped", load_behaviour()),
    ]


@pytest.mark.parametrize("n", [1, 7, 90])
@pytest.mark.parametrize(("name", "model"), models())
def test_the_states_are_those_of_torch(name: str, model: BehaviourPredictor, n: int) -> None:
    rows, window = windows(model, n)
    ours = Lstm(model._network)(window.tokens, rows["h"], rows["c"])
    theirs = OnDevice(model._network, torch.device("cpu")).encode(window.tokens, rows["h"], rows["c"])
    order, other = np.argsort(ours.users), np.argsort(theirs.users)
    np.testing.assert_array_equal(np.sort(ours.users), np.sort(theirs.users))
    np.testing.assert_allclose(ours.at_token, theirs.at_token, atol=TOLERANCE)
    np.testing.assert_allclose(ours.h[order], theirs.h[other], atol=TOLERANCE)
    np.testing.assert_allclose(ours.c[order], theirs.c[other], atol=TOLERANCE)


@pytest.mark.parametrize("n", [1, 7, 90])
@pytest.mark.parametrize(("name", "model"), models())
def test_the_chances_are_those_of_torch(name: str, model: BehaviourPredictor, n: int) -> None:
    _, window = windows(model, n)
    h = np.random.default_rng(n).normal(size=(n, model._network.sizes.hidden)).astype(np.float32)
    chances, week = Heads(model._network, n)(h, window.kept, window.known, window.hours, window.pace)
    torch_chances, torch_week = OnDevice(model._network, torch.device("cpu")).score(h, remembered(window, slice(None)))
    np.testing.assert_allclose(chances, torch_chances, atol=TOLERANCE)
    np.testing.assert_allclose(week, torch_week, atol=TOLERANCE)


def test_users_without_any_habit_are_scored() -> None:
    model = predictor()
    h = np.zeros((2, SIZES.hidden), np.float32)
    window = walk(model.blank(2), [0, 1], EventLists([4, 4], [-1, -1], [-1, -1], None, [0, 0], [1, 1]), [], kept=None)
    chances, _ = Heads(model._network, 2)(h, window.kept, window.known, window.hours, window.pace)
    assert window.known == [0, 0]
    np.testing.assert_allclose(chances[0], chances[1])
    assert 0.5 < chances[0].sum() <= 1


@pytest.mark.parametrize("m", [1, 40, 4_000])
def test_a_product_is_the_same_in_one_piece_and_in_many(m: int) -> None:
    rng = np.random.default_rng(m)
    weights, x = rng.normal(size=(16, 33)).astype(np.float32), rng.normal(size=(m, 16)).astype(np.float32)
    np.testing.assert_allclose(Matrix(weights).of(x), x.astype(np.float64) @ weights.astype(np.float64), atol=1e-4)
