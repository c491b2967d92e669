"""Purchases as sequences: order, targets, lanes, and that kept-out households stay out."""

from __future__ import annotations

import numpy as np

from models.behaviour.ranking import LAST, heaviest
from models.behaviour.schedule import schedule
from models.data.journey import Purchases, events
from models.data.sequences import DAY_MS, NONE, lanes, targets


def purchases(rows: list[tuple[int, int, int, float]]) -> Purchases:
    """(household, basket, category, day) rows."""
    household, basket, category, days = (np.array(column) for column in zip(*rows, strict=True))
    return Purchases(
        household=household.astype(np.int32),
        basket=basket.astype(np.int64),
        product=category.astype(np.int64) * 10,
        category=category.astype(np.int32),
        times_ms=(days * DAY_MS).astype(np.int64),
        bucket=np.full(len(household), 2, np.int8),
        categories=tuple("abcdefgh"),
    )


def test_one_event_per_basket_and_category_is_the_first_line_of_it() -> None:
    kept = events(purchases([(1, 10, 3, 0), (1, 10, 4, 0), (1, 10, 3, 0), (1, 11, 3, 1)]))
    assert list(zip(kept.basket.tolist(), kept.category.tolist(), strict=True)) == [(10, 3), (10, 4), (11, 3)]


def test_the_target_is_the_next_event_of_the_same_household() -> None:
    expected = targets(purchases([(1, 10, 3, 0), (1, 10, 4, 0), (1, 11, 5, 1), (2, 20, 6, 0)]), end_ms=100 * DAY_MS)
    assert expected.category.tolist() == [4, 5, NONE, NONE]
    assert expected.new_basket.tolist() == [False, True, False, False]


def test_a_week_counts_baskets_within_seven_days_and_leaves_out_what_the_data_cannot_say() -> None:
    rows = [(1, 10, 3, 0), (1, 10, 4, 0), (1, 11, 5, 7), (1, 12, 5, 14.5), (2, 20, 6, 12), (2, 21, 6, 25)]
    expected = targets(purchases(rows), end_ms=30 * DAY_MS)
    assert expected.week.tolist() == [1, 1, 0, 0, 0, NONE]


def test_lanes_serve_every_event_once_in_order() -> None:
    household = np.repeat(np.arange(9), [5, 1, 12, 3, 7, 2, 2, 30, 4]).astype(np.int32)
    served: dict[int, list[int]] = {lane: [] for lane in range(3)}
    begun = 0
    for pieces, begins in lanes(household, 3, 4, np.random.default_rng(0)):
        begun += int(begins.sum())
        for lane, piece in enumerate(pieces):
            assert len(np.unique(household[piece])) <= 1
            served[lane] += piece.tolist()
    assert sorted(event for lane in served.values() for event in lane) == list(range(len(household)))
    assert begun == 9


def test_a_step_holds_the_kth_event_of_each_user_longest_first() -> None:
    steps = schedule(np.array([4, 2, 4, 0, 2, 4]))
    assert steps.users.tolist()[:2] == [4, 2]
    assert steps.widths.tolist() == [3, 2, 1]
    assert steps.order.tolist() == [0, 1, 3, 2, 4, 5]


def test_heaviest_ranks_by_value_then_place_and_pads() -> None:
    values = np.array([[0.1, 0.4, 0.4, 0.0], [0, 0, 0, 0.5]], np.float32)
    places, best = heaviest(values, 3)
    assert places.tolist() == [[1, 2, 0], [3, -1, -1]]
    np.testing.assert_allclose(best, [[0.4, 0.4, 0.1], [0.5, 0, 0]])
    assert heaviest(values, 6)[0].shape == (2, 6)


def test_heaviest_names_what_the_codes_say_and_ranks_equal_values_by_it() -> None:
    values = np.array([[0.1, 0.4, 0.4, 0.2]], np.float32)
    codes = LAST - np.array([[70, 900, 30, 65_535]])
    numbers, best = heaviest(values, 3, codes)
    assert numbers.tolist() == [[30, 900, 65_535]]
    np.testing.assert_array_equal(best, np.array([[0.4, 0.4, 0.2]], np.float32))


def test_heaviest_gives_values_back_to_the_last_bit() -> None:
    values = np.random.default_rng(0).random((50, 300), np.float32) ** 20
    places, best = heaviest(values, 12)
    np.testing.assert_array_equal(best, -np.sort(-values, axis=1)[:, :12])
    np.testing.assert_array_equal(np.take_along_axis(values, places.astype(np.int64), axis=1), best)
