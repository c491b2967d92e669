"""A window is only a way to be fast: it must not show in any answer or row."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour import Sizes
from models.behaviour.predictor import CHUNK
from models.columns import BehaviourBatch
from tests.unit.models.behaviour_worlds import CATEGORIES, drawn, predictor, streamed

MODEL = predictor()
ODD = predictor(
    sizes=Sizes(CATEGORIES + 9, hidden=5, embedding=6, basket=4, profile=4, mixer=4, habits=5)
)  # odd row size
TOLERANCE = 1e-5
BESIDE = {
    "risks",
    "session_purchase",
    "next_visit",
    "attribute_probability",
}  # of models of their own, which have tests of theirs


def assert_same_rows(left: np.ndarray, right: np.ndarray) -> None:
    for name in left.dtype.names or ():
        if left[name].dtype.kind == "f":
            np.testing.assert_allclose(left[name], right[name], atol=TOLERANCE, rtol=TOLERANCE, err_msg=name)
        else:
            np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def assert_same_answers(whole: list[BehaviourBatch], single: list[BehaviourBatch]) -> None:
    for name in set(BehaviourBatch.__slots__) - BESIDE:
        left = np.concatenate([getattr(batch, name) for batch in whole])
        right = np.concatenate([getattr(batch, name) for batch in single])
        if name in ("category_confidence", "product_confidence", "attribute_share", "purchase_probability"):
            np.testing.assert_allclose(left, right, atol=TOLERANCE, err_msg=name)
        elif name in ("category_ids", "product_ids"):
            value = name.replace("ids", "confidence")
            confidence = np.concatenate([getattr(batch, value) for batch in whole])
            assert_same_ranking(left, right, confidence)
        elif name == "attribute_keys":
            np.testing.assert_array_equal(left, right)


def assert_same_ranking(left: np.ndarray, right: np.ndarray, confidence: np.ndarray) -> None:
    """Places may only differ where neighbours in the ranking, or the first that is cut off, are equally likely."""
    for event, place in zip(*np.nonzero(left != right), strict=True):
        near = np.abs(confidence[event] - confidence[event, place]) < 2 * TOLERANCE
        assert near.sum() > 1 or place == left.shape[1] - 1


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    users=st.integers(1, 7),
    n=st.integers(1, 32),
    cuts=st.lists(st.integers(1, 31), max_size=5),
)
def test_any_interleaving_and_any_windows_answer_as_one_event_at_a_time(
    seed: int, users: int, n: int, cuts: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    events, slots = drawn(rng, n), rng.integers(0, users, n)
    inside = sorted({cut for cut in cuts if cut < n})
    windows, rows = streamed(MODEL, users, slots, events, inside)
    single, single_rows = streamed(MODEL, users, slots, events, list(range(1, n)))
    assert_same_answers(windows, single)
    assert_same_rows(rows, single_rows)


def test_a_window_of_many_events_answers_as_small_ones() -> None:
    rng, n = np.random.default_rng(7), 3 * CHUNK + 5
    events, slots = drawn(rng, n), rng.integers(0, 40, n)
    whole, rows = streamed(MODEL, 40, slots, events, [])
    small, small_rows = streamed(MODEL, 40, slots, events, list(range(7, n, 7)))
    assert_same_answers(whole, small)
    assert_same_rows(rows, small_rows)


def test_a_row_of_an_odd_size_is_read_and_written_as_any_other() -> None:
    assert ODD.row_dtype.itemsize % 2 == 1
    rng = np.random.default_rng(8)
    events, slots = drawn(rng, 60), rng.integers(0, 3, 60)
    windows, rows = streamed(ODD, 3, slots, events, [11, 30])
    single, single_rows = streamed(ODD, 3, slots, events, list(range(1, 60)))
    assert_same_answers(windows, single)
    assert_same_rows(rows, single_rows)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), users=st.integers(2, 6))
def test_the_order_between_users_does_not_matter(seed: int, users: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    events, slots = drawn(rng, n), rng.integers(0, users, n)
    _, mixed = streamed(MODEL, users, slots, events, [13, 27])
    grouped = np.argsort(slots, kind="stable")
    _, apart = streamed(MODEL, users, slots[grouped], events.take(grouped), [])
    assert_same_rows(mixed, apart)


def test_emit_names_the_events_that_are_answered() -> None:
    rng = np.random.default_rng(5)
    events, slots = drawn(rng, 30), rng.integers(0, 4, 30)
    every = MODEL.run(MODEL.blank(4), slots, events, top=4)
    emit = rng.random(30) < 0.4
    some = MODEL.run(MODEL.blank(4), slots, events, top=4, emit=emit)
    np.testing.assert_allclose(some.category_confidence, every.category_confidence[emit], atol=TOLERANCE)
    np.testing.assert_allclose(some.product_confidence, every.product_confidence[emit], atol=TOLERANCE)
    assert_same_rows(some.rows, every.rows)
