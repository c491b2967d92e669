"""Chances of preferred attributes and price bands on their way out, and when there are none."""

from functools import cache
from typing import Any

import msgspec
import numpy as np
from faust.types import TP
from msgspec import UNSET

from models.behaviour.price_bands import UsualPrices
from models.behaviour.row import byte_of
from models.behaviour.taste import TasteModel
from models.behaviour.taste_artifact import load_taste
from models.predict import BehaviourPredictor
from schemas.codec import encode
from schemas.predictions import PreferredAttribute, UserPrediction
from schemas.state import ProductFeatures, attribute_key
from schemas.topics import USER_PREDICTIONS
from streams.logic.behaviour import BehaviourLogic
from tests.unit.streams.making import NOW_MS, Rows, behaviour, window_of
from tests.unit.streams.making_models import CATEGORIES, small_behaviour

A = TP("user-behaviour", 0)
PAIRS = (
    ("baseColour", "Red"),
    ("baseColour", "Blue"),
    ("baseColour", "Green"),
    ("season", "Summer"),
    ("season", "Winter"),
)
PRODUCTS = {"red": [PAIRS[0], PAIRS[3]], "blue": [PAIRS[1]]}


@cache
def taste() -> TasteModel:
    """The shipped numbers, for a shop where tea costs 4."""
    usual = UsualPrices(("TEA",), np.log([4]).astype(np.float32), np.full(1, 0.5, np.float32))
    return TasteModel(load_taste().info, load_taste().weights, usual)


def shop(*, with_model: bool = True) -> BehaviourLogic:
    """The small model with a model of tastes; two products have attributes."""
    small = small_behaviour()
    parts = small.info, small.categories, small.products, small._network, small._shelf
    model = BehaviourPredictor(*parts, taste=taste() if with_model else None)
    rows = {name: encode(_features(pairs)) for name, pairs in PRODUCTS.items()}
    return BehaviourLogic(model, lambda keys: [rows.get(key.decode()) for key in keys], PAIRS, lambda: NOW_MS)


def _features(pairs: list[tuple[str, str]]) -> ProductFeatures:
    keys = [attribute_key(*pair) for pair in pairs]
    return ProductFeatures(1, b"", 0, CATEGORIES[0], keys, b"", b"")


def answered(logic: BehaviourLogic, *events: Any) -> list[list[PreferredAttribute]]:
    answer = logic.answer(window_of(events), Rows().read)
    values = answer.partitions[A].outputs[USER_PREDICTIONS.name].values
    found = [msgspec.msgpack.decode(value or b"", type=UserPrediction) for value in values]
    assert [encode(one) for one in found] == values
    return [one.preferred_attributes for one in found]


def bought(*what: tuple[str | None, float | None]) -> list[Any]:
    """Tea by product and price."""
    return [
        behaviour(A, i, "u", category="TEA", product_id=product, price=price)
        for i, (product, price) in enumerate(what)
    ]  # fmt: skip


def named(liked: list[PreferredAttribute]) -> list[tuple[str, str]]:
    return [(each.name, each.value) for each in liked]


def test_each_attribute_has_the_chance_of_the_next_purchase_having_it() -> None:
    found = answered(shop(), *bought(*[("red", None)] * 8, *[("blue", None)] * 4))[-1]
    assert named(found) == [PAIRS[0], PAIRS[3], PAIRS[1]]
    red, summer, blue = (each.probability for each in found)
    assert 0 < blue < red < red + blue < 1
    assert red < summer < 1  # nothing else has been a season, but another is possible


def test_shares_are_what_they_are_without_the_model() -> None:
    events = bought(("red", 9.0), ("blue", 2.0), ("red", None))
    with_model, without = (answered(shop(with_model=each), *events) for each in (True, False))
    for more, less in zip(with_model, without, strict=True):
        assert [(each.name, each.value, each.share) for each in more if each.name != "price_band"] == [
            (each.name, each.value, each.share) for each in less
        ]
        assert all(each.probability is UNSET for each in less)


def test_the_likeliest_price_band_is_one_more_attribute() -> None:
    found = answered(shop(), *bought((None, 9.0), (None, 9.0), (None, 4.0), (None, None)))
    assert [named(each) for each in found] == [[("price_band", "high")]] * 4
    chances = [each[0].probability for each in found]
    assert chances[0] < chances[1] > chances[2] == chances[3]
    assert found[2][0].share < 1


def test_without_price_or_usual_price_there_is_no_band() -> None:
    soap = behaviour(A, 0, "u", category="SOAP", price=9.0)
    assert answered(shop(), soap, behaviour(A, 1, "u", category="TEA")) == [[], []]


def test_rows_from_before_the_bands_go_on_as_they_were() -> None:
    logic, rows = shop(), Rows()
    kept = logic.answer(window_of(bought(("red", 9.0), ("red", 9.0))), rows.read).partitions[A].rows[b"u"]
    assert kept is not None
    earlier = byte_of(small_behaviour().row_dtype, "price_band")
    rows.kept[0, b"u"] = kept[:earlier]
    event = behaviour(A, 2, "u", category="TEA", product_id="blue", price=1.0)
    answer = logic.answer(window_of([event]), rows.read)
    (value,) = answer.partitions[A].outputs[USER_PREDICTIONS.name].values
    liked = msgspec.msgpack.decode(value or b"", type=UserPrediction).preferred_attributes
    assert named(liked) == [PAIRS[0], PAIRS[3], PAIRS[1], ("price_band", "low")]
    assert len(answer.partitions[A].rows[b"u"] or b"") == len(kept)


def test_a_late_event_moves_no_band() -> None:
    long_ago = behaviour(A, 1, "u", category="TEA", price=1.0, occurred_at=NOW_MS - 10**10)
    found = answered(shop(), behaviour(A, 0, "u", category="TEA", price=9.0), long_ago)
    assert found[0] == found[1]
