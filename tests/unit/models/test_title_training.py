"""Fitting on a small invented catalogue: it learns, it repeats itself, and it reads only its own buckets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.columns import ProductColumns
from models.data.splits import TEST, TRAIN
from models.data.titles import LabelledTitles
from models.errors import ArtifactError
from models.evaluate.products import answer
from models.registry import load
from models.text.compact import expand_table, member, round_table
from models.text.layout import Layout
from models.text.network import Size
from models.text.predictor import ProductPredictor, load_products
from models.train.title_artifact import fit_artifact
from models.train.title_examples import examples
from models.train.title_layout import layout_of
from tests.unit.models.conftest import RECIPES


def test_it_learns_what_the_titles_say(sets: list[LabelledTitles], folder: Path) -> None:
    predictor = load_products(folder)
    for part, domain in zip(sets, predictor.layout.domains, strict=True):
        asked = part.where([TEST])
        for task, (given, confidence) in answer(predictor, domain, asked.titles).items():
            known = [label != "" for label in asked.labels[task]]
            right = [g == t for g, t, k in zip(given, asked.labels[task], known, strict=True) if k]
            assert np.mean(right) > 0.95, (part.domain, task)
            assert ((confidence > 0) & (confidence <= 1 + 1e-6)).all()


def test_the_answers_are_those_of_the_door(sets: list[LabelledTitles], folder: Path) -> None:
    predictor = load_products(folder)
    titles = sets[0].where([TEST]).titles
    batch = predictor.run(ProductColumns(titles))
    named, confidence = answer(predictor, predictor.layout.domains[0], titles)["articleType"]
    assert [predictor.categories[i][-1] for i in batch.category_ids[:, 0]] == named
    np.testing.assert_allclose(batch.category_confidence[:, 0], confidence, atol=1e-6)


def test_equal_seeds_give_equal_weights(sets: list[LabelledTitles], folder: Path, tmp_path: Path) -> None:
    again = fit_artifact(sets, tmp_path / "again", RECIPES, name="small", seed=3, progress=False)
    assert again.version == load(folder).manifest.version
    other = fit_artifact(sets, tmp_path / "other", RECIPES, name="small", seed=4, progress=False)
    assert other.version != again.version


def test_nothing_outside_the_training_and_validation_buckets_is_learnt_from(
    sets: list[LabelledTitles], folder: Path, tmp_path: Path
) -> None:
    clothes = sets[0]
    changed = LabelledTitles(
        clothes.domain,
        [f"zzqx{i}" if b == TEST else t for i, (t, b) in enumerate(zip(clothes.titles, clothes.buckets, strict=True))],
        clothes.keys,
        clothes.buckets,
        {
            head: ["Odd" if b == TEST else v for v, b in zip(values, clothes.buckets, strict=True)]
            for head, values in clothes.labels.items()
        },
        clothes.category,
    )
    manifest = fit_artifact([changed, *sets[1:]], tmp_path, RECIPES, name="small", seed=3, progress=False)
    assert manifest.version == load(folder).manifest.version
    assert manifest.training["data"]["fashion"] != load(folder).manifest.training["data"]["fashion"]


def test_a_category_has_the_path_that_most_of_its_rows_have() -> None:
    labels = {
        "masterCategory": ["Apparel"] * 5,
        "subCategory": ["Topwear", "Topwear", "Dress", "Bottomwear", "Dress"],
        "articleType": ["Tunics", "Tunics", "Tunics", "Jeans", ""],
        "gender": ["Men", "", "Women", "Men", "Men"],
        "baseColour": ["NA"] * 5,
        "season": [""] * 5,
        "usage": ["Casual"] * 5,
    }
    part = LabelledTitles("fashion", list("abcde"), list("abcde"), np.full(5, 2, np.int8), labels, "articleType")
    layout = layout_of([part])
    assert layout.categories() == (("Apparel", "Bottomwear", "Jeans"), ("Apparel", "Topwear", "Tunics"))
    assert ("baseColour", "NA") in layout.attributes()
    assert ("gender", "") not in layout.attributes()
    assert Layout.from_table(layout.to_table()) == layout


def test_equal_titles_become_one_example_with_shares(sets: list[LabelledTitles]) -> None:
    clothes = sets[0].where(TRAIN)
    doubled = LabelledTitles(
        clothes.domain,
        clothes.titles[:2] + clothes.titles[:1],
        clothes.keys[:2] + clothes.keys[:1],
        clothes.buckets[:3],
        {head: [*values[:2], "Blue" if head == "baseColour" else values[0]] for head, values in clothes.labels.items()},
        clothes.category,
    )
    found = examples([doubled], Layout(layout_of([clothes]).domains))
    assert len(found) == 2
    assert found.counts["fashion_articleType"].sum(axis=1).tolist() == [2, 1]
    assert found.counts["fashion_baseColour"].sum() == 3
    assert found.starts.tolist() == [0, 2]


def test_half_a_byte_keeps_ninety_nine_percent_of_normal_weights() -> None:
    weights = np.random.default_rng(0).normal(size=(500, 128)).astype(np.float32) * np.logspace(-3, 1, 500)[:, None]
    codes, scale = round_table(weights.astype(np.float32))
    lost = ((expand_table(codes, scale) - weights) ** 2).sum(axis=1) / (weights**2).sum(axis=1)
    assert codes.max() < 16
    assert lost.mean() < 0.012
    zeros = expand_table(*round_table(np.zeros((2, 8), dtype=np.float32)))
    assert np.abs(zeros).max() < 1e-6


def test_weights_of_another_size_are_refused(folder: Path) -> None:
    artifact = load(folder)
    layout = ProductPredictor(artifact).layout
    with pytest.raises(ArtifactError, match="do not fit"):
        member(artifact.tensors, 0, layout, Size(width=32, hidden=8), 3, 1.0)
    with pytest.raises(ArtifactError, match="do not fit"):
        member(artifact.tensors, 7, layout, Size(width=16, hidden=8), 3, 1.0)
