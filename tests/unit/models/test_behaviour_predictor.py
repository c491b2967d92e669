"""What a user's answers promise, event by event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.behaviour import Sizes
from models.behaviour.row import NO_HABIT, NO_PRODUCT
from models.columns import EventColumns
from models.errors import BatchError
from schemas.events import EVENT_TYPES, MAX_TIME_MS
from tests.unit.models.behaviour_worlds import (
    CATEGORIES,
    PURCHASE,
    SIZES,
    VIEW,
    columns,
    drawn,
    predictor,
    streamed,
    taken,
)

MODEL = predictor()


def answers(events: EventColumns, top: int = CATEGORIES):
    return MODEL.run(MODEL.blank(1), np.zeros(len(events.types), np.int64), events, top=top)


def chances(events: EventColumns) -> np.ndarray:
    """(n, CATEGORIES) the confidence of each category after each event."""
    batch = answers(events)
    out = np.zeros((len(batch.category_ids), CATEGORIES + 1))
    np.put_along_axis(out, batch.category_ids, batch.category_confidence, axis=1)
    return out[:, :CATEGORIES]


def test_raw_lines_and_one_event_per_category_give_the_same_answers() -> None:
    lines = columns([3, 4, 3, 5, 4, 6], sessions=[1, 1, 1, 2, 2, 2], hours=[0, 0, 0, 50, 50, 50])
    once = np.array([0, 1, 3, 4, 5])
    np.testing.assert_allclose(chances(lines)[once], chances(taken(lines, once)), atol=1e-6)


def test_another_line_of_a_category_in_the_basket_changes_no_category() -> None:
    chance = chances(columns([3, 4, 3]))
    np.testing.assert_allclose(chance[1], chance[2], atol=1e-6)


def test_categories_and_products_of_the_running_basket_are_not_offered() -> None:
    batch = answers(columns([3, 4, 5], products=[3, 34, 65]))
    for event, basket in enumerate([{3}, {3, 4}, {3, 4, 5}]):
        assert basket.isdisjoint(batch.category_ids[event].tolist())
        assert basket.isdisjoint({p % CATEGORIES for p in batch.product_ids[event].tolist() if p >= 0})


def test_a_new_session_offers_the_categories_of_the_last_basket_again() -> None:
    batch = answers(columns([3, 4], sessions=[1, 2], hours=[0, 30]))
    assert 3 not in batch.category_ids[0]
    assert 3 in batch.category_ids[1]


def test_confidences_fall_and_are_shares() -> None:
    batch = answers(drawn(np.random.default_rng(1), 50))
    for confidence in (batch.category_confidence, batch.product_confidence):
        assert (np.diff(confidence, axis=1) <= 0).all()
        assert (confidence.sum(axis=1) <= 1 + 1e-5).all()
        assert (confidence >= 0).all()
    assert ((batch.purchase_probability >= 0) & (batch.purchase_probability <= 1)).all()


def test_no_product_is_listed_twice() -> None:
    for ids in answers(drawn(np.random.default_rng(2), 60), top=20).product_ids:
        listed = ids[ids >= 0].tolist()
        assert len(listed) == len(set(listed))


def test_a_best_seller_that_the_user_has_bought_is_listed_once_with_both_weights() -> None:
    model, slots = predictor(sizes=replace(SIZES, products=0), seed=6), np.zeros(2, np.int64)  # no state of products
    other, mine = (
        model.run(model.blank(1), slots, columns([3, 9], products=products, sessions=[1, 2]), top=CATEGORIES)
        for products in (None, [3, 9])
    )
    ids = mine.product_ids[-1].tolist()
    assert ids.count(3) == 1
    assert mine.product_confidence[-1][ids.index(3)] > 1.5 * other.product_confidence[-1][
        other.product_ids[-1].tolist().index(3)
    ]  # fmt: skip


def test_a_product_with_a_vector_of_its_own_moves_the_state_and_others_are_one() -> None:
    slots = np.zeros(1, np.int64)
    vectors = SIZES.products
    none, known, other = (
        MODEL.run(MODEL.blank(1), slots, columns([3], products=[product])).rows["h"]
        for product in (-1, 3, 3 + vectors // CATEGORIES * CATEGORIES + CATEGORIES)
    )
    assert (none != known).any()
    np.testing.assert_array_equal(none, other)


def test_a_product_bought_again_and_again_leads_its_category() -> None:
    product = CATEGORIES + 7
    batch = answers(columns([7, 7, 9], products=[product, product, 9], sessions=[1, 2, 3], hours=[0, 100, 200]), top=90)
    of_category = [p for p in batch.product_ids[-1].tolist() if p >= 0 and p % CATEGORIES == 7]
    assert of_category[0] == product


def test_carts_weigh_more_than_views_and_uncart_takes_back() -> None:
    kinds = {name: EVENT_TYPES.index(name) for name in EVENT_TYPES}

    def weight(*names: str) -> float:
        events = columns([4] * len(names), types=[kinds[name] for name in names])
        row = MODEL.run(MODEL.blank(1), np.zeros(len(names), np.int64), events).rows[0]
        return float(row["habit_weight"][row["habit_id"] == 4].sum())

    assert weight("purchase") == 1
    assert weight("cart") > weight("wishlist") > weight("view") > weight("search") == 0
    assert weight("cart", "uncart") == 0
    assert weight("uncart") == 0


def test_events_that_are_no_purchases_leave_the_lstm_alone() -> None:
    before = MODEL.run(MODEL.blank(1), np.zeros(2, np.int64), columns([1, 2])).rows
    kinds = [t for t in range(len(EVENT_TYPES)) if t != PURCHASE]
    after = MODEL.run(before, np.zeros(5, np.int64), columns([5] * 5, types=kinds, hours=[1] * 5)).rows
    np.testing.assert_array_equal(after["h"], before["h"])
    np.testing.assert_array_equal(after["ring_name"], before["ring_name"])
    assert after["seen_ms"][0] > before["seen_ms"][0]


def test_an_unknown_category_moves_the_time_only() -> None:
    before = MODEL.run(MODEL.blank(1), np.zeros(2, np.int64), columns([1, 2])).rows
    after = MODEL.run(before, np.zeros(1, np.int64), columns([-1], hours=[9], sessions=[2])).rows
    changed = [name for name in after.dtype.names if not np.array_equal(after[name], before[name])]
    assert changed == ["seen_ms"]


def test_the_habit_that_has_faded_most_makes_room() -> None:
    n = SIZES.habits + 1
    events = columns(list(range(n)), sessions=list(range(1, n + 1)), hours=[100.0 * k for k in range(n)])
    row = MODEL.run(MODEL.blank(1), np.zeros(n, np.int64), events).rows[0]
    assert row["habit_id"].tolist() == list(range(1, n))


def test_liked_attributes_are_those_seen_most() -> None:
    attributes = [[11, 0], [11, 22], [11, 33], [22, 11]]
    events = columns([1, 2, 3, 4], attributes=attributes, types=[PURCHASE] * 4)
    batch = answers(events, top=5)
    assert batch.attribute_keys[-1].tolist()[:2] == [11, 22]
    assert batch.attribute_share[-1].sum() == pytest.approx(1, abs=1e-6)
    assert batch.attribute_keys[0].tolist() == [11, 0, 0]


def test_extreme_times_and_long_gaps_give_finite_answers() -> None:
    events = replace(columns([1, 2, 3, 1]), times_ms=np.array([0, MAX_TIME_MS, 5, MAX_TIME_MS], np.int64))
    batch = answers(events)
    assert np.isfinite(batch.category_confidence).all()
    assert np.isfinite(batch.purchase_probability).all()


def test_an_empty_window_returns_the_rows() -> None:
    rows = MODEL.blank(2)
    batch = MODEL.run(rows, np.zeros(0, np.int64), columns([]))
    np.testing.assert_array_equal(batch.rows, rows)
    assert batch.category_ids.shape == (0, 10)


def test_rows_given_in_are_not_changed() -> None:
    rows = MODEL.blank(1)
    MODEL.run(rows, np.zeros(2, np.int64), columns([1, 2]))
    np.testing.assert_array_equal(rows, MODEL.blank(1))


def test_the_offset_of_the_engine_is_kept() -> None:
    rows = MODEL.blank(1)
    rows["offset"] = 77
    assert MODEL.run(rows, np.zeros(1, np.int64), columns([1])).rows["offset"][0] == 77


def test_rows_of_another_model_are_refused() -> None:
    with pytest.raises(BatchError, match="rewarm"):
        MODEL.run(predictor("2").blank(1), np.zeros(1, np.int64), columns([1]))
    with pytest.raises(BatchError, match="layout"):
        MODEL.run(predictor("1", replace(SIZES, hidden=9)).blank(1), np.zeros(1, np.int64), columns([1]))


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(BatchError, match="categories 2"):
        MODEL.run(MODEL.blank(1), np.zeros(3, np.int64), replace(columns([1, 2, 3]), categories=np.zeros(2, np.int32)))


def test_a_rewarmed_row_answers_as_if_the_new_model_had_seen_the_last_tokens() -> None:
    rng = np.random.default_rng(4)
    events, slots = drawn(rng, 24), np.zeros(24, np.int64)
    events = replace(events, types=np.full(24, PURCHASE, np.uint8), times_ms=events.times_ms // 60_000 * 60_000)
    events = replace(events, products=np.full(24, -1, np.int32), prices=None, quantities=None)  # the ring has neither
    newer = predictor("2", replace(SIZES, hidden=10), seed=9)
    _, old = streamed(MODEL, 1, slots, events, [])
    _, new = streamed(newer, 1, slots, events, [])
    warm = newer.rewarm(old)
    np.testing.assert_allclose(warm["h"], new["h"], atol=1e-5)
    np.testing.assert_array_equal(warm["basket"], new["basket"])
    np.testing.assert_array_equal(warm["habit_id"], new["habit_id"])
    assert warm["model"][0] == newer.key


def test_a_rewarmed_row_of_the_same_layout_keeps_habits_and_lists() -> None:
    rng = np.random.default_rng(6)
    _, old = streamed(MODEL, 3, rng.integers(0, 3, 200), drawn(rng, 200), [])
    warm = predictor("2", seed=8).rewarm(old)
    for name in (
        "habit_id",
        "habit_weight",
        "bought_id",
        "bought_weight",
        "liked_key",
        "visits",
        "basket",
        "offset",
        "cursor",
    ):
        np.testing.assert_array_equal(warm[name], old[name])
    assert (warm["h"] != old["h"]).any()


def test_rewarming_needs_the_prefix_only_and_goes_on_in_the_running_basket() -> None:
    events = columns([1, 2], sessions=[5, 5], hours=[0, 0])
    _, old = streamed(MODEL, 1, np.zeros(2, np.int64), events, [])
    stored = np.frombuffer(old.tobytes()[: MODEL.prefix_dtype.itemsize], MODEL.prefix_dtype)
    newer = predictor("2", Sizes(CATEGORIES, hidden=4, habits=5))
    batch = newer.run(newer.rewarm(stored), np.zeros(1, np.int64), columns([3], sessions=[5]), top=CATEGORIES)
    assert {1, 2, 3}.isdisjoint(batch.category_ids[0].tolist())


def test_rows_without_the_prefix_cannot_be_rewarmed() -> None:
    with pytest.raises(BatchError, match="seen_ms"):
        MODEL.rewarm(
            np.zeros(1, np.dtype([("format", "<u1"), ("reserved", "<u1", (3,)), ("model", "<u4"), ("offset", "<i8")]))
        )


def test_unused_places_are_marked() -> None:
    row = MODEL.blank(1)[0]
    assert (row["habit_id"] == NO_HABIT).all()
    assert (row["bought_id"] == NO_PRODUCT).all()


def test_a_view_is_answered_with_the_basket_still_running() -> None:
    batch = answers(columns([3, 8], types=[PURCHASE, VIEW], sessions=[1, 9]))
    assert 3 not in batch.category_ids[1]
