"""Explanations of user predictions: of the answer the stream gives, adding up, and naming what the answer rests on."""

from __future__ import annotations

from functools import cache
from math import log

import numpy as np
import pytest
import torch

from models.behaviour import BehaviourPredictor, load_behaviour
from models.columns import EventColumns
from models.data.journey import Purchases
from models.errors import BatchError
from models.evaluate.user_explanation import LATEST, MEMORY, RANDOM, SAME, confidences, measure
from models.explain.gated import GatedMemory
from models.explain.user import UserExplanation
from models.explain.users import UserExplainer, row_after
from tests.unit.models.behaviour_worlds import CATEGORIES, HOUR_MS, START_MS, VIEW, columns, drawn, predictor

DAY = 24.0
LISTED = 10


@cache
def shipped() -> BehaviourPredictor:
    """The shipped model."""
    return load_behaviour()


def visits(model: BehaviourPredictor, baskets: list[list[str]], every_days: float = 7) -> EventColumns:
    """Baskets of categories, so many days apart."""
    names = [(name, number) for number, basket in enumerate(baskets) for name in basket]
    return columns(
        [model.categories.index(name) for name, _ in names],
        sessions=[number + 1 for _, number in names],
        hours=[number * every_days * DAY for _, number in names],
    )


def answer(model: BehaviourPredictor, events: EventColumns) -> tuple[str, float]:
    """The likeliest category after all events, as the stream gives it."""
    n = len(events.types)
    batch = model.run(model.blank(1), np.zeros(n, np.int64), events, top=1)
    return model.categories[batch.category_ids[-1, 0]], float(batch.category_confidence[-1, 0])


def assert_adds_up(found: UserExplanation) -> None:
    odds = log(found.confidence / (1 - found.confidence))
    assert found.base + found.parts.sum == pytest.approx(odds, abs=2e-3)
    shared = sum(event.weight for event in found.events) + found.earlier.sum
    assert shared + found.rest == pytest.approx(found.parts.sum)
    habit = sum(event.parts.habit for event in found.events) + found.earlier.habit
    assert habit == pytest.approx(sum(each.weight for each in found.habits), abs=1e-6)
    assert habit == pytest.approx(found.parts.habit, abs=1e-4)
    basket = sum(event.parts.basket for event in found.events) + found.earlier.basket
    assert basket == pytest.approx(found.parts.basket, abs=1e-4)


@pytest.mark.parametrize("seed", [0, 1, 3])  # none is so sure that 1 - confidence would be noise
def test_it_explains_the_answer_of_the_stream_and_all_weights_add_up(seed: int) -> None:
    model = predictor(seed=seed)
    events = drawn(np.random.default_rng(seed), 60)
    found = UserExplainer(model, last=20).explain(events)
    name, confidence = answer(model, events)
    assert found.category == name
    assert found.confidence == pytest.approx(confidence, abs=1e-5)
    assert [event.place for event in found.events] == list(range(40, 60))
    assert_adds_up(found)


def test_on_the_shipped_model_the_error_of_the_integral_is_small() -> None:
    model = shipped()
    milk, bread, soap = "FLUID MILK PRODUCTS", "BAKED BREAD/BUNS/ROLLS", "SOAP - LIQUID & BAR"
    found = UserExplainer(model).explain(visits(model, [[milk, bread], [milk], [milk, soap], [milk, bread], [soap]]))
    assert_adds_up(found)
    assert abs(found.rest) < 0.01
    assert sum(found.parts.shares().values()) == pytest.approx(1)


def test_a_habit_is_named_as_such_and_its_purchases_lead() -> None:
    model = shipped()
    milk, soap = "FLUID MILK PRODUCTS", "SOAP - LIQUID & BAR"
    baskets = [[milk], [milk], [milk, "CHEESE"] if "CHEESE" in model.categories else [milk], [milk], [soap]]
    found = UserExplainer(model).explain(visits(model, baskets), milk)
    assert found.habits[0].category == milk
    assert found.habits[0].amount == pytest.approx(4, abs=0.5)
    assert found.habits[0].days == 7
    assert found.parts.habit > max(abs(found.parts.memory), abs(found.parts.basket))
    assert {event.category for event in found.leading(3)} == {milk}
    assert found.confidence > 5 * found.unknown


def test_what_was_before_the_events_looked_at_is_told_apart_and_the_answer_is_the_same() -> None:
    model = predictor(seed=4)
    events = drawn(np.random.default_rng(8), 50)
    whole, part = (UserExplainer(model, last=last).explain(events) for last in (50, 10))
    assert part.category == whole.category
    for name, share in whole.parts.shares().items():
        assert part.parts.shares()[name] == pytest.approx(share, abs=1e-4)
    assert part.earlier.sum != 0
    assert whole.earlier.memory == 0
    assert len(whole.events) == 50


def test_a_view_of_a_category_weighs_through_habit_alone() -> None:
    model = predictor()
    events = columns([1, 2, 3, 4], types=[3, 3, VIEW, 3], hours=[0, 1, 2, 3])
    viewed = UserExplainer(model).explain(events).events[2]
    assert (viewed.type, viewed.parts.memory, viewed.parts.basket) == ("view", 0, 0)
    assert viewed.parts.habit != 0


def test_an_event_of_no_known_category_weighs_nothing() -> None:
    model = predictor()
    found = UserExplainer(model).explain(columns([1, -1, 2], hours=[0, 1, 2]))
    assert found.events[1].category is None
    assert found.events[1].weight == 0
    only = UserExplainer(model).explain(columns([-1]))
    assert only.parts.sum == pytest.approx(0, abs=1e-5)
    assert only.confidence == pytest.approx(only.unknown, rel=1e-4)


def test_questions_that_have_no_answer_are_refused_with_a_way_out() -> None:
    model = predictor()
    explainer = UserExplainer(model)
    with pytest.raises(BatchError, match="at least one"):
        explainer.explain(columns([]))
    with pytest.raises(BatchError, match="no category 'TEA'"):
        explainer.explain(columns([1]), "TEA")
    with pytest.raises(BatchError, match="C1 lies in the running basket"):
        explainer.explain(columns([1]), "C1")


def test_open_gates_are_the_lstm_and_a_shut_one_is_a_token_never_read() -> None:
    model = predictor(seed=6)
    events = columns([5, 6, 7, 8], sessions=[1, 2, 3, 4], hours=[0, 30, 60, 90])
    from models.behaviour import window as windows

    window = windows.apply(model.blank(1), np.zeros(4, np.int64), events, model.names, lists=False)
    blank = model.blank(1)
    gated = GatedMemory(model.network, window.tokens, blank["h"][0], blank["c"][0])
    with torch.no_grad():
        whole, none, first = gated(torch.tensor([[1.0, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 0, 0, 0]])).numpy()
    np.testing.assert_allclose(whole, row_after(model, events)["h"][0], atol=1e-6)
    np.testing.assert_allclose(first, row_after(model, events.take(slice(1)))["h"][0], atol=1e-6)
    assert (none == 0).all()


def test_removing_events_and_streaming_the_rest_is_never_having_had_them() -> None:
    model = predictor(seed=2)
    events = drawn(np.random.default_rng(5), 30)
    before, looked = row_after(model, events.take(slice(20))), events.take(slice(20, None))
    name, confidence = answer(model, events)
    left = confidences(model, before, looked, [[], [3, 7]], name)
    assert left[0] == pytest.approx(confidence, abs=1e-5)
    rest = events.take(np.delete(np.arange(30), [23, 27]))
    batch = model.run(model.blank(1), np.zeros(28, np.int64), rest, top=CATEGORIES)
    place = batch.category_ids[-1].tolist().index(model.categories.index(name))
    assert left[1] == pytest.approx(batch.category_confidence[-1, place], abs=1e-5)


def shoppers(model: BehaviourPredictor, households: int) -> Purchases:
    """Households who each buy three favourites by turns, with others between them, a basket of two a week."""
    random = np.random.default_rng(3)
    rows = []
    for household in range(households):
        favourites = random.choice(len(model.categories), 3, replace=False)
        for week in range(18):
            basket = {int(favourites[week % 3]), int(random.integers(0, len(model.categories)))}
            rows += [(household, household * 100 + week, category, week) for category in sorted(basket)]
    household, number, category, week = np.array(rows).T
    return Purchases(
        household=household.astype(np.int32),
        basket=number.astype(np.int64),
        product=category.astype(np.int64),
        category=category.astype(np.int32),
        times_ms=START_MS + week.astype(np.int64) * 7 * 24 * HOUR_MS,
        bucket=np.zeros(len(rows), np.int8),
        categories=model.categories,
    )


def test_without_the_named_events_the_answer_loses_more_than_without_random_ones() -> None:
    model = shipped()
    result = measure(model, shoppers(model, 24), households=20, seed=1, progress=False)
    assert result["households"] == 20
    figures = {row["metric"]: row for row in result["figures"]}
    lost = figures["confidence lost, 3 events removed"]
    assert set(lost["baselines"]) == {RANDOM, LATEST, SAME, MEMORY}
    assert lost["low"] > 2 * abs(lost["baselines"][RANDOM])
    assert figures["users that lose more by the named than by chance, 3 events removed"]["low"] > 0.7
    assert figures["error of the sum of weights, largest"]["value"] < 0.05
    assert sum(figures[f"share of {part}"]["value"] for part in ("memory", "habit", "basket")) == pytest.approx(1)
