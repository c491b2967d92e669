"""Next products in the demo: the baseline is a plain ranking, and prediction and truth stand beside each other."""

import io
from collections import Counter

import numpy as np
import pytest
from rich.console import Console

from schemas.codec import encode
from schemas.predictions import ModelRef, NextCategory, NextProduct, Source, UserPrediction
from schemas.topics import PRODUCT_CATEGORIES, USER_PREDICTIONS
from streams.demo.catalogue import Product
from streams.demo.checker import Checker, UserRow
from streams.demo.ledger import Ledger
from streams.demo.product_baseline import ProductBaseline
from streams.demo.purchases import NONE, Year
from streams.demo.screen import FIXED_LINES, ROWS, WIDTH, Moment, render
from tests.unit.streams.making_years import make_year

TOP = 3


class Record:
    """What the reader hands on, as far as the checker looks at it."""

    def __init__(self, value: bytes) -> None:
        self.value = value


def slow_hits(year: Year) -> list[int]:
    """The lines after which the wanted product is among the household's most bought, by sorting all of them."""
    hits = []
    for household in sorted(set(year.household[year.in_test].tolist())):
        bought: Counter[int] = Counter()
        latest: dict[int, int] = {}
        category: dict[int, int] = {}
        for line in np.flatnonzero(year.household == household).tolist():
            product = int(year.product[line])
            bought[product] += 1
            latest[product], category[product] = line, int(year.category[line])
            basket = (year.household == household) & (year.basket == year.basket[line]) & (np.arange(len(year)) <= line)
            held = set(year.category[basket].tolist())
            offered = [each for each in bought if category[each] not in held]
            ranked = sorted(offered, key=lambda each: (-bought[each], -latest[each]))
            if year.wanted_product[line] in ranked[:TOP]:
                hits.append(line)
    return sorted(hits)


@pytest.mark.parametrize("seed", range(4))
def test_hits_equal_a_plain_ranking_of_own_counts_then_the_latest(seed: int) -> None:
    year = make_year(seed)
    walker = ProductBaseline(year, TOP)
    found = np.concatenate([walker.walk(stop) for stop in (3, 120, 120, len(year))])
    assert found.tolist() == slow_hits(year)
    assert len(found) > 5


def prediction_of(line: int, year: Year, products: list[str]) -> Record:
    return Record(
        encode(
            UserPrediction(
                prediction_id="p",
                user_id=f"household-{year.household[line]}",
                event_id=f"purchase-{line}",
                as_of=1,
                source=Source("t", 0, 0),
                model=ModelRef("m", "1"),
                next_categories=[NextCategory("C1", 0.5)],
                next_products=[NextProduct(product, 0.1) for product in products],
                preferred_attributes=[],
                purchase_probability=0.5,
            )
        )
    )


def test_a_named_product_is_a_hit_and_shown_with_its_title_beside_the_one_that_came() -> None:
    year = make_year(1)
    line = next(line for line in range(len(year)) if year.in_test[line] and year.wanted[line] != NONE)
    wanted = str(year.wanted_product[line])
    checker = Checker(
        year,
        Ledger(3, (PRODUCT_CATEGORIES.name,)),
        Ledger(len(year), (USER_PREDICTIONS.name,)),
        households_unseen=True,
        takeovers_unseen=True,
    )
    checker.expect_products([Product(wanted, "Shredded Cheese, 8 oz", ("C",), "grocery", True)])
    checker.expect_product_hits(np.array([line]))
    checker.purchases.send(np.full(line + 1, 1.0))
    checker.read_predictions([prediction_of(line, year, ["unknown-7", wanted])], 1.1)
    scores = checker.scores
    assert (scores.product_model.value, scores.product_baseline.value, scores.product_model.n) == (1, 1, 1)
    assert {row["task"]: row["value"] for row in scores.rows()}["next product of the household"] == 1
    (row,) = checker.user_rows
    assert row.predicted_products == ["unknown-7", "Shredded Cheese, 8 oz"]
    assert (row.wanted_product, row.product_rank) == ("Shredded Cheese, 8 oz", 2)


@pytest.mark.parametrize("rows", range(1, ROWS + 1))
def test_the_screen_fits_its_height_and_shows_both_lists(rows: int) -> None:
    year = make_year(1)
    checker = Checker(
        year,
        Ledger(1, ("a",)),
        Ledger(len(year), (USER_PREDICTIONS.name,)),
        households_unseen=True,
        takeovers_unseen=True,
    )
    user = UserRow("12", "MILK", ["EGGS", "TEA"], "TEA", 2, ["Milk, 1 gal"], "Large Eggs", 0, True)
    moment = Moment("live", "Kafka", 3.0, 30.0, {}, [], [user] * 4)
    console = Console(file=io.StringIO(), width=WIDTH, record=True)
    console.print(render(checker, moment, rows))
    lines = console.export_text().splitlines()
    assert len(lines) <= FIXED_LINES + 2 * rows
    text = "\n".join(lines)
    assert text.count("Eggs, Tea") == text.count("Milk, 1 gal") == (rows + 1) // 2
    assert "next product: recall@10" in text
