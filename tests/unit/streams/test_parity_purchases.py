"""Purchases as events of the stream, and predictions as answers of the evaluation, there and back without Kafka."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from aiokafka.partitioner import DefaultPartitioner
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from models.behaviour import BehaviourPredictor
from models.behaviour.tokens import PRICE
from models.behaviour.walk import walk
from models.data import journey
from models.data.journey import Purchases
from models.evaluate.behaviour import TOP, stream
from models.evaluate.parity import compare
from models.train.remembered import remember
from schemas.codec import Codec
from schemas.events import UserBehaviour
from schemas.predictions import ModelRef, UserPrediction
from schemas.topics import USER_PREDICTIONS
from streams.logic.behaviour import BehaviourLogic
from streams.parity.purchases import NotTheSame, answers, messages
from streams.transport.places import places
from tests.unit.streams.making import NOW_MS, Rows, record, window_of
from tests.unit.streams.making_models import CATEGORIES, PRODUCTS, small_behaviour

PARTITION = TP("user-behaviour", 0)
FIRST = 1_000  # product number
DAY_MS = 86_400_000


def numbered_model() -> BehaviourPredictor:
    """The small model; its products are numbers, as those of the purchases."""
    model = small_behaviour()
    products = tuple(str(FIRST + number) for number in range(len(PRODUCTS)))
    return BehaviourPredictor(model.info, CATEGORIES, products, model.network, model._shelf)


def purchases(n: int = 90) -> Purchases:
    """Three households, baskets of three; some products are not known to the model."""
    random = np.random.default_rng(4)
    place = np.arange(n)
    household = np.sort(place % 3).astype(np.int32)
    return Purchases(
        household=household,
        basket=place // 3 + 1,
        product=FIRST + random.integers(0, len(PRODUCTS) + 9, n),
        category=random.integers(0, len(CATEGORIES), n).astype(np.int32),
        times_ms=NOW_MS + (place // 3 % 10 - 30) * DAY_MS,
        bucket=np.zeros(n, np.int8),
        categories=CATEGORIES,
        price=random.choice([0, 0.3, 2.49, 11], n),
        quantity=random.choice([0, 1, 1, 7], n).astype(np.float64),
    )


def streamed(model: BehaviourPredictor, sent: list[tuple[bytes, bytes]]) -> dict[str, UserPrediction]:
    """Predictions of the stream's logic, in windows of seven, by event id."""
    logic = BehaviourLogic(model, lambda keys: [None] * len(keys), [], lambda: NOW_MS, top=TOP)
    rows, codec = Rows(), Codec(UserPrediction)
    records = [record(PARTITION, offset, *each) for offset, each in enumerate(sent)]
    found = []
    for start in range(0, len(sent), 7):
        part = logic.answer(window_of(records[start : start + 7]), rows.read).partitions[PARTITION]
        rows.write(0, part.rows)
        found += [codec.decode(value) for value in part.outputs[USER_PREDICTIONS.name].values]
    return {prediction.event_id: prediction for prediction in found}


def test_the_streams_logic_gives_the_answers_of_the_evaluation() -> None:
    model, asked = numbered_model(), purchases()
    sent = messages(asked)
    assert {key for key, _ in sent} == {b"household-0", b"household-1", b"household-2"}
    online = answers(model, streamed(model, sent), len(asked))
    difference = compare(stream(model, asked, label="", progress=False), online)
    assert difference.within(2e-6)
    assert difference.equal_categories > 0.98  # two of one confidence may change places
    assert difference.equal_products > 0.9


def test_training_reads_the_tokens_that_the_stream_makes() -> None:
    model = numbered_model()
    taught = journey.events(purchases())
    learnt = remember(
        taught, model.network.sizes, {int(number): i for i, number in enumerate(map(int, model.products))}
    )
    logic = BehaviourLogic(model, lambda keys: [None] * len(keys), [], lambda: NOW_MS, top=TOP)
    codec = Codec(UserBehaviour)
    sent = sorted((codec.decode(value) for _, value in messages(taught)), key=lambda event: int(event.event_id))
    names = model.names.tolist()
    tokens = walk(model.blank(3), taught.household.tolist(), logic.columns(sent), names).tokens
    np.testing.assert_array_equal(tokens.category, learnt.category)
    np.testing.assert_array_equal(tokens.product, learnt.product)
    np.testing.assert_array_equal(tokens.numeric(), learnt.numeric)
    assert len(np.unique(learnt.numeric[:, PRICE])) == 4
    assert len(np.unique(learnt.numeric[:, -1])) == 2


def test_a_lost_event_shows() -> None:
    model, asked = numbered_model(), purchases()
    sent = messages(asked)
    found = streamed(model, sent[:10] + sent[11:])
    (missing,) = {str(place) for place in range(len(asked))} - set(found)
    online = answers(model, {**found, missing: found["0"]}, len(asked))
    assert not compare(stream(model, asked, label="", progress=False), online).within(1e-4)


def test_a_missing_prediction_and_one_of_another_model_are_told() -> None:
    model, asked = numbered_model(), purchases(9)
    with pytest.raises(NotTheSame, match="event 0 of 9 has no prediction"):
        answers(model, {}, len(asked))
    found = streamed(model, messages(asked))
    found["3"] = msgspec.structs.replace(found["3"], model=ModelRef("other", "2"))
    with pytest.raises(NotTheSame, match="answered with other 2"):
        answers(model, found, len(asked))


@given(st.binary(min_size=1, max_size=40), st.integers(1, 64))
def test_a_key_goes_where_other_clients_put_it(key: bytes, partitions: int) -> None:
    numbers = list(range(partitions))
    assert places(partitions)(key) == DefaultPartitioner()(key, numbers, numbers)
