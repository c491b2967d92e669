"""The demo's books: what was sent, what came back, and when the counts do not match."""

import numpy as np
import pytest

from schemas.codec import encode
from schemas.letters import DeadLetter
from schemas.predictions import (
    Attribute,
    Category,
    ModelRef,
    NextCategory,
    ProductAttributes,
    ProductCategories,
    Source,
    UserPrediction,
)  # fmt: skip
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES, USER_PREDICTIONS
from streams.demo.catalogue import Product
from streams.demo.checker import Checker
from streams.demo.ledger import Ledger
from streams.demo.report import Timing, make_report
from tests.unit.streams.making_years import make_year

PLACE = {"prediction_id": "p", "as_of": 1, "source": Source("t", 0, 0), "model": ModelRef("m", "1")}
TIMING = Timing(1.0, 2.0, 0.5)


class Record:
    """What the reader hands on, as far as the checker looks at it."""

    def __init__(self, value: bytes) -> None:
        self.value = value


def categories_of(product: Product, *path: str) -> Record:
    return Record(
        encode(ProductCategories(product_id=product.product_id, categories=[Category(list(path), 0.9)], **PLACE))
    )


def attributes_of(product: Product, department: str) -> Record:
    found = [Attribute("department", department, 0.8)]
    return Record(encode(ProductAttributes(product_id=product.product_id, attributes=found, **PLACE)))


def prediction_of(line: int, *categories: str) -> Record:
    return Record(
        encode(
            UserPrediction(
                user_id="household-1",
                event_id=f"purchase-{line}",
                next_categories=[NextCategory(name, 0.1) for name in categories],
                next_products=[],
                preferred_attributes=[],
                purchase_probability=0.5,
                **PLACE,
            )
        )
    )


CHEESE = Product("1", "Shredded Cheese", ("GROCERY", "CHEESE"), "grocery", True)
MILK = Product("2", "Milk", ("GROCERY", "MILK"), "grocery", False)
PHONE = Product("pricerunner-1", "some phone 64gb", ("Mobile Phones",), "electronics", True)


@pytest.fixture
def checker() -> Checker:
    year = make_year(1)
    products = Ledger(10, (PRODUCT_CATEGORIES.name, PRODUCT_ATTRIBUTES.name))
    made = Checker(
        year, products, Ledger(len(year), (USER_PREDICTIONS.name,)), households_unseen=True, takeovers_unseen=True
    )
    made.expect_products([CHEESE, MILK, PHONE])
    return made


def answer_everything(checker: Checker, lines: int) -> None:
    """Three products and some purchases, sent at 1.0 and answered at 1.01."""
    checker.products.send(np.full(3, 1.0))
    right = [categories_of(CHEESE, *CHEESE.path), categories_of(MILK, *MILK.path), categories_of(PHONE, "TVs")]
    checker.read_categories(right, 1.01)
    departments = [attributes_of(CHEESE, "GROCERY"), attributes_of(MILK, "DELI"), attributes_of(PHONE, "GROCERY")]
    checker.read_attributes(departments, 1.01)
    checker.purchases.send(np.full(lines, 1.0))
    checker.read_predictions([prediction_of(line, "C1", "C2") for line in range(lines)], 1.01)


def test_a_run_whose_counts_match_exits_with_0(checker: Checker) -> None:
    answer_everything(checker, 20)
    report = make_report(checker, TIMING, "kafka", stopped=False)
    assert report.problems == []
    assert report.exit_code == 0
    assert report.facts["counts"] == {
        "product-upsert": 3,
        "product-categories": 3,
        "product-attributes": 3,
        "user-behaviour": 20,
        "user-predictions": 20,
        "dead-letters": 0,
    }
    assert report.facts["rates"] == {"in_per_second": 11.5, "out_per_second": 9.2}
    assert report.facts["latency"]["behaviour"]["p50_ms"] == pytest.approx(10, rel=0.03)


def test_a_missing_prediction_fails_and_says_how_many_there_are(checker: Checker) -> None:
    answer_everything(checker, 20)
    checker.purchases.send(np.full(1, 2.0))
    report = make_report(checker, TIMING, "kafka", stopped=False)
    assert report.exit_code == 1
    assert report.problems == ["user-behaviour: 21 events were sent, user-predictions has answers to 20"]


def test_an_answer_in_only_one_of_two_topics_is_not_complete(checker: Checker) -> None:
    checker.products.send(np.full(1, 1.0))
    checker.read_categories([categories_of(CHEESE, *CHEESE.path)], 1.1)
    assert checker.products.waiting == 1


def test_a_dead_letter_fails_and_the_first_one_is_named(checker: Checker) -> None:
    answer_everything(checker, 5)
    letter = DeadLetter(
        source=Source("user-behaviour", 2, 7), reason="invalid", error="no user_id", failed_at=1, timestamp=1
    )
    checker.read_letters([Record(encode(letter))], 1.2)
    report = make_report(checker, TIMING, "kafka", stopped=False)
    assert report.exit_code == 1
    assert "user-behaviour[2]@7: invalid: no user_id" in report.problems[0]


def test_nothing_sent_is_no_success(checker: Checker) -> None:
    assert make_report(checker, TIMING, "kafka", stopped=True).exit_code == 1


def test_a_repeated_answer_is_counted_once_and_noted(checker: Checker) -> None:
    answer_everything(checker, 5)
    checker.read_predictions([prediction_of(3, "C1")], 1.5)
    assert checker.purchases.answered["user-predictions"] == 5
    assert checker.purchases.repeated == 1
    assert len(checker.latency["behaviour"]) == 5


def test_an_answer_to_what_was_never_sent_fails(checker: Checker) -> None:
    answer_everything(checker, 5)
    checker.read_predictions([prediction_of(300, "C1")], 1.5)
    report = make_report(checker, TIMING, "kafka", stopped=False)
    assert report.problems == ["user-behaviour: 1 answers are to events that were never sent"]


def test_accuracy_is_taken_on_unseen_products_only(checker: Checker) -> None:
    answer_everything(checker, 5)
    found = {task: (score.right, score.n) for task, score in checker.scores.products.items()}
    assert found == {"grocery category": (1, 1), "grocery department": (1, 1), "electronics category": (0, 1)}


def test_recall_is_taken_on_test_households_and_beside_the_baseline_of_the_same_lines(checker: Checker) -> None:
    year = make_year(1)
    scored = [line for line in range(50) if year.in_test[line] and year.wanted[line] >= 0]
    checker.expect_hits(np.array(scored[:2]), np.array([True, True]))
    checker.purchases.send(np.full(50, 1.0))
    named = [
        prediction_of(line, year.categories[year.wanted[line]] if line == scored[0] else "none") for line in range(50)
    ]
    checker.read_predictions(named, 1.1)
    assert (checker.scores.model.right, checker.scores.model.n) == (1, len(scored))
    assert (checker.scores.baseline.right, checker.scores.baseline.n) == (2, len(scored))
    assert checker.scores.households == set(year.household[scored].tolist())


def test_no_recall_is_shown_for_a_model_that_was_fitted_on_the_test_households() -> None:
    year = make_year(1)
    fitted = Checker(
        year,
        Ledger(1, ("a",)),
        Ledger(len(year), (USER_PREDICTIONS.name,)),
        households_unseen=False,
        takeovers_unseen=False,
    )
    fitted.purchases.send(np.full(50, 1.0))
    fitted.read_predictions([prediction_of(line, "C1") for line in range(50)], 1.1)
    assert fitted.scores.model.n == 0
    assert fitted.scores.rows()[-1]["value"] is None


def test_only_the_first_ten_categories_count() -> None:
    year = make_year(1)
    line = next(line for line in range(50) if year.in_test[line] and year.wanted[line] >= 0)
    made = Checker(
        year,
        Ledger(1, ("a",)),
        Ledger(len(year), (USER_PREDICTIONS.name,)),
        households_unseen=True,
        takeovers_unseen=True,
    )
    made.purchases.send(np.full(line + 1, 1.0))
    made.read_predictions([prediction_of(line, *["x"] * 10, year.categories[year.wanted[line]])], 1.1)
    assert (made.scores.model.right, made.scores.model.n) == (0, 1)
