"""Shapley values: they add up, are fair, and the sampled ones come to the exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explain.shapley import Masks, Scores, coalitions, exact, sampled


def game(players: int, seed: int) -> np.ndarray:
    """(2 ** players,) a score for each coalition, by its bits."""
    values: np.ndarray = np.random.default_rng(seed).normal(size=2**players)
    return values


def score_of(values: np.ndarray, masks: Masks) -> Scores:
    found: Scores = values[masks @ (1 << np.arange(masks.shape[1]))]
    return found


@given(st.integers(1, 5), st.integers(0, 1_000))
def test_values_add_up_to_all_less_none(players: int, seed: int) -> None:
    values = game(players, seed)
    for found in (
        exact(lambda masks: score_of(values, masks), players),
        sampled(lambda masks: score_of(values, masks), players, 3, seed),
    ):
        assert found.sum() == pytest.approx(values[-1] - values[0])


def test_two_players_who_only_win_together_share_and_a_third_who_adds_nothing_gets_nothing() -> None:
    found = exact(lambda masks: (masks[:, 0] & masks[:, 2]).astype(float), 3)
    assert found.tolist() == pytest.approx([0.5, 0, 0.5])


def test_sampled_values_come_to_the_exact_ones() -> None:
    values = game(4, 3)
    found = sampled(lambda masks: score_of(values, masks), 4, 3_000)
    assert found == pytest.approx(exact(lambda masks: score_of(values, masks), 4), abs=0.06)


def test_additive_scores_are_found_exactly_by_any_order() -> None:
    worth = np.arange(300.0)  # more rows than are scored at once
    assert sampled(lambda masks: masks @ worth, 300, 2) == pytest.approx(worth)
    assert sampled(lambda masks: masks @ np.zeros(0), 0, 2).tolist() == []


def test_coalitions_of_two_are_weighed_as_orders_are() -> None:
    found = {joined: round(6 * weight, 9) for joined, weight in coalitions(2)}
    assert found == {(False, False): 2, (False, True): 1, (True, False): 1, (True, True): 2}
