"""The days until a user's next visit on their way out, and when there are none."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from faust.types import TP
from msgspec import UNSET

from models.behaviour.visit_artifact import choose_visit
from models.predict import BehaviourPredictor
from schemas.codec import encode
from schemas.predictions import Days, UserPrediction
from schemas.topics import DAY_MS, USER_PREDICTIONS
from streams.logic.behaviour import BehaviourLogic
from tests.unit.streams.making import NOW_MS, Rows, behaviour, window_of
from tests.unit.streams.making_models import small_behaviour

A = TP("user-behaviour", 0)


def shop(visit: Path | None = None) -> BehaviourLogic:
    """The small model with a model of visits."""
    small = small_behaviour()
    parts = small.info, small.categories, small.products, small._network, small._shelf
    model = BehaviourPredictor(*parts, visit=choose_visit(visit))
    return BehaviourLogic(model, lambda keys: [None] * len(keys), (), lambda: NOW_MS)


def answered(logic: BehaviourLogic, *events: Any) -> list[Any]:
    answer = logic.answer(window_of(events), Rows().read)
    values = answer.partitions[A].outputs[USER_PREDICTIONS.name].values
    found = [msgspec.msgpack.decode(value or b"", type=UserPrediction) for value in values]
    assert [encode(one) for one in found] == values
    return [one.next_visit_days for one in found]


def weekly(baskets: int = 12) -> list[Any]:
    times = [NOW_MS - 7 * left * DAY_MS for left in range(baskets, 0, -1)]
    return [behaviour(A, i, "u", category="TEA", occurred_at=time_ms) for i, time_ms in enumerate(times)]


def test_a_weekly_visit_is_expected_in_about_a_week() -> None:
    found = answered(shop(), *weekly())
    assert all(isinstance(each, Days) and 0 <= each.low <= each.median <= each.high <= 56 for each in found)
    assert 4 < found[-1].median < 9


def test_before_the_first_purchase_nothing_is_said() -> None:
    view = behaviour(A, 0, "u", type="view", category="TEA")
    first, then = answered(shop(), view, behaviour(A, 1, "u", category="TEA"))
    assert first is UNSET
    assert isinstance(then, Days)


@pytest.mark.parametrize(("late_ms", "as_the_last"), [(-100 * DAY_MS, True), (2 * DAY_MS, False)])
def test_a_late_event_is_answered_as_of_the_last_one(late_ms: int, as_the_last: bool) -> None:
    last = NOW_MS - 7 * DAY_MS
    found = answered(shop(), *weekly(), behaviour(A, 50, "u", type="view", occurred_at=last + late_ms))
    assert (found[-1] == found[-2]) == as_the_last


def test_without_the_model_nothing_is_said() -> None:
    assert answered(shop(Path("none")), *weekly(3)) == [UNSET] * 3
