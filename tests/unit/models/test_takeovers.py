"""Injected takeovers: real lines of another household, once, in a few hours, by the stated rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.data.journey import Purchases
from models.data.takeovers import BASKETS, COUNTRIES, KINDS, KNOWN_LINES, LINES, SPAN_MS, Shopping, with_takeovers
from models.data.usual_prices import PRIOR, beside, usual_logs

HOUSEHOLDS, EACH, BASKET, CATEGORIES = 10, 90, 3, 8
DAY_MS = 86_400_000


def purchases() -> tuple[Purchases, np.ndarray]:
    """Households with baskets of three lines every other day, and what one piece of each cost."""
    random = np.random.default_rng(3)
    n = HOUSEHOLDS * EACH
    basket = np.arange(n) // BASKET
    category = random.integers(0, CATEGORIES, n).astype(np.int32)
    lines = Purchases(
        household=(np.arange(n) // EACH).astype(np.int32),
        basket=basket.astype(np.int64),
        product=np.arange(n, dtype=np.int64) + 1_000,
        category=category,
        times_ms=(basket % (EACH // BASKET) * 2 * DAY_MS + random.integers(8, 20, n)[basket] * 3_600_000),
        bucket=np.zeros(n, np.int8),
        categories=tuple(f"C{i}" for i in range(CATEGORIES)),
    )
    return lines, random.lognormal(size=n).round(2)


def shopping(share: float = 1.0) -> Shopping:
    lines, prices = purchases()
    usual = usual_logs(lines.category, prices, CATEGORIES)
    return with_takeovers(lines, prices, beside(lines.category, prices, usual), share=share, seed=5)


def test_every_event_is_a_line_of_the_source_and_those_of_a_takeover_are_of_another_household() -> None:
    (lines, prices), found = purchases(), shopping()
    for column in ("product", "category"):
        np.testing.assert_array_equal(getattr(found, column), getattr(lines, column)[found.line])
    np.testing.assert_array_equal(found.price, prices[found.line])
    own = found.kind < 0
    np.testing.assert_array_equal(lines.household[found.line] == found.household, own)
    assert sorted(found.line[own].tolist()) == list(range(len(lines)))
    assert set(found.country.tolist()) <= {0, *COUNTRIES}


@pytest.mark.parametrize("household", range(HOUSEHOLDS))
def test_a_takeover_is_a_few_hours_of_a_household_that_has_a_history(household: int) -> None:
    found = shopping()
    mine = found.household == household
    assert (np.diff(found.times_ms[mine]) >= 0).all()
    taken = np.flatnonzero(found.kind[mine] >= 0)
    assert 1 <= len(taken) <= LINES[1]
    assert taken[0] > KNOWN_LINES
    times, sessions = found.times_ms[mine][taken], found.session[mine][taken]
    assert times[-1] - times[0] <= 2 * SPAN_MS[1]
    assert len(set(sessions.tolist())) <= BASKETS
    assert set(sessions.tolist()).isdisjoint(found.session[found.kind < 0].tolist())


def test_kinds_have_equal_parts_of_the_share_that_is_taken_over() -> None:
    for share, each in ((1.0, 2), (0.5, 1)):
        found = shopping(share)
        taken = {int(one): int(kind) for one, kind in zip(found.household, found.kind, strict=True) if kind >= 0}
        assert sorted(taken.values()) == sorted(list(range(len(KINDS))) * each)


def test_a_price_is_measured_against_its_category_and_unknown_ones_say_nothing() -> None:
    category = np.array([0, 0, 1, 1], np.int32)
    prices = np.array([np.e, np.e, np.e**3, 0.0])
    usual = usual_logs(category, prices, 3)
    mean = 5 / 3
    expected = [(2 + PRIOR * mean) / (PRIOR + 2), (3 + PRIOR * mean) / (PRIOR + 1), mean, mean]
    np.testing.assert_allclose(usual, expected)
    np.testing.assert_allclose(beside(category, prices, usual), [1 - usual[0], 1 - usual[0], 3 - usual[1], 0])


def test_a_household_whose_history_ends_with_one_long_basket_can_be_taken_over() -> None:
    lines, prices = purchases()
    last = np.arange(len(lines)) % EACH == EACH - 1  # a basket of its own, at the time at which the long one began
    basket = lines.household.astype(np.int64) * 2 + last
    at_once = replace(lines, times_ms=np.full(len(lines), 20 * DAY_MS), basket=basket)
    found = with_takeovers(at_once, prices, np.zeros(len(lines)), share=1.0, seed=5)
    assert len(set(found.household[found.kind >= 0].tolist())) == HOUSEHOLDS
