"""The risk of an event on its way out: scores, reasons, alarms, and when there is none."""

from typing import Any

import msgspec
import pytest
from faust.types import TP
from msgspec import UNSET

from models.behaviour.risk_artifact import load_risk
from models.predict import BehaviourPredictor
from schemas.codec import encode
from schemas.predictions import Risk, UserPrediction
from schemas.topics import DAY_MS, USER_PREDICTIONS
from streams.config import BehaviourSettings
from streams.logic.behaviour import BehaviourLogic
from tests.unit.streams.making import NOW_MS, Rows, behaviour, window_of
from tests.unit.streams.making_models import PRODUCTS, small_behaviour

A = TP("user-behaviour", 0)


def shop(risk: bool = True, **settings: Any) -> BehaviourLogic:
    """The small model, with the shipped risk model, which knows none of its categories."""
    small = small_behaviour()
    model = BehaviourPredictor(
        small.info, small.categories, small.products, small._network, small._shelf,
        risk=load_risk() if risk else None,
    )  # fmt: skip
    return BehaviourLogic(
        model, lambda keys: [None] * len(keys), (), lambda: NOW_MS, settings=BehaviourSettings.model_validate(settings)
    )


def habit(days: int = 40) -> list[Any]:
    """A user who buys the same few things at home each day, then much that is dear, abroad, in one hour."""
    usual = [
        {
            "category": "TEA",
            "product_id": PRODUCTS[15],
            "price": 2.0,
            "country": "DE",
            "occurred_at": NOW_MS - day * DAY_MS,
        }
        for day in range(days, 0, -1)
    ]
    strange = [
        {"category": name, "product_id": PRODUCTS[i], "price": 90.0, "country": "BR", "session_id": "other"}
        | {"occurred_at": NOW_MS + 10 * 3_600_000 + i * 60_000}
        for i, name in enumerate(["OIL", "NUTS", "FISH", "SOAP", "RICE", "EGGS", "PLUMS", "APPLES"])
    ]
    return [behaviour(A, i, "u", **fields) for i, fields in enumerate(usual + strange)]


def answered(logic: BehaviourLogic, events: list[Any]) -> tuple[list[UserPrediction], int]:
    answer = logic.answer(window_of(events), Rows().read)
    values = answer.partitions[A].outputs[USER_PREDICTIONS.name].values
    found = [msgspec.msgpack.decode(value or b"", type=UserPrediction) for value in values]
    assert [encode(one) for one in found] == values
    return found, answer.alarms


def test_a_takeover_is_an_alarm_with_reasons_and_what_was_before_is_not() -> None:
    found, alarms = answered(shop(), habit())
    risks = [one.risk for one in found if one.risk is not UNSET]
    assert len(risks) == 48
    assert alarms == sum(risk.alarm for risk in risks)
    assert not any(risk.alarm for risk in risks[5:40])
    assert risks[-1].alarm
    assert {"country", "price"} & {reason.name for reason in risks[-1].reasons}
    assert max(risk.score for risk in risks[5:40]) < risks[-1].score <= 1


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, 48), (1.0, 0)])
def test_the_threshold_of_the_settings_decides(threshold: float, expected: int) -> None:
    found, alarms = answered(shop(risk_alarm=threshold), habit())
    assert alarms == expected
    assert all(isinstance(one.risk, Risk) and one.risk.alarm == (expected > 0) for one in found)


def test_a_model_without_risk_says_nothing_of_it() -> None:
    found, alarms = answered(shop(risk=False), habit())
    assert {one.risk for one in found} == {UNSET}
    assert alarms == 0


def test_a_late_event_has_no_risk() -> None:
    late = behaviour(A, 60, "u", category="OIL", occurred_at=NOW_MS - 100 * DAY_MS)
    found, _ = answered(shop(), [*habit(), late])
    assert found[-1].risk is UNSET
    assert found[-2].risk is not UNSET
