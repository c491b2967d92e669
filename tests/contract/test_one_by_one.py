"""However a stream is cut into windows and partitions, its answers are those of one event at a time."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import ConsumerRecord
from faust.types import TP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.predict import BehaviourPredictor, ProductPredictor, load_behaviour, load_products
from schemas.events import EVENT_TYPES
from schemas.predictions import ProductAttributes, ProductCategories, UserPrediction
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES, USER_PREDICTIONS
from streams.batcher.window import Window
from streams.config import BehaviourSettings
from streams.logic.answer import Logic
from streams.logic.behaviour import BehaviourLogic
from streams.logic.products import ProductLogic
from tests.unit.streams.alike import WITHIN, assert_alike
from tests.unit.streams.making import NOW_MS, Rows, behaviour, product, record

PARTITIONS = 3
TITLES = ("Nike Men Navy Blue Tshirt", "Puma Women Red Shoes", "Cheddar cheese 8 oz", "Canon digital camera 20MP", "")
HOUR_MS = 3_600_000


@cache
def behaviour_model() -> BehaviourPredictor:
    """As shipped, with the model of sessions."""
    return load_behaviour(session=Path("shipped"))


@cache
def product_model() -> ProductPredictor:
    """As shipped."""
    return load_products()


@dataclass(frozen=True)
class Cut:
    """A stream and how it is cut: the records in the order in which they arrive, and the sizes of the windows."""

    arrivals: list[ConsumerRecord]
    sizes: list[int]

    def windows(self) -> list[Window]:
        """The windows, in order; what is left after the last size is one more."""
        windows, start = [], 0
        for size in [*self.sizes, len(self.arrivals)]:
            window = Window()
            for one in self.arrivals[start : start + size]:
                window.add(TP(one.topic, one.partition), [one])
            if window.size:
                windows.append(window)
            start += size
        return windows


@st.composite
def events(draw: st.DrawFn) -> Cut:
    """Users of several partitions shop, in any interleaving; some are erased, some records cannot be read."""
    model = behaviour_model()
    chosen = st.sampled_from(model.categories[:12])
    offsets: dict[int, int] = defaultdict(int)
    arrivals = []
    for number, kind in draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 19)), min_size=1, max_size=40)):
        partition = number % PARTITIONS
        tp, user, offset = TP("user-behaviour", partition), f"user-{number}", offsets[partition]
        offsets[partition] += draw(st.integers(1, 3))  # offsets have gaps where a topic was compacted or aborted
        if kind == 0:
            arrivals.append(record(tp, offset, user.encode(), None))
        elif kind == 1:
            arrivals.append(record(tp, offset, user.encode(), b"\xc1 no event"))
        else:
            arrivals.append(
                behaviour(
                    tp, offset, user,
                    type=draw(st.sampled_from((*EVENT_TYPES, "purchase", "purchase", "purchase"))),
                    category=draw(st.none() | chosen),
                    product_id=draw(st.none() | st.sampled_from(model.products[:8])),
                    session_id=draw(st.sampled_from([None, "a", "b"])),
                    price=draw(st.sampled_from([None, 3.5, 400.0])),
                    quantity=draw(st.sampled_from([None, 1.0, 6.0])),
                    occurred_at=NOW_MS + draw(st.integers(0, 100)) * HOUR_MS,
                    **({"event_id": draw(st.sampled_from("xyz"))} if draw(st.booleans()) else {}),
                )
            )  # fmt: skip
    return Cut(arrivals, draw(st.lists(st.integers(1, 12), max_size=8)))


@st.composite
def upserts(draw: st.DrawFn) -> Cut:
    """Products of several partitions change, change back and go, in any interleaving."""
    offsets: dict[int, int] = defaultdict(int)
    arrivals = []
    for number, title in draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30)):
        partition = number % PARTITIONS
        tp, name, offset = TP("product-upsert", partition), f"product-{number}", offsets[partition]
        offsets[partition] += 1
        if title == len(TITLES):
            arrivals.append(record(tp, offset, name.encode(), None))
        else:  # an empty title is no product: a dead letter
            arrivals.append(product(tp, offset, name, TITLES[title], brand=draw(st.sampled_from([None, "Nike"]))))
    return Cut(arrivals, draw(st.lists(st.integers(1, 12), max_size=8)))


def answers(
    logic: Logic, windows: list[Window], topics: list[str]
) -> tuple[dict[Any, list[Any]], dict[int, list[bytes]]]:
    """What goes to each topic and partition, and the letters of each partition; rows are kept between windows."""
    rows = Rows()
    sent: dict[Any, list[Any]] = defaultdict(list)
    letters: dict[int, list[bytes]] = defaultdict(list)
    for window in windows:
        answer = logic.answer(window, rows.read)
        for tp, part in answer.partitions.items():
            rows.write(tp.partition, part.rows)
            for topic in topics:
                output = part.outputs[topic]
                sent[topic, tp.partition] += zip(output.keys, output.values, strict=True)
        for tp, aside in answer.letters.items():
            letters[tp.partition] += [value or b"" for value in aside.values]
    return {place: output for place, output in sent.items() if output}, letters


def one_by_one(cut: Cut) -> list[Window]:
    """A window for each record."""
    return Cut(cut.arrivals, [1] * len(cut.arrivals)).windows()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events(), st.sampled_from([0, 12 * 3600, 60 * 3600]))
def test_user_predictions_do_not_depend_on_users_partitions_and_window_sizes(cut: Cut, late_after_s: int) -> None:
    rules = BehaviourSettings.model_validate({"late_after_s": late_after_s})
    logic = BehaviourLogic(behaviour_model(), lambda keys: [None] * len(keys), (), lambda: NOW_MS, settings=rules)
    expected, expected_letters = answers(logic, one_by_one(cut), [USER_PREDICTIONS.name])
    found, letters = answers(logic, cut.windows(), [USER_PREDICTIONS.name])
    assert letters == expected_letters
    assert found.keys() == expected.keys()
    for place in expected:
        assert_alike(_decoded(found[place]), _decoded(expected[place]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(upserts())
def test_product_predictions_do_not_depend_on_partitions_and_window_sizes(cut: Cut) -> None:
    logic = ProductLogic(product_model(), lambda: NOW_MS)
    topics = [PRODUCT_CATEGORIES.name, PRODUCT_ATTRIBUTES.name]
    expected, expected_letters = answers(logic, one_by_one(cut), topics)
    found, letters = answers(logic, cut.windows(), topics)
    assert letters == expected_letters
    assert found.keys() == expected.keys()
    for (topic, partition), output in expected.items():
        kind = ProductCategories if topic == PRODUCT_CATEGORIES.name else ProductAttributes
        for (key, value), (other_key, other) in zip(found[topic, partition], output, strict=True):
            assert key == other_key
            assert (value is None) == (other is None)
            if value is not None:
                mine, theirs = (_labels(msgspec.msgpack.decode(raw, type=kind)) for raw in (value, other))
                assert mine[0] == theirs[0]
                assert all(abs(a - b) <= WITHIN for a, b in zip(mine[1], theirs[1], strict=True))


def _decoded(output: list[tuple[bytes, bytes | None]]) -> list[tuple[bytes, UserPrediction | None]]:
    decode = msgspec.msgpack.Decoder(UserPrediction).decode
    return [(key, None if value is None else decode(value)) for key, value in output]


def _labels(message: ProductCategories | ProductAttributes) -> tuple[list[Any], list[float]]:
    """What must be equal, and the confidences, which may differ by the tolerance."""
    items: list[Any] = list(message.categories if isinstance(message, ProductCategories) else message.attributes)
    labels = [(item.path,) if isinstance(message, ProductCategories) else (item.name, item.value) for item in items]
    return [message.prediction_id, message.source, *labels], [item.confidence for item in items]
