"""Purchases of the evaluation as user events, and predictions as the evaluation's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.data.journey import Purchases
from models.evaluate.behaviour import TOP, Answers
from models.predict import BehaviourPredictor
from schemas.codec import encode
from schemas.events import UserBehaviour
from schemas.predictions import UserPrediction
from streams.errors import StreamError


class NotTheSame(StreamError):
    """An answer of the stream cannot be laid beside an offline one."""


def messages(asked: Purchases) -> list[tuple[bytes, bytes]]:
    """(n,) key and value of each purchase, in the order in which a shop would send them; the event's id is its place.

    Categories are the shop's own words, so that no product has to be predicted first.
    """
    found = []
    none = np.zeros(len(asked))
    prices = (none if asked.price is None else asked.price).tolist()
    quantities = (none if asked.quantity is None else asked.quantity).tolist()
    for place in asked.time_order().tolist():
        user = f"household-{asked.household[place]}"
        event = UserBehaviour(
            event_id=str(place),
            user_id=user,
            type="purchase",
            occurred_at=int(asked.times_ms[place]),
            session_id=str(asked.basket[place]),
            product_id=str(asked.product[place]),
            category=asked.categories[asked.category[place]],
            price=prices[place] or None,
            quantity=quantities[place] or None,
        )
        found.append((user.encode(), encode(event)))
    return found


def answers(predictor: BehaviourPredictor, predictions: Mapping[str, UserPrediction], n: int) -> Answers:
    """Predictions by event id -> the answers to n events. Errors: NotTheSame: one is missing, or of another model."""
    categories = {name: number for number, name in enumerate(predictor.categories)}
    products = {name: number for number, name in enumerate(predictor.products)}
    found = Answers.none(n)
    for place in range(n):
        prediction = predictions.get(str(place))
        if prediction is None:
            raise NotTheSame(f"event {place} of {n:,} has no prediction")
        if (prediction.model.name, prediction.model.version) != (predictor.info.name, predictor.info.version):
            raise NotTheSame(
                f"the worker answered with {prediction.model.name} {prediction.model.version}, measured is "
                f"{predictor.info.name} {predictor.info.version}; give both the same --artifact"
            )
        labels = [(categories[each.category], each.confidence) for each in prediction.next_categories]
        _fill(found.categories[place], found.confidence[place], labels)
        labels = [(products[each.product_id], each.confidence) for each in prediction.next_products]
        _fill(found.products[place], found.product_confidence[place], labels)
        found.week[place] = prediction.purchase_probability
    return found


def _fill(ids: np.ndarray, shares: np.ndarray, labels: Sequence[tuple[int, float]]) -> None:
    if len(labels) > TOP:
        raise NotTheSame(f"a prediction names {len(labels)} alternatives; the worker was told to name {TOP}")
    for place, (label, confidence) in enumerate(labels):
        ids[place], shares[place] = label, confidence
