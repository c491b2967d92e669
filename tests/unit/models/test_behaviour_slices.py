"""Slices of users and visits: who is in which, and figures that are those of the rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from models.data.journey import Purchases
from models.data.sequences import DAY_MS, targets
from models.evaluate.behaviour_slices import HISTORY, slice_figures, slices
from models.evaluate.households import Households
from models.evaluate.slices import gap_line, gaps

TODAY = 400 * DAY_MS


def purchases(visits: list[tuple[int, float, int]]) -> Purchases:
    """(household, day, events) of each basket, by household and time."""
    household = np.repeat([each[0] for each in visits], [each[2] for each in visits]).astype(np.int32)
    basket = np.repeat(np.arange(len(visits)), [each[2] for each in visits])
    days = np.repeat([each[1] for each in visits], [each[2] for each in visits])
    n = len(household)
    return Purchases(
        household=household,
        basket=basket.astype(np.int64),
        product=np.arange(n, dtype=np.int64),
        category=(np.arange(n) % 7).astype(np.int32),
        times_ms=(days * DAY_MS).astype(np.int64),
        bucket=np.zeros(n, np.int8),
        categories=tuple("ABCDEFG"),
    )


def test_every_event_is_in_one_slice_by_history_and_its_place_decides() -> None:
    asked = purchases([(1, 0, 12), (2, 0, 10), (2, 3, 600)])
    found = slices(asked)["history"]
    assert len(found) == len(HISTORY)
    assert (np.sum(list(found.values()), axis=0) == 1).all()
    new, light, medium, heavy = (np.flatnonzero(mask).tolist() for mask in found.values())
    assert new == [*range(10), *range(12, 22)]
    assert light == [10, 11, *range(22, 112)]
    assert medium == list(range(112, 512))
    assert heavy == list(range(512, 622))


def test_a_visit_belongs_to_the_pause_before_it_and_a_first_visit_to_none() -> None:
    asked = purchases([(1, 0, 2), (1, 7, 1), (1, 8, 2), (1, 30, 1), (1, 100, 2), (2, 101, 3), (2, 129, 1)])
    short, middle, long = (np.flatnonzero(mask).tolist() for mask in slices(asked)["pause"].values())
    assert short == [2, 3, 4]
    assert middle == [5, 11]
    assert long == [6, 7]


def test_a_slice_has_the_recall_of_its_rows_and_the_alarm_names_what_falls_behind() -> None:
    asked = purchases([(household, 0, 60) for household in range(60)])
    expected = targets(asked, TODAY)
    place = np.arange(len(asked)) % 60
    mine = np.where(place < 10, np.where(place < 3, 0, 20), 5)  # a new user's answers are right in 3 of 10 cases
    rank = np.zeros(len(asked), np.int64)
    figures = slice_figures("shop", Households(asked.household), asked, mine, expected, {"other": rank})
    new, light = figures
    assert (new["n"], new["value"], new["groups"]) == (600, pytest.approx(0.3), 60)
    assert (light["n"], light["value"]) == (49 * 60, 1)
    assert new["whole"] == light["whole"] == pytest.approx((180 + 49 * 60) / (59 * 60))
    assert new["baselines"] == {"other": 1}
    (gap,) = gaps(figures)
    assert gap["slice"] == new["slice"]
    assert gap_line(gap).startswith("shop next category, new user (first 10 events): recall@10 0.300 [")
    assert gaps(figures, bound=0.99) == []
