"""Two sets of answers: what makes them the same, and what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluate.behaviour import TOP, Answers
from models.evaluate.parity import CHUNK, compare, side_by_side


def answered(n: int, seed: int = 0) -> Answers:
    """Lists of 20 of 60 labels, falling in confidence."""
    random = np.random.default_rng(seed)
    ids = np.argsort(random.random((2, n, 60)), axis=2)[:, :, :TOP].astype(np.int32)
    shares = -np.sort(-random.random((2, n, TOP)), axis=2).astype(np.float32) / TOP
    return Answers(ids[0], shares[0], ids[1], shares[1], random.random(n).astype(np.float32))


def test_equal_answers_do_not_differ() -> None:
    found = compare(answered(CHUNK + 7), answered(CHUNK + 7))
    assert (found.confidence, found.week, found.equal_categories, found.equal_products) == (0, 0, 1, 1)
    assert found.within(0)


def test_a_confidence_is_compared_label_by_label_wherever_it_stands() -> None:
    one = answered(5)
    two = replace(one, confidence=one.confidence.copy(), categories=one.categories.copy())
    two.confidence[3, 6] += 0.004
    found = compare(one, two)
    assert found.confidence == pytest.approx(0.004, abs=1e-6)
    assert found.equal_categories == 1
    assert not found.within(1e-4)
    two.categories[3, [6, 7]] = two.categories[3, [7, 6]]  # the labels change places, and with them their confidences
    swapped = compare(one, two)
    assert swapped.confidence >= one.confidence[3, 6] - one.confidence[3, 7]
    assert swapped.equal_categories == 0.8


def test_two_labels_of_one_confidence_may_change_places() -> None:
    one = answered(4)
    one.products[2, 1], one.product_confidence[2, 1] = 70, one.product_confidence[2, 0]
    two = replace(one, products=one.products.copy())
    two.products[2, [0, 1]] = two.products[2, [1, 0]]
    found = compare(one, two)
    assert found.within(0)
    assert found.equal_products == 0.75


def test_a_label_that_only_one_list_names_counts_by_what_it_has_above_the_other_lists_end() -> None:
    one = answered(3)
    two = replace(one, categories=one.categories.copy())
    two.categories[0, 0] = 99
    assert compare(one, two).confidence == pytest.approx(one.confidence[0, 0] - one.confidence[0, -1])
    short = replace(one, categories=one.categories.copy(), confidence=one.confidence.copy())
    short.categories[1, 5:], short.confidence[1, 5:] = -1, 0
    assert compare(short, short).within(0)
    assert compare(one, short).confidence == pytest.approx(one.confidence[1, 5])


def test_the_chance_of_a_basket_counts_too() -> None:
    one = answered(3)
    found = compare(one, replace(one, week=one.week + np.float32(0.01)))
    assert found.week == pytest.approx(0.01, abs=1e-6)
    assert not found.within(1e-4)


def test_figures_stand_side_by_side() -> None:
    offline = [{"task": "t", "value": 0.5, "baselines": {}}, {"task": "u", "value": 0.25, "baselines": {}}]
    rows, apart = side_by_side(offline, [{**offline[0], "value": 0.75}, offline[1]])
    assert rows[0] == {"task": "t", "value": 0.75, "baselines": {"offline": 0.5}}
    assert apart == 0.25
