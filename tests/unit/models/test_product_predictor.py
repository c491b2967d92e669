"""The shipped product model through its door: right on titles anyone can judge, and the same alone as among others."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data import fashion
from models.errors import ArtifactError, BatchError
from models.predict import ProductBatch, ProductColumns, ProductPredictor, load_products
from models.registry import load, save, shipped

KNOWN = [  # written for this test, in none of the data sets
    ("Puma Men Black Running Shoes", "Sports Shoes", {"gender": "Men", "baseColour": "Black"}),
    ("Levis Women Navy Blue Slim Fit Jeans", "Jeans", {"gender": "Women", "baseColour": "Navy Blue"}),
    ("Gini and Jony Girls Pink Printed Top", "Tops", {"gender": "Girls", "baseColour": "Pink"}),
    ("Casio Men Silver Dial Watch", "Watches", {"gender": "Men"}),
    ("Fabindia Women Red Cotton Kurta", "Kurtas", {"gender": "Women", "usage": "Ethnic"}),
    ("samsung galaxy s9 64gb sim free smartphone black", "Mobile Phones", {}),
    ("lg 43 inch 4k ultra hd smart led tv", "TVs", {}),
    ("bosch serie 4 freestanding 9kg 1400 spin washing machine white", "Washing Machines", {}),
    ("intel core i5 8400 2.8ghz socket 1151 processor", "CPUs", {}),
    ("Store Brand Shredded Cheese, 8 oz", "CHEESE", {"department": "GROCERY"}),
    ("Whole Wheat Bread, 20 oz", "BAKED BREAD/BUNS/ROLLS", {"department": "GROCERY"}),
    ("Potato Chips, 9 oz", "BAG SNACKS", {"department": "GROCERY"}),
]
ODD = [
    "",
    " ",
    "\x00",
    "\ud800",
    "x" * 1_000_000,
    "ﷺ" * 600,
    "नमस्ते कुर्ता",
    "日本語 テレビ",
    "👟" * 50,
    "İ" * 512,
    "\n\t",
]
ANY_TEXT = st.one_of(st.text(st.characters(), max_size=40), st.sampled_from([title for title, _, _ in KNOWN]))
MAYBE = st.one_of(st.none(), ANY_TEXT, st.sampled_from(["TVs", "Apparel > Topwear > Tshirts", "grocery"]))
ROWS = st.lists(st.tuples(ANY_TEXT, MAYBE, MAYBE, MAYBE), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def predictor() -> Iterator[ProductPredictor]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker runs it
    yield load_products()
    torch.set_num_threads(before)


def assert_close(one: ProductBatch, other: ProductBatch) -> None:
    """Confidences to 1e-5; ids too, except between answers that are themselves within 1e-5 of each other."""
    for kind in ("category", "attribute"):
        confidence, ids = getattr(one, f"{kind}_confidence"), getattr(one, f"{kind}_ids")
        np.testing.assert_allclose(confidence, getattr(other, f"{kind}_confidence"), atol=1e-5)
        gaps = np.abs(np.diff(confidence, axis=1, append=-1, prepend=2))
        clear = np.minimum(gaps[:, 1:], gaps[:, :-1]) > 2e-5
        clear[:, -1] = False  # the one after the last is not shown, so its gap is unknown
        np.testing.assert_array_equal(ids[clear], getattr(other, f"{kind}_ids")[clear])


@pytest.mark.parametrize(("title", "category", "attributes"), KNOWN, ids=[title for title, _, _ in KNOWN])
def test_titles_that_anyone_can_judge_are_judged_right(
    predictor: ProductPredictor, title: str, category: str, attributes: dict[str, str]
) -> None:
    batch = predictor.run(ProductColumns([title]))
    assert predictor.categories[batch.category_ids[0, 0]][-1] == category
    found = dict(predictor.attributes[i] for i in batch.attribute_ids[0] if i >= 0)
    assert found | attributes == found


@settings(deadline=None, max_examples=15)
@given(rows=ROWS)
def test_a_batch_answers_as_each_product_alone(
    predictor: ProductPredictor, rows: list[tuple[str, str | None, str | None, str | None]]
) -> None:
    titles, brands, descriptions, hints = map(list, zip(*rows, strict=True))
    together = predictor.run(ProductColumns(titles, brands, descriptions, hints))
    alone = [predictor.run(ProductColumns([t], [b], [d], [h])) for t, b, d, h in rows]
    given = [f.name for f in dataclasses.fields(together) if getattr(together, f.name) is not None]
    joined = ProductBatch(**{name: np.concatenate([getattr(one, name) for one in alone]) for name in given})
    assert_close(together, joined)


def test_answers_do_not_change_where_a_large_batch_is_cut(predictor: ProductPredictor) -> None:
    titles = [f"{title} {i}" for i in range(120) for title, _, _ in KNOWN]  # 1,440: more than one chunk
    whole = predictor.run(ProductColumns(titles))
    last = predictor.run(ProductColumns(titles[-10:]))
    np.testing.assert_allclose(whole.category_confidence[-10:], last.category_confidence, atol=1e-5)
    np.testing.assert_array_equal(whole.category_ids[-10:, 0], last.category_ids[:, 0])


def test_any_text_gets_an_answer(predictor: ProductPredictor) -> None:
    batch = predictor.run(ProductColumns(ODD, ODD[::-1], ODD, ODD[::-1]))
    for confidence in (batch.category_confidence, batch.attribute_confidence):
        assert confidence.dtype == np.float32
        assert np.isfinite(confidence).all()
        assert ((confidence >= 0) & (confidence <= 1 + 1e-6)).all()
        assert (np.diff(confidence, axis=1) <= 0).all()
    assert batch.category_ids.shape == (len(ODD), 3)
    assert ((batch.category_ids >= 0) & (batch.category_ids < len(predictor.categories))).all()
    assert (batch.attribute_ids < len(predictor.attributes)).all()
    assert ((batch.attribute_ids == -1) == (batch.attribute_confidence == 0)).all()


def test_a_title_that_says_nothing_gets_low_confidence(predictor: ProductPredictor) -> None:
    batch = predictor.run(ProductColumns(["", "!!", "zzqx wvvk"]))
    assert (batch.category_confidence[:, 0] < 0.5).all()


def test_the_brand_is_read_unless_the_title_names_it(predictor: ProductPredictor) -> None:
    titles = ["Men Running Shoes"] * 3 + ["Nike Men Running Shoes"] * 2
    batch = predictor.run(ProductColumns(titles, [None, "", "Nike", "Nike", None]))
    np.testing.assert_allclose(batch.category_confidence[0], batch.category_confidence[1], atol=1e-6)
    np.testing.assert_allclose(batch.category_confidence[2], batch.category_confidence[3], atol=1e-6)
    np.testing.assert_allclose(batch.category_confidence[3], batch.category_confidence[4], atol=1e-6)
    assert np.abs(batch.category_confidence[0] - batch.category_confidence[2]).max() > 1e-6


def test_a_description_decides_where_the_title_leaves_doubt(predictor: ProductPredictor) -> None:
    text = "samsung 43 inch 4k ultra hd smart led tv"
    plain, described = (predictor.run(ProductColumns([""], None, [d])) for d in (None, text))
    assert predictor.categories[described.category_ids[0, 0]] == ("TVs",)
    assert described.category_confidence[0, 0] > plain.category_confidence[0, 0]
    sure = ProductColumns(["Levis Women Navy Blue Slim Fit Jeans"], None, [text])
    assert predictor.categories[predictor.run(sure).category_ids[0, 0]][-1] == "Jeans"


def test_a_hint_moves_the_answer_and_an_unknown_one_does_not(predictor: ProductPredictor) -> None:
    title = ""
    tv, jeans, unknown, none = (
        predictor.run(ProductColumns([title], hints=[hint]))
        for hint in ("TVs", "Apparel > Bottomwear > Jeans", "Thingamajigs", None)
    )
    assert predictor.categories[tv.category_ids[0, 0]] == ("TVs",)
    assert predictor.categories[jeans.category_ids[0, 0]][-1] == "Jeans"
    np.testing.assert_allclose(unknown.category_confidence, none.category_confidence, atol=1e-6)
    clear = predictor.run(ProductColumns(["Levis Women Navy Blue Slim Fit Jeans"], hints=["TVs"]))
    assert predictor.categories[clear.category_ids[0, 0]][-1] == "Jeans"  # a clear title overrules a wrong hint


@pytest.mark.parametrize("name", ["brands", "descriptions", "hints"])
def test_columns_of_unequal_length_are_refused(predictor: ProductPredictor, name: str) -> None:
    with pytest.raises(BatchError, match=f"{name} has 1 entries for 2 titles"):
        predictor.run(ProductColumns(["a", "b"], **{name: ["c"]}))
    with pytest.raises(BatchError, match="no titles"):
        predictor.run(ProductColumns([]))


def test_the_shipped_artifact_is_small_and_says_what_it_was_fitted_on() -> None:
    artifact = load(shipped("products"), "products")
    size = sum(file.stat().st_size for file in artifact.path.iterdir())
    assert size <= 14 * 2**20
    training = artifact.manifest.training
    assert training["fitted_buckets"] == [2, 3, 4, 5, 6, 7, 8]
    rows = {(row["set"], row["task"], row["metric"]): row for row in artifact.manifest.metrics["figures"]}
    for domain, task in [*(("fashion", task) for task in fashion.ATTRIBUTES), ("fashion", fashion.CATEGORY)]:
        row = rows[domain, task, "accuracy"]
        assert row["low"] <= row["value"] <= row["high"]
        assert row["value"] >= max(row["baselines"].values()), task
        assert rows[domain, task, "ECE"]["value"] <= 0.02, task


def test_an_artifact_without_its_layout_is_refused(tmp_path: Path) -> None:
    artifact = load(shipped("products"))
    save(tmp_path, artifact.manifest, artifact.tensors)
    with pytest.raises(ArtifactError, match="layout"):
        load_products(tmp_path)


def test_an_altered_label_is_refused_before_any_answer(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(shipped("products"), copy)
    layout = json.loads((copy / "layout.json").read_text())
    layout[0]["heads"]["gender"][0] = "Changed"
    (copy / "layout.json").write_text(json.dumps(layout))
    with pytest.raises(ArtifactError, match="was altered"):
        load_products(copy)


def test_it_answers_at_least_three_thousand_titles_a_second(predictor: ProductPredictor) -> None:
    titles = [f"{title} {i}" for i in range(250) for title, _, _ in KNOWN]
    predictor.run(ProductColumns(titles[:100]))
    begin = time.process_time()
    predictor.run(ProductColumns(titles))
    assert len(titles) / (time.process_time() - begin) > 3_000  # of one core, whatever else the machine does
