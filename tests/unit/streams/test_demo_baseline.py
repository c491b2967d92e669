"""The demo's baseline and what it is asked: equal to a plain, slow reading of the protocol."""

from collections import Counter

import numpy as np
import pytest

from streams.demo.baseline import Baseline
from streams.demo.purchases import NONE, Year, first_of, wanted_next
from tests.unit.streams.making_years import CATEGORIES, make_year

TOP = 3


def slow_hits(year: Year) -> dict[int, bool]:
    """Line -> was the next step's category in the top, one event per (household, basket, category), by sorting."""
    hits = {}
    for household in sorted(set(year.household[year.in_test].tolist())):
        lines = np.flatnonzero(year.household == household).tolist()
        bought: Counter[int] = Counter()
        held: set[int] = set()
        basket = None
        for place, line in enumerate(lines):
            if year.basket[line] != basket:
                basket, held = year.basket[line], set()
            category = int(year.category[line])
            if category not in held:
                bought[category] += 1
            held.add(category)
            if place + 1 == len(lines):
                continue
            after = lines[place + 1]
            same_basket = year.basket[after] == basket
            if same_basket and int(year.category[after]) in held:
                continue  # no event of the protocol: this category was counted in this basket before
            free = [c for c in range(CATEGORIES) if c not in held]
            ranked = sorted(free, key=lambda c: (-bought[c], -year.popularity[c]))
            hits[line] = int(year.category[after]) in ranked[:TOP]
    return hits


@pytest.mark.parametrize("seed", range(5))
def test_hits_equal_a_plain_ranking_of_own_counts_then_popularity(seed: int) -> None:
    year = make_year(seed)
    lines, hits = Baseline(year, TOP).walk(len(year))
    assert dict(zip(lines.tolist(), hits.tolist(), strict=True)) == slow_hits(year)


def test_walking_in_pieces_gives_the_same_as_walking_at_once() -> None:
    year = make_year(7)
    walker = Baseline(year, TOP)
    pieces = [walker.walk(stop) for stop in (1, 2, 150, 150, 399, len(year))]
    lines, hits = Baseline(year, TOP).walk(len(year))
    assert np.concatenate([piece[0] for piece in pieces]).tolist() == lines.tolist()
    assert np.concatenate([piece[1] for piece in pieces]).tolist() == hits.tolist()


def test_a_household_is_asked_only_for_the_first_line_of_a_category_in_a_basket() -> None:
    household = np.array([1, 1, 2, 1, 1, 2], np.int32)
    basket = np.array([10, 10, 20, 10, 11, 20], np.int64)
    category = np.array([4, 5, 4, 4, 4, 5], np.int32)
    step = first_of(basket * 10 + category)
    assert step.tolist() == [True, True, True, False, True, True]
    assert wanted_next(household, category, step).tolist() == [5, NONE, 5, 4, NONE, NONE]
