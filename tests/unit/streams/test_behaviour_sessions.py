"""Whether a session still brings a purchase: the stream answers what training's walk of the same log gives."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from models.behaviour.risk_artifact import load_risk
from models.behaviour.row import byte_of
from models.data.store import Visits
from models.errors import ArtifactError
from models.evaluate.store import walked_of
from models.predict import BehaviourPredictor
from models.session.counters import BLANK, step
from models.session.log import counted, key
from models.session.predictor import SessionModel, choose_session, load_session
from schemas.codec import encode
from schemas.events import EVENT_TYPES
from schemas.predictions import UserPrediction
from schemas.state import ProductFeatures
from schemas.topics import DAY_MS, USER_PREDICTIONS
from streams.config import BehaviourSettings
from streams.logic.answer import Answer
from streams.logic.behaviour import BehaviourLogic
from tests.unit.models.shops import load_log, log
from tests.unit.streams.making import NOW_MS, Rows, behaviour, window_of
from tests.unit.streams.making_models import small_behaviour

A = TP("user-behaviour", 0)


@cache
def trained() -> SessionModel:
    """The shipped model."""
    return load_session()[1]


class Store:
    """The small behaviour model with a model of sessions, and its kept rows."""

    def __init__(self, session: SessionModel | None = None, category: str = "", **rules: Any) -> None:
        small = small_behaviour()
        parts = small.info, small.categories, small.products, small._network, small._shelf
        self.model = BehaviourPredictor(*parts, risk=load_risk(), session=session)
        self.rows = Rows()
        features = encode(ProductFeatures(1, b"", 0, category, [], b"", b"")) if category else None
        chosen = BehaviourSettings.model_validate(rules)
        self.logic = BehaviourLogic(
            self.model, lambda keys: [features] * len(keys), (), lambda: NOW_MS, settings=chosen
        )

    def answer(self, records: list[Any]) -> list[UserPrediction]:
        """Answer one window and keep its rows."""
        answer: Answer = self.logic.answer(window_of(records), self.rows.read)
        for tp, part in answer.partitions.items():
            self.rows.write(tp.partition, part.rows)
        values = [value for part in answer.partitions.values() for value in part.outputs[USER_PREDICTIONS.name].values]
        found = [msgspec.msgpack.decode(value or b"", type=UserPrediction) for value in values]
        assert [encode(one) for one in found] == values
        return found

    def chances(self, records: list[Any]) -> list[Any]:
        return [one.session_purchase_probability for one in self.answer(records)]

    def counts(self, user: str) -> bytes:
        """The block of the user's row."""
        row = np.frombuffer(self.rows.kept[0, user.encode()], self.model.row_dtype)[0]
        return bytes(row["session_counts"].tobytes())


@pytest.fixture
def visits(tmp_path: Path) -> Visits:
    return load_log(tmp_path, log())


def sent(visits: Visits) -> list[Any]:
    """The log as records of one partition."""
    return [
        behaviour(
            A, place, f"u{visits.user[place]}",
            type=EVENT_TYPES[visits.types[place]],
            session_id=str(visits.session[place]),
            product_id=str(visits.product[place]),
            category=str(visits.category[place]),
            price=float(visits.price[place]),
            occurred_at=int(visits.times_ms[place]),
        )
        for place in range(len(visits))
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_stream_answers_what_the_walk_of_training_gives(visits: Visits, size: int) -> None:
    store, records, found = Store(trained(), late_after_s=0), sent(visits), []
    for start in range(0, len(records), size):
        found += store.chances(records[start : start + size])
    expected = trained().run(walked_of(visits))
    assert len(np.unique(expected.round(4))) > 20
    np.testing.assert_allclose(found, expected, atol=2e-6)
    walked: dict[str, bytes] = {}
    for user, session, kind, product, category, price, time_ms in zip(
        visits.user, visits.session, visits.types, visits.product, visits.category, visits.price, visits.times_ms,
        strict=True,
    ):  # fmt: skip
        keys = key(str(session)), key(str(product)), key(str(category))
        event = counted(int(kind), *keys, float(price), int(time_ms))
        walked[f"u{user}"], _ = step(walked.get(f"u{user}", BLANK), event)
    assert {user: store.counts(user) for user in walked} == walked


MAYBE = st.sampled_from([None, "a", "b"])
HAPPENED = st.fixed_dictionaries(
    {
        "type": st.sampled_from(EVENT_TYPES),
        "session_id": MAYBE,
        "product_id": MAYBE,
        "category": MAYBE,
        "price": st.sampled_from([None, 0.0, 1e-300, 3.5, 1e9]),
        "occurred_at": st.integers(0, 3 * 24).map(lambda hour: NOW_MS + hour * DAY_MS // 24),
        "event_id": st.sampled_from("vwxyz"),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("uvw"), HAPPENED), max_size=25), st.sampled_from(["every", "latest"]))
def test_answers_and_rows_do_not_depend_on_how_the_stream_is_cut(events: list[Any], emit: str) -> None:
    records = [behaviour(A, i, user, **fields) for i, (user, fields) in enumerate(events)]
    whole, single = Store(trained(), emit=emit), Store(trained())
    found = {one.prediction_id: one for one in whole.answer(records)}
    alone = {one.prediction_id: one for record in records for one in single.answer([record])}
    assert found.keys() <= alone.keys()
    for name, prediction in found.items():
        assert prediction.session_purchase_probability == alone[name].session_purchase_probability
    for user in {user for user, _ in events}:
        assert whole.counts(user) == single.counts(user)


def visit(offset: int, **fields: Any) -> Any:
    return behaviour(A, offset, "u", type="view", session_id="s", product_id="p", price=9.5, **fields)


def test_an_event_without_a_session_moves_nothing_and_has_no_answer() -> None:
    store = Store(trained())
    first = store.chances([visit(0)])
    before = store.counts("u")
    (without,) = store.chances([behaviour(A, 1, "u", type="view", product_id="p")])
    assert 0 < first[0] < 1
    assert without is UNSET
    assert store.counts("u") == before != bytes(40)


def test_a_late_event_moves_nothing_and_has_no_answer() -> None:
    store = Store(trained())
    store.answer([visit(0)])
    before = store.counts("u")
    assert store.chances([visit(1, occurred_at=NOW_MS - 5 * DAY_MS)]) == [UNSET]
    assert store.counts("u") == before


def test_an_event_that_comes_again_counts_once() -> None:
    store, records = Store(trained()), [visit(i) for i in range(3)]
    store.answer(records)
    before = dict(store.rows.kept)
    assert store.answer(records) == []
    assert store.rows.kept == before


def test_without_the_model_nothing_is_counted_or_said() -> None:
    store = Store()
    assert store.chances([visit(0)]) == [UNSET]
    assert store.counts("u") == bytes(40)


def test_the_predicted_category_stands_in_where_the_shop_names_none() -> None:
    named, predicted = Store(trained()), Store(trained(), category="phones")
    assert named.chances([visit(0, category="phones")]) == predicted.chances([visit(0)])
    without = Store(trained())
    without.answer([visit(0)])
    assert named.counts("u") == predicted.counts("u") != without.counts("u")


def test_rows_from_before_the_counters_go_on_as_they_were() -> None:
    store, plain = Store(trained()), Store()
    for each in (store, plain):
        each.answer([behaviour(A, i, "u", category=("TEA", "MILK")[i % 2], price=2.0) for i in range(5)])
    earlier = byte_of(store.model.row_dtype, "session_counts")
    assert store.model.layouts[earlier].itemsize == earlier
    store.rows.kept[0, b"u"] = plain.rows.kept[0, b"u"][:earlier]
    (after,), (expected,) = (each.answer([visit(5, category="OIL")]) for each in (store, plain))
    assert after.next_categories == expected.next_categories
    assert after.next_products == expected.next_products
    assert after.risk == expected.risk
    assert after.session_purchase_probability == Store(trained()).chances([visit(5, category="OIL")])[0]
    assert store.rows.kept[0, b"u"][:earlier] == plain.rows.kept[0, b"u"][:earlier]


def test_a_model_is_chosen_by_word_or_folder(tmp_path: Path) -> None:
    assert choose_session(None) is choose_session(Path("none")) is None
    assert isinstance(choose_session(Path("shipped")), SessionModel)
    with pytest.raises(ArtifactError, match="no artifact at"):
        choose_session(tmp_path)
