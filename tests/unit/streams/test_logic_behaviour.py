"""The decisions of the behaviour agent: what is answered, skipped, erased, set aside, and what is kept."""

from typing import Any

import msgspec
import numpy as np
import pytest
from faust.types import TP

from schemas.codec import encode
from schemas.letters import DeadLetter
from schemas.predictions import UserPrediction
from schemas.state import ProductFeatures, attribute_key
from schemas.topics import USER_PREDICTIONS
from streams.batcher.window import Window
from streams.logic.answer import Answer
from streams.logic.behaviour import BehaviourLogic
from tests.unit.streams.alike import Output, assert_alike
from tests.unit.streams.making import NOW_MS, Rows, behaviour, record, window_of
from tests.unit.streams.making_models import small_behaviour

A, B = TP("user-behaviour", 0), TP("user-behaviour", 1)
COLOURS = [("baseColour", "Red"), ("baseColour", "Blue")]


class Bare:
    """A record that does not know its topic and partition."""

    def __init__(self, record: Any) -> None:
        self.key, self.value, self.offset = record.key, record.value, record.offset
        self.timestamp, self.headers = record.timestamp, record.headers


class Shop:
    """A behaviour logic with its kept rows and the features of products."""

    def __init__(self, **model: Any) -> None:
        self.features: dict[bytes, bytes] = {}
        self.rows = Rows()
        self.use(**model)

    def use(self, *, top: int = 5, **model: Any) -> None:
        """Answer with another model from here on; rows stay."""
        self.model = small_behaviour(**model)
        self.logic = BehaviourLogic(
            self.model, lambda keys: [self.features.get(key) for key in keys], COLOURS, lambda: NOW_MS, top=top
        )

    def answer(self, *records: Any) -> Answer:
        """Answer one window and keep its rows."""
        answer = self.logic.answer(window_of(records), self.rows.read)
        for tp, part in answer.partitions.items():
            self.rows.write(tp.partition, part.rows)
        return answer

    def row(self, user: str, partition: int = 0) -> np.void:
        """The kept row."""
        return np.frombuffer(self.rows.kept[partition, user.encode()], self.model.row_dtype)[0]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def outputs(answer: Answer, tp: TP = A) -> list[Output]:
    """User predictions of a partition, decoded, in order."""
    sent = answer.partitions[tp].outputs[USER_PREDICTIONS.name]
    return [
        (key or b"", None if value is None else msgspec.msgpack.decode(value, type=UserPrediction))
        for key, value in zip(sent.keys, sent.values, strict=True)
    ]


def offsets(answer: Answer, tp: TP = A) -> list[int | None]:
    """Offsets that were predicted, None for a tombstone, in order."""
    return [prediction and prediction.source.offset for _, prediction in outputs(answer, tp)]


def letters(answer: Answer, tp: TP = A) -> list[DeadLetter]:
    """Dead letters of a partition, in order."""
    return [msgspec.msgpack.decode(value or b"", type=DeadLetter) for value in answer.letters[tp].values]


def test_every_event_is_answered_with_its_place_and_its_user(shop: Shop) -> None:
    answer = shop.answer(behaviour(A, 7, "u", category="TEA"), behaviour(A, 8, "v", category="MILK"))
    (key, first), (_, second) = outputs(answer)
    assert first is not None
    assert second is not None
    assert (key, first.user_id, first.event_id) == (b"u", "u", "e0-7")
    assert (first.prediction_id, second.prediction_id) == ("user-behaviour-0-7", "user-behaviour-0-8")
    assert (first.source.topic, first.source.partition, first.source.offset) == ("user-behaviour", 0, 7)
    assert first.as_of == NOW_MS + 7 * 60_000
    assert (first.model.name, first.model.version) == ("small", "1")
    assert len(first.next_categories) == 5
    assert [c.confidence for c in first.next_categories] == sorted(c.confidence for c in first.next_categories)[::-1]
    assert 0 <= first.purchase_probability <= 1


@pytest.mark.parametrize("top", [5, 40], ids=["fewer than there are", "more than there are"])
def test_the_bytes_are_those_of_the_message(shop: Shop, top: int) -> None:
    shop.features[b"p"] = features("TEA", ("baseColour", "Red"))
    shop.use(top=top)
    answer = shop.answer(
        *(behaviour(A, i, "u", category="OIL", product_id="oil-1") for i in range(3)),
        behaviour(A, 3, "ü", product_id="p"),
    )
    for value in answer.partitions[A].outputs[USER_PREDICTIONS.name].values:
        assert value is not None
        message = msgspec.msgpack.decode(value, type=UserPrediction)
        assert encode(message) == value
        assert [c.confidence for c in message.next_categories] == [
            round(c.confidence, 6) for c in message.next_categories
        ]
        assert 0 < len(message.next_categories) <= min(top, 12)


def test_the_row_holds_the_offset_of_the_users_last_event(shop: Shop) -> None:
    shop.answer(behaviour(A, 7, "u"), behaviour(A, 8, "v"), behaviour(A, 9, "u"))
    assert (shop.row("u")["offset"], shop.row("v")["offset"]) == (9, 8)


def test_a_redelivered_window_changes_nothing_and_sends_nothing(shop: Shop) -> None:
    window = [behaviour(A, 0, "u", category="TEA"), behaviour(A, 1, "v"), behaviour(A, 2, "u", category="MILK")]
    shop.answer(*window)
    kept = dict(shop.rows.kept)
    again = shop.answer(*window)
    assert again.results["redelivered"] == 3
    assert again.results["predicted"] == 0
    assert outputs(again) == []
    assert shop.rows.kept == kept


def test_of_a_window_that_is_half_redelivered_only_the_new_half_is_answered(shop: Shop) -> None:
    events = [behaviour(A, i, "u", category=("TEA", "MILK", "FISH")[i % 3]) for i in range(6)]
    whole = Shop()
    expected = outputs(whole.answer(*events))
    shop.answer(*events[:3])
    assert_alike(outputs(shop.answer(*events[1:])), expected[3:])
    assert shop.row("u")["offset"] == 5


def test_redelivery_is_judged_for_each_user(shop: Shop) -> None:
    shop.answer(behaviour(A, 5, "u"))
    assert offsets(shop.answer(behaviour(A, 4, "v"), behaviour(A, 5, "u"), behaviour(A, 6, "u"))) == [4, 6]


def test_the_same_user_id_in_two_partitions_is_two_rows(shop: Shop) -> None:
    answer = shop.answer(behaviour(A, 9, "u", category="TEA"), behaviour(B, 1, "u", category="MILK"))
    assert (offsets(answer, A), offsets(answer, B)) == ([9], [1])
    assert (shop.row("u", 0)["offset"], shop.row("u", 1)["offset"]) == (9, 1)


def test_a_null_value_erases_the_user_and_says_so(shop: Shop) -> None:
    shop.answer(behaviour(A, 0, "u"), behaviour(A, 1, "v"))
    answer = shop.answer(record(A, 2, b"u", None))
    assert outputs(answer) == [(b"u", None)]
    assert answer.results["deleted"] == 1
    assert set(shop.rows.kept) == {(0, b"v")}


def test_a_user_erased_in_the_window_of_their_events_leaves_no_row(shop: Shop) -> None:
    answer = shop.answer(behaviour(A, 0, "u"), behaviour(A, 1, "u"), record(A, 2, b"u", None))
    assert answer.partitions[A].rows == {b"u": None}
    assert shop.rows.kept == {}


def test_a_tombstone_is_sent_between_the_predictions_it_stands_between(shop: Shop) -> None:
    answer = shop.answer(
        behaviour(A, 0, "u"), behaviour(A, 1, "v"), record(A, 2, b"u", None), behaviour(A, 3, "v"), behaviour(A, 4, "u")
    )
    assert offsets(answer) == [0, 1, None, 3, 4]


def test_a_user_who_comes_back_after_being_erased_in_the_window_is_a_new_user(shop: Shop) -> None:
    before = [behaviour(A, i, "u", category="TEA") for i in range(3)]
    back = behaviour(A, 4, "u", category="MILK")
    later = behaviour(A, 5, "u", category="FISH")
    newcomer = Shop()
    expected = outputs(newcomer.answer(back)) + outputs(newcomer.answer(later))
    found = outputs(shop.answer(*before, record(A, 3, b"u", None), back))[-1:] + outputs(shop.answer(later))
    assert_alike(found, expected)


@pytest.mark.parametrize("cut", range(7))
def test_erasing_twice_gives_the_same_wherever_the_window_is_cut(shop: Shop, cut: int) -> None:
    log = [
        behaviour(A, 0, "u", category="TEA"), record(A, 1, b"u", None), behaviour(A, 2, "u", category="MILK"),
        behaviour(A, 3, "u", category="FISH"), record(A, 4, b"u", None), behaviour(A, 5, "u", category="OIL"),
    ]  # fmt: skip
    whole = Shop()
    expected = outputs(whole.answer(*log))
    assert_alike(outputs(shop.answer(*log[:cut])) + outputs(shop.answer(*log[cut:])), expected)
    later = behaviour(A, 6, "u", category="TEA")
    assert_alike(outputs(shop.answer(later)), outputs(whole.answer(later)))


def test_bad_records_become_letters_in_order_and_their_neighbours_are_answered(shop: Shop) -> None:
    good = behaviour(A, 1, "u")
    answer = shop.answer(
        record(A, 0, b"u", b"\xc1 no message"),
        good,
        record(A, 2, b"u", b""),
        behaviour(A, 3, "v"),
        record(A, 4, None, good.value),
        record(A, 5, b"other", good.value),
        record(A, 6, b"\xff\xfe", None),
        record(A, 7, b"u", encode({"event_id": "e", "user_id": "u", "type": "steal", "occurred_at": 1})),
        behaviour(A, 8, "w"),
    )
    assert [(letter.source.offset, letter.reason) for letter in letters(answer)] == [
        (0, "undecodable"), (2, "empty"), (4, "bad_key"), (5, "bad_key"), (6, "bad_key"), (7, "invalid"),
    ]  # fmt: skip
    assert offsets(answer) == [1, 3, 8]
    assert answer.results == {"dead_letter": 6, "predicted": 3, "deleted": 0}
    assert answer.reasons == {"undecodable": 1, "empty": 1, "bad_key": 3, "invalid": 1}


def test_text_that_is_no_unicode_is_a_letter_and_not_an_error(shop: Shop) -> None:
    value = b'{"event_id":"e","user_id":"u","type":"view","occurred_at":1,"product_id":"\\ud800"}'
    answer = shop.answer(record(A, 0, b"u", value), behaviour(A, 1, "v"))
    assert [letter.source.offset for letter in letters(answer)] == [0]
    assert offsets(answer) == [1]


def test_an_unknown_category_type_of_event_and_product_are_answered_too(shop: Shop) -> None:
    answer = shop.answer(
        behaviour(A, 0, "u", category="never heard of", product_id="nor of this", type="wishlist"),
        behaviour(A, 1, "u", type="search", query="ünïcode \U0001f9c0"),
    )
    assert offsets(answer) == [0, 1]
    assert answer.types == {"wishlist": 1, "search": 1}


def features(category: str, *attributes: tuple[str, str]) -> bytes:
    """Features of a product as the products agent writes them."""
    keys = [attribute_key(*attribute) for attribute in attributes]
    return encode(ProductFeatures(1, b"content", 0, category, keys, encode([]), encode([])))


def test_the_predicted_category_of_a_product_counts_as_if_the_shop_had_named_it(shop: Shop) -> None:
    shop.features[b"p"] = features("TEA")
    named, predicted = Shop(), shop.answer(behaviour(A, 0, "u", product_id="p"))
    expected = named.answer(behaviour(A, 0, "u", category="TEA"))
    assert_alike(outputs(predicted), outputs(expected))


def test_the_shops_own_category_wins_over_the_predicted_one(shop: Shop) -> None:
    shop.features[b"p"] = features("TEA")
    own = shop.answer(behaviour(A, 0, "u", product_id="p", category="MILK"))
    assert_alike(outputs(own), outputs(Shop().answer(behaviour(A, 0, "u", category="MILK"))))


def test_preferred_attributes_are_those_of_the_products_bought(shop: Shop) -> None:
    shop.features[b"p"] = features("TEA", ("baseColour", "Red"))
    answer = shop.answer(behaviour(A, 0, "u", product_id="p"), behaviour(A, 1, "u", product_id="p"))
    prediction = outputs(answer)[-1][1]
    assert prediction is not None
    assert [(liked.name, liked.value) for liked in prediction.preferred_attributes] == [("baseColour", "Red")]


def test_an_attribute_the_models_do_not_know_by_name_is_left_out(shop: Shop) -> None:
    shop.features[b"p"] = features("TEA", ("material", "Adamant"))
    prediction = outputs(shop.answer(behaviour(A, 0, "u", product_id="p")))[0][1]
    assert prediction is not None
    assert prediction.preferred_attributes == []


@pytest.mark.parametrize("hidden", [8, 10], ids=["same layout", "another layout"])
def test_rows_of_another_model_go_on_with_their_offset_and_basket(shop: Shop, hidden: int) -> None:
    shop.answer(*(behaviour(A, i, "u", category="TEA", session_id="basket") for i in range(3)))
    shop.use(version="2", hidden=hidden, seed=6)
    counted, new = behaviour(A, 2, "u", category="TEA"), behaviour(A, 3, "u", category="MILK", session_id="basket")
    answer = shop.answer(counted, new)
    assert answer.results["redelivered"] == 1
    assert offsets(answer) == [3]
    prediction = outputs(answer)[0][1]
    assert prediction is not None
    assert prediction.model.version == "2"
    assert {"TEA", "MILK"}.isdisjoint(next.category for next in prediction.next_categories)
    assert shop.row("u")["offset"] == 3
    assert shop.row("u")["model"] == shop.model.key


def test_a_row_that_is_cut_off_is_a_new_user_and_not_an_error(shop: Shop) -> None:
    shop.rows.kept[0, b"u"] = b"\x01\x00\x00"
    assert_alike(outputs(shop.answer(behaviour(A, 3, "u"))), outputs(Shop().answer(behaviour(A, 3, "u"))))


def test_the_place_of_a_record_is_that_of_its_window(shop: Shop) -> None:
    bare = Bare(behaviour(A, 4, "u", category="TEA"))
    window = Window()
    window.records[A] = [bare]  # type: ignore[list-item]
    prediction = outputs(shop.logic.answer(window, shop.rows.read))[0][1]
    assert prediction is not None
    assert (prediction.source.topic, prediction.source.partition, prediction.source.offset) == ("user-behaviour", 0, 4)


def test_an_empty_window_of_letters_only_needs_no_model(shop: Shop) -> None:
    answer = shop.answer(record(A, 0, b"u", b""))
    assert outputs(answer) == []
    assert answer.results["dead_letter"] == 1
