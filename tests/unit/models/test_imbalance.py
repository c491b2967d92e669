"""Remedies for rare classes: each does what its paper says, and their table is measured, not written."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.evaluate.imbalance import METHODS, PLAIN, RARE, evaluate, table, wanted_rows
from models.train.feature_gan import GanRecipe, draw_around_means, fit_generator
from models.train.head_fit import HeadRecipe
from models.train.oversampling import each_once, repeat_factor, square_root
from models.train.rare_losses import adjusted, effective_weights, focal, weighted
from models.train.seeds import one_thread
from models.train.text_augmentation import SYNONYMS, altered
from tests.unit.models.fitting import KINDS, catalogue

COUNTS = np.array([9000, 900, 90, 9, 0])
LOGITS = torch.tensor([[2.0, 0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, 3.0, 0.0]])
CODES = torch.tensor([0, 3])


def test_a_class_weighs_less_the_more_of_it_was_seen_but_never_less_than_a_class_seen_enough() -> None:
    weights = effective_weights(COUNTS).numpy()
    assert np.all(np.diff(weights[:4]) > 0)
    assert weights[4] == 0
    assert (weights * COUNTS).sum() / COUNTS.sum() == pytest.approx(1)
    assert weights[3] / weights[2] == pytest.approx(90 / 9, rel=0.05)  # few rows: as many as they are
    assert weights[1] / weights[0] < 2  # many: their number hardly counts
    each = functional.cross_entropy(LOGITS, CODES, reduction="none").numpy()
    assert weighted(COUNTS)(LOGITS, CODES).item() == pytest.approx(float((each * weights[[0, 3]]).mean()), rel=1e-5)


def test_the_focal_loss_is_cross_entropy_at_0_and_forgives_what_is_answered_well() -> None:
    whole = functional.cross_entropy(LOGITS, CODES)
    assert focal(0.0)(LOGITS, CODES).item() == pytest.approx(whole.item())
    sure, unsure = torch.tensor([[6.0, 0.0]]), torch.tensor([[0.1, 0.0]])
    zero = torch.tensor([0])
    shares = [focal()(x, zero).item() / functional.cross_entropy(x, zero).item() for x in (sure, unsure)]
    assert shares[0] < 1e-4 < 0.2 < shares[1]


def test_adjusted_logits_learn_what_the_shares_do_not_tell() -> None:
    logits = torch.zeros(1, 2, requires_grad=True)
    loss = adjusted(np.array([99, 1]))(logits, torch.tensor([1]))
    assert loss.item() == pytest.approx(-np.log(0.01), rel=1e-4)  # no evidence: the shares alone
    equal = adjusted(np.array([7, 7]))(LOGITS[:, :2], torch.tensor([0, 1]))
    assert equal.item() == pytest.approx(functional.cross_entropy(LOGITS[:, :2], torch.tensor([0, 1])).item())


def test_rare_rows_are_drawn_more_often() -> None:
    codes = np.repeat([0, 1], [10_000, 100])
    random = np.random.default_rng(0)
    assert sorted(each_once(codes)(random)) == list(range(10_100))
    drawn = np.bincount(codes[square_root(codes)(random)])
    assert drawn[0] / drawn[1] == pytest.approx(np.sqrt(100), rel=0.1)
    assert drawn.sum() == 10_100
    repeated = np.bincount(codes[repeat_factor(codes, threshold=0.04)(random)])
    assert repeated[0] == 10_000
    assert repeated[1] == pytest.approx(100 * np.sqrt(0.04 * 101), rel=0.15)


def test_an_altered_title_keeps_the_words_of_its_label() -> None:
    random = np.random.default_rng(3)
    title = "Acme Men Navy Blue Striped Tshirt Large"
    others = {altered(title, random, keep={"navy", "blue", "tshirt", "t-shirt"}) for _ in range(200)}
    assert len(others) > 50
    assert all({"navy", "blue"} <= set(other.lower().split()) for other in others)
    assert all("tshirt" in other.lower() or "t-shirt" in other.lower() or "tee" in other.lower() for other in others)
    assert any("-" in other for other in others)
    assert [altered("", random), altered("Shirt", random, keep={"shirt"})] == ["", "Shirt"]


def test_no_synonym_is_another_colour_or_kind() -> None:
    colours = {"black", "white", "blue", "red", "green", "yellow", "silver", "bronze", "copper", "navy", "teal"}
    assert colours.isdisjoint(SYNONYMS)
    assert colours.isdisjoint(other for others in SYNONYMS.values() for other in others)
    assert all(word in SYNONYMS[other] for word, others in SYNONYMS.items() for other in others if other in SYNONYMS)


def test_the_generator_lends_a_rare_class_the_spread_of_the_others() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [400, 400, 6])
    centres = random.normal(size=(3, 8)) * 4
    features = (centres[codes] + random.normal(size=(806, 8))).astype(np.float32)
    with one_thread():
        recipe = GanRecipe(steps=150, batch=128, noise=8, hidden=48, rate=1e-3)
        generator, distances = fit_generator(features, codes, recipe, seed=1)
        drawn = generator.draw(np.full(300, 2), np.random.default_rng(5))
        again, _ = fit_generator(features, codes, recipe, seed=1)
    np.testing.assert_array_equal(again.draw(np.full(300, 2), np.random.default_rng(5)), drawn)
    to_each = np.linalg.norm(drawn.mean(axis=0) - centres, axis=1)
    assert to_each.argmin() == 2
    assert 0.3 < drawn.std(axis=0).mean() < 2.5  # of true classes: 1
    assert np.mean(distances[-10:]) < np.max(distances)


def test_noise_around_means_is_as_wide_as_classes_are() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat([0, 1], 500)
    features = (codes[:, None] * 5 + random.normal(size=(1000, 4)) * 0.5).astype(np.float32)
    drawn = draw_around_means(features, codes, np.ones(1000, dtype=np.int64), seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), 5, atol=0.1)
    np.testing.assert_allclose(drawn.std(axis=0), 0.5, atol=0.05)
    assert drawn.dtype == np.float32


def test_small_classes_are_filled_up_to_the_median_but_not_from_next_to_nothing() -> None:
    made = np.bincount(wanted_rows(np.array([100, 40, 30, 2, 0])), minlength=5)
    assert made.tolist() == [0, 0, 5, 8, 0]


def test_the_table_has_every_remedy_beside_plain_cross_entropy(tmp_path: Path) -> None:
    part = catalogue(700)
    header = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
    rows = [
        f"{i},all,all,all,{kind},{colour},all,2012,all,{title}"
        for i, (kind, colour, title) in enumerate(
            zip(part.labels["articleType"], part.labels["baseColour"], part.titles, strict=True)
        )
        if kind != KINDS[0] or i % 12 == 0  # one kind is rare
    ]
    (tmp_path / "fashion").mkdir()
    with gzip.open(tmp_path / "fashion" / "products.csv.gz", "wt") as file:
        file.write("\n".join([header, *rows]))
    result = evaluate(
        tmp_path,
        source="fast",
        heads=[("fashion", "articleType")],
        seeds=(1, 2),
        recipe=HeadRecipe(hidden=8, epochs=4, batch=64),
        gan=GanRecipe(steps=5, hidden=16),
        cache=tmp_path / "cache",
        progress=False,
    )
    rare = {row["method"]: row for row in result["figures"] if row["metric"] == RARE}
    assert list(rare) == list(METHODS)
    assert rare[PLAIN]["gain"] == 0
    assert all(0 <= row["value"] <= 1 and len(row["each"]) == 2 for row in rare.values())
    assert result["heads"][0]["rare labels"] == 1
    assert result["heads"][0]["rows made"] > 0
    assert result["heads"][0]["test rows of rare labels"] > 0
    assert max(row["value"] for row in result["figures"] if row["metric"] == "accuracy") > 0.8
    assert len(table(result).splitlines()) == 2 + len(METHODS)
    assert list((tmp_path / "cache").glob("fast-*.npy"))
