"""The measure of explanations tells good from bad: named words from chance, a model from a shuffled one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.evaluate.explanation import LAYERS, RANDOM, measure, randomised, rank_correlation
from models.text.predictor import ProductPredictor
from tests.unit.models.explaining import groceries, small_products


@pytest.fixture(scope="module")
def figures() -> dict[tuple[str, str], dict[str, Any]]:
    result = measure(small_products(), [groceries()], titles=80, seed=1, progress=False)
    assert result["milliseconds_a_title"]["evidence"] > 0
    return {(row["task"], row["metric"]): row for row in result["figures"]}


@pytest.mark.parametrize("words", ["1 word removed", "2 words removed"])
def test_named_words_carry_more_than_random_ones(figures: dict[tuple[str, str], dict[str, Any]], words: str) -> None:
    lost = figures["category", f"confidence lost, {words}"]
    assert lost["low"] > lost["baselines"][RANDOM] > 0
    share = figures["category", f"titles that lose more by the named than by chance, {words}"]
    assert share["low"] > 0.6


def test_weights_add_up(figures: dict[tuple[str, str], dict[str, Any]]) -> None:
    for task in ("category", "department"):
        assert figures[task, "error of the sum of weights, largest"]["value"] < 0.005


def test_explanations_of_a_shuffled_model_are_others(figures: dict[tuple[str, str], dict[str, Any]]) -> None:
    for name, _ in LAYERS:
        assert figures["category", f"rank correlation, shuffled: {name}"]["value"] < 0.5


def test_shuffling_leaves_the_other_layers_and_the_model_itself_alone() -> None:
    predictor = small_products()
    before = weights(predictor)
    other = weights(randomised(predictor, ("heads.",), seed=0))
    for name, values in weights(predictor).items():
        np.testing.assert_array_equal(values, before[name])
        if values.size > 10:  # few numbers may be shuffled into their old order
            assert np.array_equal(values, other[name]) is (not name.startswith("heads."))
        np.testing.assert_array_equal(np.sort(values.ravel()), np.sort(other[name].ravel()))


def weights(predictor: ProductPredictor) -> dict[str, np.ndarray]:
    network = predictor.members[0].network
    return {name: values.detach().numpy().copy() for name, values in network.named_parameters()}


def test_rank_correlation_is_spearmans() -> None:
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 90])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0, 1, 1]), np.array([3.0, 2, 1])) == 0
