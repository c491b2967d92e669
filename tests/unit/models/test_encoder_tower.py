"""The encoder tower on a small invented catalogue: it learns, it is stored whole, and it answers beside the n-grams."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.columns import ProductColumns
from models.data.splits import TEST
from models.data.titles import LabelledTitles
from models.errors import ArtifactError, BatchError
from models.evaluate.products import answer
from models.registry import load, save
from models.text.predictor import ProductPredictor, load_products, sureness
from models.train.encoder_products import threshold


@pytest.fixture(scope="module")
def cascade(folder: Path, tower: Path) -> ProductPredictor:
    return load_products(folder, tower=tower)


def test_together_they_know_what_the_titles_say(sets: list[LabelledTitles], cascade: ProductPredictor) -> None:
    for part, domain in zip(sets, cascade.layout.domains, strict=True):
        asked = part.where([TEST])
        for task, (given, _) in answer(cascade, domain, asked.titles, refined=True).items():
            known = [label != "" for label in asked.labels[task]]
            right = [g == t for g, t, k in zip(given, asked.labels[task], known, strict=True) if k]
            assert np.mean(right) > 0.95, (part.domain, task)


def test_the_encoder_has_a_vote_of_its_own(cascade: ProductPredictor) -> None:
    titles = ProductColumns(["azure denim trousers"])  # no n-gram of it was ever seen
    fast, whole = cascade.run(titles), cascade.refine(titles)
    assert not np.allclose(fast.category_confidence, whole.category_confidence)
    assert cascade.categories[whole.category_ids[0, 0]][-1] == "jeans"


def test_a_refined_answer_does_not_depend_on_its_neighbours(cascade: ProductPredictor) -> None:
    titles = ["Acme Red shirt 7", "sony 40 inch tv", "", "Cheese, 3 oz " * 300]
    together = cascade.refine(ProductColumns(titles))
    for row, title in enumerate(titles):
        alone = cascade.refine(ProductColumns([title]))
        np.testing.assert_allclose(together.category_confidence[row], alone.category_confidence[0], atol=1e-4)


def test_unsure_is_what_lies_below_the_threshold(folder: Path, tower: Path, sets: list[LabelledTitles]) -> None:
    stored = load(tower)
    predictor = load_products(folder, tower=tower)
    value = threshold(predictor, sets)
    assert 0 < value <= 1
    inputs = stored.manifest.inputs | {"threshold": value}
    save(tower, msgspec.structs.replace(stored.manifest, inputs=inputs), stored.tensors)
    predictor = load_products(folder, tower=tower)
    found = predictor.run(ProductColumns(["Acme Red shirt 7", "qqq"]))
    assert predictor.unsure(found).tolist() == [row for row in range(2) if sureness(found)[row] < predictor.threshold]


def test_without_a_tower_nothing_is_unsure_and_nothing_is_refined(folder: Path) -> None:
    fast = load_products(folder)
    columns = ProductColumns(["qqq"])
    assert fast.unsure(fast.run(columns)).size == 0
    with pytest.raises(BatchError, match="no encoder tower"):
        fast.refine(columns)


def test_a_tower_of_another_fast_tier_is_refused(tower: Path) -> None:
    with pytest.raises(ArtifactError, match="train the tower again"):
        load_products(None, tower=tower)


def test_a_tower_that_lacks_weights_is_refused(folder: Path, tower: Path, tmp_path: Path) -> None:
    stored = load(tower)
    tensors = {name: values for name, values in stored.tensors.items() if not name.startswith("layer.domain")}
    save(tmp_path, stored.manifest, tensors)
    with pytest.raises(ArtifactError, match="lacks"):
        load_products(folder, tower=tmp_path)
