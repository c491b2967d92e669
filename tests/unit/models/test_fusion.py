"""The fused model on an invented market: it learns, it keeps its levels together, and whatever is missing costs only
confidence."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from models.data import marketplace
from models.data.marketplace import FIRST, SECOND, Goods
from models.data.splits import KEPT_OUT, bucket
from models.errors import ArtifactError, BatchError, DataError
from models.evaluate.marketplace import evaluate
from models.fusion.columns import GoodsColumns
from models.fusion.numbers import NAMES, numbers
from models.fusion.predictor import GoodsPredictor, load_goods
from models.fusion.reader import GoodsReader
from models.fusion.words import learn_words
from models.image.decode import decode
from models.registry import load, save
from models.train.marketplace import fit_artifact
from models.train.marketplace_fit import Recipe
from models.train.marketplace_vectors import vectors_of
from tests.unit.models.pictures import encoded

KINDS = {
    "mug": ("Kitchen", "Mugs", (200, 30, 30)),
    "pan": ("Kitchen", "Cookware", (30, 30, 30)),
    "watch": ("Watches", "Wrist Watches", (30, 60, 200)),
}
COUNT = 90


def picture(colour: tuple[int, int, int]) -> bytes:
    return encoded(Image.new("RGB", (40, 30), colour), "JPEG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files laid out like the real data set."""
    data = tmp_path_factory.mktemp("data")
    (data / "marketplace").mkdir()
    rows = []
    with ZipFile(data / "marketplace" / "images.zip", "w") as archive:
        for i in range(COUNT):
            kind = list(KINDS)[i % 3]
            first, second, colour = KINDS[kind]
            rows.append(
                {
                    "product_name": f"Acme {kind} number {i}",
                    "product_category_tree": json.dumps([f"{first} >> {second} >> Acme {i}"]),
                    "retail_price": "" if i % 10 == 0 else str(100 * (1 + i % 3)),
                    "discounted_price": "" if i % 10 == 0 else str(90 * (1 + i % 3)),
                    "description": f"A {kind} for every day",
                    "brand": "Acme" if i % 2 else "",
                    "image": f"{i}.jpg",
                }
            )
            if i % 11:
                archive.writestr(f"{i}.jpg", picture(colour) if i % 13 else b"not a picture")
    pd.DataFrame(rows).to_csv(data / "marketplace" / "products.csv.gz", index=False)
    return data


@pytest.fixture(scope="module")
def goods(folder: Path) -> Goods:
    return marketplace.load(folder)


@pytest.fixture(scope="module")
def reader() -> GoodsReader:
    return GoodsReader()


@pytest.fixture(scope="module")
def predictor(goods: Goods, reader: GoodsReader, tmp_path_factory: pytest.TempPathFactory) -> GoodsPredictor:
    output = tmp_path_factory.mktemp("artifact")
    cache = tmp_path_factory.mktemp("cache")
    vectors = vectors_of(goods, reader, cache, progress=False)
    again = vectors_of(goods, reader, cache, progress=False)
    assert np.array_equal(vectors.pictures, again.pictures)
    fit_artifact(goods, vectors, reader, output, Recipe(epochs=12, batch=16), seed=1, progress=False)
    return GoodsPredictor(load(output, "marketplace"), reader=reader)


def test_the_kept_out_bucket_is_never_loaded(goods: Goods) -> None:
    assert KEPT_OUT not in goods.buckets
    assert all(bucket(key) != KEPT_OUT for key in goods.keys)
    assert len(goods) == sum(bucket(f"acme {list(KINDS)[i % 3]} number {i}") != KEPT_OUT for i in range(COUNT))


def test_levels_come_from_the_category_tree(goods: Goods) -> None:
    assert set(goods.first) == {"Kitchen", "Watches"}
    assert set(goods.second) == {"Kitchen > Mugs", "Kitchen > Cookware", "Watches > Wrist Watches"}
    assert goods.texts().labels == {FIRST: goods.first, SECOND: goods.second}
    with pytest.raises(DataError, match="empty level"):
        marketplace.category_path('["Kitchen >>  >> Mugs"]')
    with pytest.raises(DataError, match="Kitchen"):
        marketplace.category_path("Kitchen")


def test_it_learns_from_either_modality(predictor: GoodsPredictor) -> None:
    names = [f"Other {kind}" for kind in KINDS]
    seen = [decode(picture(colour)) for _, _, colour in KINDS.values()]
    wanted = [f"{first} > {second}" for first, second, _ in KINDS.values()]
    for given in (GoodsColumns(names), GoodsColumns(["", "", ""], pictures=list(seen))):
        answer = predictor.run(given)
        assert [predictor.categories[i] for i in answer.category_ids[:, 0]] == wanted
        assert [predictor.first[i] for i in answer.first_ids] == [path.split(" > ")[0] for path in wanted]


def test_it_learns_from_altered_views_of_the_pictures(goods: Goods, reader: GoodsReader, tmp_path: Path) -> None:
    vectors = vectors_of(goods, reader, None, progress=False)
    stored = fit_artifact(goods, vectors, reader, tmp_path, Recipe(epochs=1, batch=16, views=1), seed=1, progress=False)
    plain = fit_artifact(goods, vectors, reader, tmp_path, Recipe(epochs=1, batch=16), seed=1, progress=False)
    assert stored.training["recipe"]["views"] == 1
    assert stored.version != plain.version


def test_the_levels_of_a_path_agree(predictor: GoodsPredictor) -> None:
    first, second = predictor.probabilities(GoodsColumns(["Acme mug", "a pan or a watch", ""]))
    for place, name in enumerate(predictor.first):
        under = [i for i, path in enumerate(predictor.categories) if path.startswith(f"{name} > ")]
        assert np.allclose(second[:, under].sum(axis=1), first[:, place], atol=1e-5)
    assert np.allclose(first.sum(axis=1), 1, atol=1e-5)


def test_what_is_missing_lowers_confidence(predictor: GoodsPredictor) -> None:
    names = [f"Other {kind}" for kind in KINDS]
    seen = [decode(picture(colour)) for _, _, colour in KINDS.values()]
    told: list[str | None] = [f"A {kind} for every day" for kind in KINDS]
    prices = np.array([90, 180, 270], dtype=np.float32)
    whole = predictor.run(GoodsColumns(names, told, None, prices, prices, list(seen)))
    for less in (
        GoodsColumns(names, told, None, prices, prices),
        GoodsColumns(names, None, None, prices, prices),
        GoodsColumns(["", "", ""]),
    ):
        answer = predictor.run(less)
        assert answer.category_confidence[:, 0].mean() < whole.category_confidence[:, 0].mean()
        assert np.isfinite(answer.category_confidence).all()


def test_an_answer_does_not_depend_on_its_neighbours(predictor: GoodsPredictor) -> None:
    seen = decode(picture((30, 60, 200)))
    both = GoodsColumns(["Acme watch", "Acme mug of fine china"], ["", None], pictures=[seen, None])
    alone = GoodsColumns(["Acme watch"], [""], pictures=[seen])
    assert np.allclose(predictor.probabilities(both)[1][0], predictor.probabilities(alone)[1][0], atol=1e-4)


@pytest.mark.parametrize("text", ["", " ", "\x00\u202e\u200f", "😀" * 500, "\ud800", "x" * 200_000, "马克杯", "1"])
def test_any_text_has_an_answer(predictor: GoodsPredictor, text: str) -> None:
    answer = predictor.run(GoodsColumns([text], [text], [text], np.array([np.inf], dtype=np.float32)))
    assert np.isfinite(answer.category_confidence).all()
    assert 0 < answer.category_confidence[0, 0] <= 1


def test_columns_that_do_not_fit_are_refused(predictor: GoodsPredictor) -> None:
    with pytest.raises(BatchError, match="pictures has 1 entries for 2"):
        predictor.run(GoodsColumns(["a", "b"], pictures=[None]))
    with pytest.raises(BatchError, match="no names"):
        predictor.run(GoodsColumns([]))


def test_figures_stand_beside_their_baselines(predictor: GoodsPredictor, folder: Path, tmp_path: Path) -> None:
    stored = load_stored(predictor, tmp_path)
    measured = evaluate(folder, stored, progress=False)
    rows = {(row["task"], row["metric"]): row for row in measured["figures"]}
    row = rows["first level, text and picture", "accuracy"]
    assert row["value"] >= 0.9
    assert row["low"] <= row["value"] <= row["high"]
    assert set(row["baselines"]) == set(measured["baselines"]) == {"tf-idf + logistic regression", "majority"}
    assert row["n"] == sum(bucket(f"acme {list(KINDS)[i % 3]} number {i}") == 0 for i in range(COUNT))
    assert {part["slice"] for part in measured["slices"]} >= {"5 words or fewer", "below 500 rupees", "no brand"}


def load_stored(predictor: GoodsPredictor, path: Path) -> Path:
    save(path, predictor.artifact.manifest, predictor.artifact.tensors)
    return path


def test_an_artifact_that_lacks_a_tensor_is_refused(predictor: GoodsPredictor, tmp_path: Path) -> None:
    tensors = {name: v for name, v in predictor.artifact.tensors.items() if name != "network.bias"}
    save(tmp_path, predictor.artifact.manifest, tensors)
    with pytest.raises(ArtifactError, match="lacks what a fused model needs"):
        load_goods(tmp_path)


def test_numbers_are_finite_whatever_is_sent() -> None:
    prices = np.array([np.nan, np.inf, -1, 0, 3e38], dtype=np.float32)
    found = numbers(GoodsColumns(["", "a", "12", "x" * 9_999, "b"], None, None, prices, prices))
    assert found.shape == (5, len(NAMES))
    assert np.isfinite(found).all()
    assert found[:, NAMES.index("price is given")].tolist() == [0, 0, 0, 1, 1]


def test_known_words_weigh_by_how_rare_they_are() -> None:
    words = learn_words(["red mug", "blue mug", "red pan", "blue pan mug"], 2, 100)
    found = words.weigh(["red mug mug", "never seen"])
    assert np.isclose((found.weights**2).sum(), 1)
    assert found.bags.offsets[2] == found.bags.offsets[1]  # nothing known: an empty bag, not an error
    twice = found.beside(found)
    assert twice.bags.offsets.tolist() == [2 * offset for offset in found.bags.offsets.tolist()]
    taken = twice.take(np.array([1, 0]))
    assert np.array_equal(np.sort(taken.weights), np.sort(twice.weights))


def test_a_picture_alone_says_nothing_of_other_modalities(predictor: GoodsPredictor) -> None:
    given = predictor.inputs(GoodsColumns(["Acme watch"], pictures=[decode(picture((200, 30, 30)))]))
    with_text, _ = predictor.answer(given)
    without, _ = predictor.answer(given.only(torch.tensor([[False, True, True]])))
    assert not np.allclose(with_text, without)
