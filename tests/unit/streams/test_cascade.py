"""The cascade with two real models: who answers, when, in which revision; and what becomes of those that wait."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord
from faust.types import TP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.columns import ProductBatch, ProductColumns
from models.predict import PredictorRefiner, ProductPredictor, load_products
from models.registry import shipped
from models.text.predictor import TOWER
from schemas.predictions import Explanation, ProductCategories
from schemas.state import WAITING_KEY, ProductFeatures
from schemas.topics import PRODUCT_CATEGORIES
from streams.batcher.search import answer_or_set_aside
from streams.batcher.turns import answer_in_turn
from streams.batcher.window import Window
from streams.config import ProductSettings
from streams.logic.answer import Answer, Logic, ReadRows
from streams.logic.cascade import make_product_logic
from tests.unit.streams.making import NOW_MS, Rows, product, record, window_of
from tests.unit.streams.making_tiers import second

A, B = TP("product-upsert", 0), TP("product-upsert", 1)
SHIRT = "Nike Men Navy Blue Polo Tshirt"  # the fast tier is sure
ODD = ["zzyzx", "qqq www", "blorp 17", "thing", "xyz 42", "wumpus", "frob", "plugh"]  # and is not


@pytest.fixture(scope="module")
def fast() -> ProductPredictor:
    return load_products()


@pytest.fixture(scope="module")
def refiner(tmp_path_factory: pytest.TempPathFactory) -> PredictorRefiner:
    return PredictorRefiner(second(tmp_path_factory.mktemp("models") / "second"))


class Slow(PredictorRefiner):
    """The same model, which is said to answer one product in 10 s; `fails_at` makes it raise where a title is that."""

    def __init__(self, refiner: PredictorRefiner, rate: float = 0.1, fails_at: str = "") -> None:
        self.info, self.categories, self.attributes = refiner.info, refiner.categories, refiner.attributes
        self.reads, self.titles_per_second = refiner.reads, rate
        self.asked: list[str] = []
        self._inner = refiner
        self._fails_at = fails_at

    def refine(self, products: ProductColumns) -> ProductBatch:
        self.asked += products.titles
        if self._fails_at in products.titles:
            raise ValueError("no such model")
        return self._inner.refine(products)


class Shop:
    """A cascade with its rows, answered window by window as the pipeline does."""

    def __init__(self, fast: ProductPredictor, refiner: Any, rows: Rows | None = None, **given: Any) -> None:
        given = {"sure_above": 0.8, "encoder_budget_ms": 1, **given}
        self.logic = make_product_logic(fast, refiner, ProductSettings(**given), lambda: NOW_MS)
        assert self.logic.later is not None
        self.later = self.logic.later
        self.rows = rows or Rows()
        self.results: list[Answer] = []

    def answer(self, *records: ConsumerRecord) -> Answer:
        """One window; without records, an idle one."""
        window = window_of(records) if records else Window()
        answer = answer_in_turn(self.logic, self.later, window, self.read, _once, _once)
        for part in answer.partitions.values():
            self.rows.write(0, part.rows)
        return answer

    def read(self, _: int, keys: list[bytes], /) -> list[bytes | None]:
        """The table is one for all partitions."""
        return self.rows.read(0, keys)

    def stored(self) -> list[tuple[bytes, bytes]]:
        """What a worker that takes over finds of those that wait."""
        return [(key, row) for (_, key), row in self.rows.kept.items() if key.startswith(WAITING_KEY)]

    def features(self, key: bytes) -> ProductFeatures:
        return msgspec.msgpack.decode(self.rows.kept[0, key], type=ProductFeatures)


def _once(logic: Logic, window: Window, read: ReadRows) -> Answer:
    return answer_or_set_aside(logic, window, read, NOW_MS)


def said(answer: Answer, tp: TP = A) -> list[tuple[int, int] | None]:
    """Offset and revision of each prediction, None for a deletion."""
    values = answer.partitions[tp].outputs[PRODUCT_CATEGORIES.name].values
    found = [value and msgspec.msgpack.decode(value, type=ProductCategories) for value in values]
    return [one and (one.source.offset, one.revision) for one in found]


def messages(answer: Answer, tp: TP = A) -> list[ProductCategories]:
    values = answer.partitions[tp].outputs[PRODUCT_CATEGORIES.name].values
    return [msgspec.msgpack.decode(value, type=ProductCategories) for value in values if value]


def odd(offset: int, key: str, title: str, tp: TP = A) -> ConsumerRecord:
    return product(tp, offset, key, title)


def test_what_the_fast_tier_is_sure_of_is_its_own_and_the_encoder_is_not_asked(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    slow = Slow(refiner, rate=1e6)
    answer = Shop(fast, slow).answer(product(A, 0, "p", SHIRT))
    (found,) = messages(answer)
    assert (found.revision, found.tier, found.prediction_id) == (0, "fast", "product-upsert-0-0")
    assert found.model.name == fast.info.name
    assert found.inputs == {"title": "read", "brand": "missing", "description": "missing", "category_hint": "missing"}
    assert slow.asked == []


def test_within_the_budget_the_encoder_answers_in_the_window_and_nothing_waits(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner, rate=1e6))
    answer = shop.answer(product(A, 0, "p", SHIRT), odd(1, "q", ODD[0]))
    assert said(answer) == [(0, 0), (1, 1)]
    found = messages(answer)[1]
    assert (found.tier, found.prediction_id, found.model.name) == ("encoder", "product-upsert-0-1-r1", "second")
    assert answer.refined == {"at_once": 1}
    assert shop.stored() == []
    assert shop.features(b"q").revision == 1


def test_past_the_budget_the_fast_answer_goes_out_and_the_encoders_follows_in_idle_windows(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner))
    first = shop.answer(*(odd(i, f"p{i}", title) for i, title in enumerate(ODD[:4])))
    assert sorted(one for one in said(first) if one) == [(0, 1), (1, 0), (2, 0), (3, 0)]
    assert len(shop.stored()) == 3
    later = [shop.answer() for _ in range(4)]
    assert [said(answer) for answer in later] == [[(1, 1)], [(2, 1)], [(3, 1)], []]
    assert shop.stored() == []
    assert [shop.features(b"p%d" % i).revision for i in range(4)] == [1] * 4


def test_the_answer_is_the_same_now_or_later(fast: ProductPredictor, refiner: PredictorRefiner) -> None:
    at_once = messages(Shop(fast, Slow(refiner, rate=1e6)).answer(odd(0, "a", ODD[1]), odd(1, "p", ODD[2])))[1]
    shop = Shop(fast, Slow(refiner))
    shop.answer(odd(0, "a", ODD[1]), odd(1, "p", ODD[2]))
    assert messages(shop.answer()) == [at_once]


def test_a_newer_event_supersedes_what_waits(fast: ProductPredictor, refiner: PredictorRefiner) -> None:
    shop = Shop(fast, slow := Slow(refiner))
    shop.answer(odd(0, "a", ODD[0]), odd(1, "p", ODD[1]))
    answer = shop.answer(product(A, 2, "p", SHIRT))
    assert said(answer) == [(2, 0)]
    assert answer.refined["superseded"] == 1
    assert shop.stored() == []
    assert said(shop.answer()) == []
    assert ODD[1] not in slow.asked
    assert shop.features(b"p").offset == 2


def test_a_newer_event_on_another_partition_supersedes_too(fast: ProductPredictor, refiner: PredictorRefiner) -> None:
    shop = Shop(fast, Slow(refiner))
    shop.answer(odd(7, "a", ODD[0]), odd(8, "p", ODD[1]))
    shop.answer(product(B, 2, "p", SHIRT))
    assert said(shop.answer()) == []
    assert (shop.features(b"p").partition, shop.features(b"p").offset) == (1, 2)


def test_a_deletion_cancels_what_waits(fast: ProductPredictor, refiner: PredictorRefiner) -> None:
    shop = Shop(fast, Slow(refiner))
    shop.answer(odd(0, "a", ODD[0]), odd(1, "p", ODD[1]))
    assert said(shop.answer(record(A, 2, b"p", None))) == [None]
    assert said(shop.answer()) == []
    assert shop.stored() == []
    assert (0, b"p") not in shop.rows.kept


def test_of_a_product_that_changes_in_one_window_only_the_last_event_waits(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner))
    shop.answer(*(odd(i, "p" if i else "a", title) for i, title in enumerate(ODD[:4])))
    assert len(shop.later.room) == len(shop.stored()) == 1
    assert said(shop.answer()) == [(3, 1)]


def test_a_worker_that_takes_over_goes_on_with_those_that_wait_in_its_partitions(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner))
    shop.answer(*(odd(i, f"p{i}", title, (A, B)[i % 2]) for i, title in enumerate(ODD)))
    left = {int(key[-1:]) for key, _ in shop.stored()}
    assert len(left) == len(ODD) - 1
    heir = Shop(fast, Slow(refiner), rows=shop.rows)
    heir.later.open(heir.stored(), [B])
    told = [one for _ in ODD for one in said(heir.answer(), B)]
    assert told == [(i, 1) for i in range(1, len(ODD), 2) if i in left]
    assert {int(key[-1:]) for key, _ in heir.stored()} == {i for i in left if i % 2 == 0}


def test_a_request_that_is_behind_its_product_after_a_crash_is_dropped_and_counted(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner))
    shop.answer(odd(0, "a", ODD[0]), odd(1, "p", ODD[1]))
    stale = shop.stored()
    shop.answer()  # answers p; its row was stored, and then the worker died before the request's was deleted
    heir = Shop(fast, slow := Slow(refiner), rows=shop.rows)
    heir.rows.write(0, dict(stale))
    heir.later.open(heir.stored(), [A])
    answer = heir.answer()
    assert said(answer) == []
    assert answer.refined == {"superseded": 1}
    assert slow.asked == []
    assert heir.stored() == []


def test_the_rows_of_a_window_have_the_request_before_the_product(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner))
    answer = shop.answer(odd(0, "a", ODD[0]), odd(1, "p", ODD[1]), odd(2, "p", ODD[2]))
    keys = list(answer.partitions[A].rows)
    assert keys.index(WAITING_KEY + b"p") < keys.index(b"p")
    keys = list(shop.answer().partitions[A].rows)
    assert keys.index(b"p") < keys.index(WAITING_KEY + b"p")


def test_who_finds_no_room_keeps_the_fast_answer_and_is_counted(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner), waiting_max=2)
    answer = shop.answer(*(odd(i, f"p{i}", title) for i, title in enumerate(ODD[:5])))
    assert answer.refined == {"at_once": 1, "put_off": 2, "no_room": 2}
    assert len(said(answer)) == 5
    for _ in range(3):
        shop.answer()
    again = shop.answer(odd(9, "p4", ODD[4]))  # the same content: it was never refined, so it is asked for again
    assert again.refined["at_once"] + again.refined["put_off"] == 1


def test_one_that_the_encoder_cannot_answer_is_a_letter_and_the_others_are_answered(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner, rate=4_000, fails_at=ODD[2]))
    first = shop.answer(*(odd(i, f"p{i}", title) for i, title in enumerate(ODD[:4])))
    later = [first, *(shop.answer() for _ in range(6))]
    assert sum(answer.results["dead_letter"] for answer in later) == 1
    assert sum(answer.reasons["inference_failed"] for answer in later) == 1
    refined = sorted(one for answer in later for one in said(answer) if one and one[1])
    assert refined == [(0, 1), (1, 1), (3, 1)]
    assert shop.features(b"p2").revision == 0
    assert shop.stored() == []


def test_products_that_wait_come_first_to_half_of_the_budget(fast: ProductPredictor, refiner: PredictorRefiner) -> None:
    shop = Shop(fast, Slow(refiner, rate=1e-9))
    shop.answer(*(odd(i, f"p{i}", title) for i, title in enumerate(ODD[:6])))
    shop.later._budget._each = 1 / 4_000  # four in a window of 1 ms
    answer = shop.answer(*(odd(10 + i, f"q{i}", f"{title} again") for i, title in enumerate(ODD[:6])))
    assert answer.refined["at_once"] == 2
    assert answer.refined["later"] >= 1
    assert said(answer)[-1] in {(1, 1), (2, 1)}


@st.composite
def histories(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    """Windows of (product, title); a title of -1 deletes, no events at all is an idle window."""
    event = st.tuples(st.integers(0, 3), st.integers(-1, len(ODD) - 1))
    return draw(st.lists(st.lists(event, max_size=5), min_size=1, max_size=8))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_whatever_happens_each_product_ends_with_the_encoders_answer_to_its_last_event(
    fast: ProductPredictor, refiner: PredictorRefiner, history: Sequence[Sequence[tuple[int, int]]]
) -> None:
    shop = Shop(fast, Slow(refiner))
    offset, last, seen = 0, {}, {}
    answers = []
    for events in history:
        records = []
        for number, title in events:
            key = f"p{number}"
            records.append(record(A, offset, key.encode(), None) if title < 0 else odd(offset, key, ODD[title]))
            last[key] = None if title < 0 else offset
            offset += 1
        answers.append(shop.answer(*records))
    while len(shop.later.room):
        answers.append(shop.answer())
    for answer in answers:
        output = answer.partitions[A].outputs[PRODUCT_CATEGORIES.name]
        for key, place in zip(output.keys, said(answer), strict=True):
            before = seen.get(key)
            assert place is None or before is None or place > before, "an older answer came behind a newer one"
            seen[key] = place
    assert {key.decode(): place and place[0] for key, place in seen.items()} == last
    assert all(place is None or place[1] == 1 for place in seen.values())
    assert shop.stored() == []


def test_an_unsure_product_of_a_worker_without_encoder_is_left_alone(fast: ProductPredictor) -> None:
    logic = make_product_logic(fast, None, ProductSettings(), lambda: NOW_MS)
    assert logic.later is None
    answer = logic.answer(window_of([odd(0, "p", ODD[0])]), Rows().read)
    assert said(answer) == [(0, 0)]
    assert answer.requests == {}


def test_the_second_model_is_stored_and_loaded(tmp_path: Path) -> None:
    assert second(tmp_path / "second").info.name == "second"


def test_all_shipped_models_are_asked_where_the_fast_one_is_not_sure_by_the_general_threshold(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    whole = load_products(tower=shipped(TOWER))
    assert whole.threshold < 0.3  # what validation chose for the tower alone is not for others
    shop = Shop(whole, Slow(refiner, rate=1e6), sure_above=None)
    answer = shop.answer(product(A, 0, "a", SHIRT), odd(1, "b", ODD[0]))
    assert said(answer) == [(0, 0), (1, 1)]


def test_what_waits_has_its_turn_when_a_window_has_room_for_one(
    fast: ProductPredictor, refiner: PredictorRefiner
) -> None:
    shop = Shop(fast, Slow(refiner))
    for number, title in enumerate(ODD[:4]):
        shop.answer(odd(number, f"p{number}", title))
    assert len(shop.later.room) < 4


def test_explanations_go_with_the_answers_of_both_tiers(fast: ProductPredictor, refiner: PredictorRefiner) -> None:
    shop = Shop(fast, Slow(refiner, rate=1e6), explain_words=2)
    shirt, other = messages(shop.answer(product(A, 0, "a", SHIRT), odd(1, "b", ODD[1])))
    assert [other.tier, shirt.tier] == ["encoder", "fast"]
    for one, title in ((shirt, SHIRT), (other, ODD[1])):
        assert isinstance(one.explanation, Explanation)
        assert 0 < len(one.explanation.text) <= 2
        assert all(title[weight.start : weight.end].isalnum() for weight in one.explanation.text)


def test_a_product_that_is_known_without_an_explanation_gets_one_once_they_are_wanted(fast: ProductPredictor) -> None:
    rows = Rows()
    for words, explained in ((0, False), (2, True)):
        logic = make_product_logic(fast, None, ProductSettings(explain_words=words), lambda: NOW_MS)
        answer = logic.answer(window_of([product(A, words, "a", SHIRT)]), rows.read)
        (message,) = messages(answer)
        assert isinstance(message.explanation, Explanation) == explained
        rows.write(0, answer.partitions[A].rows)
