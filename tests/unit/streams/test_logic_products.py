"""The decisions of the products agent, with the model as shipped: what is inferred, sent again, skipped, deleted."""

from typing import Any

import msgspec
import pytest
from faust.types import TP

from models.predict import ProductPredictor, load_products
from schemas.codec import encode
from schemas.letters import DeadLetter
from schemas.predictions import ProductAttributes, ProductCategories
from schemas.state import ProductFeatures, attribute_key
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES
from streams.logic.answer import Answer
from streams.logic.products import ProductLogic
from tests.unit.streams.making import NOW_MS, Rows, product, record, window_of

A, B = TP("product-upsert", 0), TP("product-upsert", 1)
SHIRT, PHONE, MILK = "Nike Men Navy Blue Polo Tshirt", "Apple iPhone 13 128GB smartphone", "Whole milk 1 gallon"


@pytest.fixture(scope="module")
def model() -> ProductPredictor:
    return load_products()


class Catalogue:
    """A products logic with its kept features."""

    def __init__(self, model: ProductPredictor) -> None:
        self.logic = ProductLogic(model, lambda: NOW_MS)
        self.rows = Rows()

    def answer(self, *records: Any) -> Answer:
        """Answer one window and keep its rows; the table is one for all partitions."""
        answer = self.logic.answer(window_of(records), lambda _, keys: self.rows.read(0, keys))
        for part in answer.partitions.values():
            self.rows.write(0, part.rows)
        return answer

    def features(self, product_id: str) -> ProductFeatures:
        """The kept features."""
        return msgspec.msgpack.decode(self.rows.kept[0, product_id.encode()], type=ProductFeatures)


@pytest.fixture
def catalogue(model: ProductPredictor) -> Catalogue:
    return Catalogue(model)


def categories(answer: Answer, tp: TP = A) -> list[ProductCategories | None]:
    """What goes to product-categories, in order."""
    sent = answer.partitions[tp].outputs[PRODUCT_CATEGORIES.name].values
    return [None if value is None else msgspec.msgpack.decode(value, type=ProductCategories) for value in sent]


def attributes(answer: Answer, tp: TP = A) -> list[ProductAttributes | None]:
    """What goes to product-attributes, in order."""
    sent = answer.partitions[tp].outputs[PRODUCT_ATTRIBUTES.name].values
    return [None if value is None else msgspec.msgpack.decode(value, type=ProductAttributes) for value in sent]


def likeliest(answer: Answer) -> list[list[str] | None]:
    """The likeliest category path of each product, None for a tombstone."""
    return [found and found.categories[0].path for found in categories(answer)]


def test_a_product_is_answered_with_categories_and_attributes_of_its_place(catalogue: Catalogue) -> None:
    answer = catalogue.answer(product(A, 7, "p", SHIRT))
    (found,), (described,) = categories(answer), attributes(answer)
    assert found is not None
    assert described is not None
    assert found.categories[0].path == ["Apparel", "Topwear", "Tshirts"]
    assert ("baseColour", "Navy Blue") in [(a.name, a.value) for a in described.attributes]
    assert (found.prediction_id, found.product_id, found.as_of) == ("product-upsert-0-7", "p", NOW_MS + 7)
    assert (described.prediction_id, described.product_id, described.as_of) == ("product-upsert-0-7", "p", NOW_MS + 7)
    assert answer.partitions[A].outputs[PRODUCT_CATEGORIES.name].keys == [b"p"]


def test_a_value_that_stands_in_the_title_is_pointed_at(catalogue: Catalogue) -> None:
    (described,) = attributes(catalogue.answer(product(A, 0, "p", SHIRT)))
    assert described is not None
    pointed = {a.value: SHIRT[slice(*a.evidence)] for a in described.attributes if a.evidence}
    assert pointed["Navy Blue"] == "Navy Blue"
    assert pointed["Men"] == "Men"


def test_features_hold_what_the_behaviour_side_reads(catalogue: Catalogue) -> None:
    answer = catalogue.answer(product(A, 7, "p", SHIRT))
    features, described = catalogue.features("p"), attributes(answer)[0]
    assert described is not None
    assert (features.category, features.offset) == ("Tshirts", 7)
    assert features.attribute_keys == [attribute_key(a.name, a.value) for a in described.attributes]


def test_an_unchanged_product_is_answered_again_without_inference(catalogue: Catalogue) -> None:
    first = catalogue.answer(product(A, 0, "p", SHIRT, price=10.0))
    again = catalogue.answer(product(A, 1, "p", SHIRT, price=9.0))
    assert catalogue.logic.inferred == 1
    assert again.results == {"unchanged": 1}
    (before,), (after,) = categories(first), categories(again)
    assert before is not None
    assert after is not None
    assert after.categories == before.categories
    assert (after.prediction_id, after.source.offset) == ("product-upsert-0-1", 1)
    assert catalogue.features("p").offset == 1


@pytest.mark.parametrize("field", ["brand", "description", "category_hint"])
def test_any_text_that_the_model_reads_makes_it_a_changed_product(catalogue: Catalogue, field: str) -> None:
    catalogue.answer(product(A, 0, "p", SHIRT))
    answer = catalogue.answer(product(A, 1, "p", SHIRT, **{field: "Puma"}))
    assert answer.results == {"predicted": 1}


def test_products_of_equal_content_in_a_window_are_inferred_once(catalogue: Catalogue) -> None:
    answer = catalogue.answer(*(product(A, i, f"p{i}", SHIRT) for i in range(5)), product(A, 5, "q", PHONE))
    assert catalogue.logic.inferred == 2
    assert len({str(path) for path in likeliest(answer)[:5]}) == 1


def test_content_that_changes_and_changes_back_in_one_window_is_answered_each_time(
    catalogue: Catalogue, model: ProductPredictor
) -> None:
    together = catalogue.answer(*(product(A, i, "p", title) for i, title in enumerate([SHIRT, PHONE, SHIRT])))
    one_by_one = Catalogue(model)
    apart = [one_by_one.answer(product(A, i, "p", title)) for i, title in enumerate([SHIRT, PHONE, SHIRT])]
    assert likeliest(together) == [path for answer in apart for path in likeliest(answer)]
    assert catalogue.features("p").category == "Tshirts"
    assert catalogue.features("p").offset == 2


def test_a_redelivered_window_sends_nothing(catalogue: Catalogue) -> None:
    window = [product(A, 0, "p", SHIRT), product(A, 1, "q", PHONE), product(A, 2, "p", MILK)]
    catalogue.answer(*window)
    kept = dict(catalogue.rows.kept)
    again = catalogue.answer(*window)
    assert again.results == {"redelivered": 3}
    assert categories(again) == []
    assert catalogue.rows.kept == kept


def test_an_offset_of_another_partition_is_no_redelivery(catalogue: Catalogue) -> None:
    catalogue.answer(product(A, 7, "p", SHIRT))
    moved = catalogue.answer(product(B, 2, "p", PHONE))  # as a producer with another partitioner sends it
    assert moved.results == {"predicted": 1}
    assert catalogue.answer(product(B, 2, "p", PHONE)).results == {"redelivered": 1}


def test_a_null_value_deletes_the_predictions_and_the_features(catalogue: Catalogue) -> None:
    catalogue.answer(product(A, 0, "p", SHIRT), product(A, 1, "q", PHONE))
    answer = catalogue.answer(record(A, 2, b"p", None))
    assert (categories(answer), attributes(answer)) == ([None], [None])
    assert answer.results == {"deleted": 1}
    assert set(catalogue.rows.kept) == {(0, b"q")}


def test_deleted_and_created_again_in_one_window_keeps_the_order(catalogue: Catalogue) -> None:
    answer = catalogue.answer(product(A, 0, "p", SHIRT), record(A, 1, b"p", None), product(A, 2, "p", SHIRT))
    assert [path is None for path in likeliest(answer)] == [False, True, False]
    assert catalogue.features("p").offset == 2


def test_deleted_in_the_window_in_which_it_was_created_leaves_nothing(catalogue: Catalogue) -> None:
    answer = catalogue.answer(product(A, 0, "p", SHIRT), record(A, 1, b"p", None))
    assert [path is None for path in likeliest(answer)] == [False, True]
    assert catalogue.rows.kept == {}


def test_bad_records_become_letters_in_order_and_their_neighbours_are_answered(catalogue: Catalogue) -> None:
    def raw(fields: dict[str, Any]) -> bytes:
        return encode({"product_id": "p", "title": "t", "updated_at": 1, **fields})

    answer = catalogue.answer(
        record(A, 0, b"p", b"\xff"),
        product(A, 1, "p", SHIRT),
        record(A, 2, b"p", raw({"price": float("nan")})),
        record(A, 3, b"p", raw({"title": ""})),
        record(A, 4, b"q", raw({})),
        record(A, 5, b"p", raw({"updated_at": 95_617_584_000_000})),
        record(A, 6, None, None),
        product(A, 7, "q", PHONE),
    )
    letters = [msgspec.msgpack.decode(value or b"", type=DeadLetter) for value in answer.letters[A].values]
    assert [(letter.source.offset, letter.reason) for letter in letters] == [
        (0, "undecodable"), (2, "invalid"), (3, "invalid"), (4, "bad_key"), (5, "invalid"), (6, "bad_key"),
    ]  # fmt: skip
    assert [found and found.source.offset for found in categories(answer)] == [1, 7]


@pytest.mark.parametrize("title", [" ", "\u0000", "İstanbul ﬁ ß", "𝔘𝔫𝔦", "\u202e", "x" * 4096, "😀" * 2000])
def test_any_title_is_answered(catalogue: Catalogue, title: str) -> None:
    answer = catalogue.answer(product(A, 0, "p", title), product(A, 1, "q", SHIRT))
    assert answer.results == {"predicted": 2}
    assert likeliest(answer)[1] == ["Apparel", "Topwear", "Tshirts"]


def test_answers_do_not_depend_on_the_window(catalogue: Catalogue, model: ProductPredictor) -> None:
    titles = [SHIRT, PHONE, MILK, "Wireless mouse", "Titan women gold watch", "Cheddar cheese slices"]
    together = categories(catalogue.answer(*(product(A, i, f"p{i}", title) for i, title in enumerate(titles))))
    for i, title in enumerate(titles):
        (alone,) = categories(Catalogue(model).answer(product(A, i, f"p{i}", title)))
        mine = together[i]
        assert alone is not None
        assert mine is not None
        assert [c.path for c in mine.categories] == [c.path for c in alone.categories]
        expected = [c.confidence for c in alone.categories]
        assert [c.confidence for c in mine.categories] == pytest.approx(expected, abs=1e-5)
