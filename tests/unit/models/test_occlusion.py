"""Explanations by leaving words out: they name what the answer hangs on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.columns import ProductBatch, ProductColumns
from models.explain.occlusion import LEAST, MOST_TRIED, with_explanations
from models.predict import ProductPredictor, load_products
from schemas.predictions import Explanation


@pytest.fixture(scope="module")
def model() -> ProductPredictor:
    return load_products()


def explained(model: ProductPredictor, products: ProductColumns, words: int = 3) -> list[Explanation | None]:
    found = with_explanations(model.run, products, model.run(products), words).explanations
    assert found is not None
    return found


def said(title: str, explanation: Explanation | None) -> list[str]:
    assert explanation is not None
    return [title[weight.start : weight.end] for weight in explanation.text]


@pytest.mark.parametrize(
    ("title", "word"),
    [
        ("Fossil Women Steel Dial Watch", "Watch"),
        ("samsung galaxy s9", "galaxy"),
        ("Puma Men Running Socks", "Socks"),
    ],
)
def test_the_word_that_the_category_hangs_on_is_among_the_first(model: ProductPredictor, title: str, word: str) -> None:
    assert word in said(title, explained(model, ProductColumns([title]))[0])


def test_a_weight_is_what_the_odds_lose_without_the_word(model: ProductPredictor) -> None:
    def odds(confidence: float) -> float:
        share = float(np.clip(confidence, LEAST, 1 - LEAST))
        return float(np.log(share / (1 - share)))

    title = "dial steel thing"  # nothing that the model is so sure of that odds are all rounding
    whole = model.run(ProductColumns([title]))
    (explanation,) = explained(model, ProductColumns([title]), words=5)
    assert explanation is not None
    for weight in explanation.text:
        rest = model.run(ProductColumns([title[: weight.start] + title[weight.end :]]))
        same = rest.category_ids[0] == whole.category_ids[0, 0]
        left = float(rest.category_confidence[0][same].sum())
        assert weight.weight == pytest.approx(odds(whole.category_confidence[0, 0]) - odds(left), abs=0.1)
    sizes = [abs(weight.weight) for weight in explanation.text]
    assert sizes == sorted(sizes, reverse=True)


def test_a_product_is_explained_as_it_is_alone(model: ProductPredictor) -> None:
    titles = ["Puma Men Running Socks", "Whole milk, 1 gallon", "", "Wireless keyboard with 2 AAA batteries"]
    together = explained(model, ProductColumns(titles))
    for title, found in zip(titles, together, strict=True):
        (alone,) = explained(model, ProductColumns([title]))
        assert said(title, alone) == said(title, found)


def test_a_picture_has_a_weight_of_its_own() -> None:
    def sees(products: ProductColumns) -> ProductBatch:
        """Knows everything from the picture, and nothing without it."""
        assert products.images is not None
        sure = np.array([[0.9 if image is not None else 0.2] for image in products.images], np.float32)
        ids = np.zeros((len(products.titles), 1), np.int32)
        return ProductBatch(ids, sure, ids - 1, np.zeros_like(sure))

    products = ProductColumns(["a cup", "a cup"], images=[np.zeros((2, 2, 3), np.uint8), None])
    first, second = with_explanations(sees, products, sees(products), 3).explanations or ()
    assert first is not None
    assert second is not None
    assert [weight.weight for weight in first.image] == [pytest.approx(np.log(9) - np.log(0.25), abs=1e-3)]
    assert first.text == []  # no word makes a difference
    assert second.image == []


@given(titles=st.lists(st.text(max_size=80), min_size=1, max_size=4), words=st.integers(1, MOST_TRIED))
@settings(max_examples=30)
def test_any_text_can_be_explained(model: ProductPredictor, titles: list[str], words: int) -> None:
    for title, explanation in zip(titles, explained(model, ProductColumns(titles), words), strict=True):
        assert explanation is not None
        assert len(explanation.text) <= words
        for weight in explanation.text:
            assert 0 <= weight.start < weight.end <= len(title)
            assert title[weight.start : weight.end].strip()


def test_chinese_is_left_out_by_pairs_of_letters(model: ProductPredictor) -> None:
    title = "电热水壶 steel kettle"
    found = said(title, explained(model, ProductColumns([title]), words=16)[0])
    assert all(len(part) <= 2 for part in found if part[0] > "\u3000")
