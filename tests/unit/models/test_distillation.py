"""A teacher in the training of the fast tier: its loss is the paper's, and it is asked of training titles only."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from models.data.splits import TEST, TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.errors import TrainingError
from models.evaluate import distillation as evaluation
from models.registry import load, save
from models.text.heads import Heads
from models.text.layout import Domain, Head, Layout
from models.text.network import Size
from models.text.ngrams import ngrams
from models.train import products
from models.train.distillation import Distillation, Lessons, lessons, soft_cross_entropy
from models.train.options import Options
from models.train.seeds import one_thread
from models.train.title_examples import Examples, examples, unlabelled
from models.train.title_fit import Recipe, fit
from models.train.title_fit import logits as logits_of
from models.train.title_layout import layout_of
from models.train.title_targets import Targets
from models.train.title_teacher import Teacher, load_teacher
from streams.cli.main import app
from tests.unit.models.conftest import RECIPES

LAYOUT = Layout((Domain("fashion", Head("fashion", "articleType", ("jeans", "shirt")), (("jeans",), ("shirt",)), ()),))
HEAD = "fashion_articleType"


class Fixed(Heads):
    """Gives the logits that it is handed as the pooled text."""

    def head_logits(self, domain: str, pooled: Tensor) -> dict[str, Tensor]:
        return {HEAD: pooled}


def named(titles: list[str], rows: list[list[float]]) -> Examples:
    counts = {HEAD: np.array(rows, dtype=np.float32)}
    return Examples(titles, np.zeros(len(titles), np.int64), np.array([0, len(titles)]), counts)


def told(titles: Examples, logits: list[list[float]], how: Distillation) -> Lessons:
    return Lessons("1-teacher", how, titles, {HEAD: np.array(logits, dtype=np.float16)})


@pytest.fixture
def teacher(pair: Path) -> Teacher:
    return load_teacher(pair)


@pytest.fixture
def pair(folder: Path, tower: Path, tmp_path: Path) -> Path:
    """A folder with the small model and its tower."""
    shutil.copytree(folder, tmp_path / "pair" / "products")
    shutil.copytree(tower, tmp_path / "pair" / "products-encoder")
    return tmp_path / "pair"


def test_the_soft_loss_is_what_is_computed_by_hand() -> None:
    # At temperature 2 the logits (2 ln 3, 0) are the odds 3 : 1, and (0, 0) are even.
    student = torch.tensor([[2 * math.log(3), 0.0], [0.0, 0.0]])
    soft = torch.tensor([[0.75, 0.25], [0.9, 0.1]])
    first = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    found = soft_cross_entropy(student, soft, 2.0)
    np.testing.assert_allclose(found.numpy(), [4 * first, 4 * math.log(2)], rtol=1e-6)


def test_the_loss_of_a_batch_is_what_is_computed_by_hand() -> None:
    # One title in 16 rows, one in 1 row, one that only the teacher labels; weights 16**.5 and 1 over their mean, 2.5.
    given = named(["a", "b", "c"], [[16, 0], [0, 1], [0, 0]])
    how = Distillation(share=0.25, temperature=2.0)
    said = told(given, [[2 * math.log(4), 0], [0, 0], [0, 2 * math.log(9)]], how)  # .8 : .2, even, .1 : .9 at 2
    targets = Targets(given, LAYOUT, 0.5, said)
    network = Fixed(Size(2, 2), LAYOUT)
    student = torch.tensor([[math.log(3), 0.0], [0.0, 0.0], [0.0, 0.0]])  # the odds 3 : 1 at 1, root 3 : 1 at 2
    root = math.sqrt(3)
    softer = -(0.8 * math.log(root / (root + 1)) + 0.2 * math.log(1 / (root + 1)))
    hard = 1.6 * -math.log(0.75) + 0.4 * math.log(2)
    soft = 4 * (1.6 * softer + 0.4 * math.log(2) + 1.0 * math.log(2))
    found = targets.loss(network, student, np.arange(3))  # one domain: nothing to tell apart, no loss of it
    assert found.item() == pytest.approx(
        (0.75 * hard + 0.25 * soft) / 3, rel=1e-3
    )  # the teacher's logits are kept in half precision
    alone = Targets(given, LAYOUT, 0.5).loss(network, student[:2], np.arange(2))
    assert alone.item() == pytest.approx((4 * -math.log(0.75) + math.log(2)) / (5 / 3) / 2, rel=1e-5)


def test_a_student_learns_what_only_its_teacher_knows() -> None:
    # The labels say jeans of everything; the teacher holds 3 : 1 for shirt where the title says so, without a label.
    titles = [f"{word} {i}" for word in ("blue", "linen") for i in range(200)]
    given = named(titles, [[1, 0]] * 200 + [[0, 0]] * 200)
    how = Distillation(share=0.5, temperature=1.0)
    said = told(given, [[6, 0]] * 200 + [[0, math.log(3)]] * 200, how)
    recipe = Recipe(
        size=Size(8, 8), groups=1, epochs=12, batch=32, table_rate=0.03, dropout=0.0, thinning=0.0, emptied=0.0
    )
    asked = named(["linen 1", "blue 1"], [[0, 0], [1, 0]])
    chances = []
    for taken in (said, None):
        with one_thread():
            fitted = fit(given, asked, LAYOUT, recipe, seed=1, lessons=taken, progress=False)
        student = fitted.member
        bags = student.vocabulary.bags(ngrams(asked.titles))
        chances.append(torch.softmax(logits_of(student.network, bags, asked, LAYOUT)[HEAD], dim=1).numpy())
    assert chances[0][0, 1] == pytest.approx(0.75, abs=0.05)
    assert chances[0][1, 0] > 0.95
    assert chances[1][0, 1] < 0.5


def test_altered_titles_have_no_label_and_bring_no_n_gram(sets: list[LabelledTitles], teacher: Teacher) -> None:
    taught = [part.where(TRAIN) for part in sets]
    layout = layout_of(taught)
    training = examples(taught, layout)
    said = lessons(training, layout, teacher, Distillation(copies=2), seed=3, progress=False)
    for place, domain in enumerate(layout.domains):
        whole, own = (given.titles[given.starts[place] : given.starts[place + 1]] for given in (said.titles, training))
        assert whole[: len(own)] == own
        assert len(whole) > 2 * len(own)
        assert len(set(whole)) == len(whole)
        for head in domain.heads:
            np.testing.assert_array_equal(said.titles.counts[head.key][: len(own)], training.counts[head.key])
            assert not said.titles.counts[head.key][len(own) :].any()
            assert said.logits[head.key].shape == said.titles.counts[head.key].shape
    with one_thread():
        tables = [
            fit(training, training, layout, replace(RECIPES[1], epochs=1), seed=3, lessons=taken, progress=False)
            for taken in (said, None)
        ]
    np.testing.assert_array_equal(*(one.member.vocabulary.slots for one in tables))


def test_answers_stand_in_the_order_of_the_students_labels(sets: list[LabelledTitles], teacher: Teacher) -> None:
    layout = layout_of([part.where(TRAIN) for part in sets])
    colour = layout.domains[0].attributes[1]
    turned = replace(colour, labels=colour.labels[::-1])
    attributes = tuple(turned if head is colour else head for head in layout.domains[0].attributes)
    other = Layout((replace(layout.domains[0], attributes=attributes), *layout.domains[1:]))
    asked = [["Acme Red shirt 7", "Acme Blue jeans 9"], [], []]
    first = teacher.answers(unlabelled(asked, layout), layout, progress=False)[colour.key]
    second = teacher.answers(unlabelled(asked, other), other, progress=False)[colour.key]
    np.testing.assert_array_equal(first, second[:, ::-1])
    assert [colour.labels[i] for i in first.argmax(axis=1)] == ["Red", "Blue"]


def test_a_label_that_the_teacher_never_learnt_is_refused(sets: list[LabelledTitles], teacher: Teacher) -> None:
    clothes = sets[0].where(TRAIN)
    labels = clothes.labels | {"baseColour": ["Puce", *clothes.labels["baseColour"][1:]]}
    odd = replace(clothes, labels=labels)
    layout = layout_of([odd])
    with pytest.raises(TrainingError, match="knows no fashion_baseColour Puce"):
        teacher.answers(examples([odd], layout), layout, progress=False)


def test_only_titles_of_the_training_buckets_are_asked_of_the_teacher(
    sets: list[LabelledTitles], pair: Path, tmp_path: Path
) -> None:
    kept = [_files(sets, pair, tmp_path / "first")]
    changed = [_changed(part) for part in sets]
    kept.append(_files(changed, pair, tmp_path / "second"))
    assert kept[0]
    assert kept[0] == kept[1]


def _files(sets: list[LabelledTitles], pair: Path, cache: Path) -> dict[str, bytes]:
    """What the cache holds after a training."""
    recipes = [replace(RECIPES[1], epochs=1)]
    teacher = load_teacher(pair, cache)
    products.fit_artifact(sets, cache / "artifact", recipes, name="s", seed=3, teacher=teacher, progress=False)
    return {file.name: file.read_bytes() for file in cache.glob("*.safetensors")}


def _changed(part: LabelledTitles) -> LabelledTitles:
    """Other titles in the buckets of tests and validation."""
    apart = np.isin(part.buckets, [TEST, VALIDATION])
    titles = [f"zzqx {title}" if other else title for title, other in zip(part.titles, apart, strict=True)]
    return replace(part, titles=titles)


def test_a_teacher_that_saw_more_than_the_training_buckets_is_refused(pair: Path) -> None:
    stored = load(pair / "products-encoder")
    for buckets in ([0, 2, 3], [], None):
        training = stored.manifest.training | {"fitted_buckets": buckets}
        save(stored.path, msgspec.structs.replace(stored.manifest, training=training), stored.tensors)
        with pytest.raises(TrainingError, match="was fitted on the buckets"):
            load_teacher(pair)


@pytest.fixture
def _small(sets: list[LabelledTitles], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (products, evaluation):
        monkeypatch.setattr(module.catalogues, "load", lambda data: sets)
    monkeypatch.setattr(products, "RECIPES", [replace(recipe, epochs=2) for recipe in RECIPES])


@pytest.mark.usefixtures("_small")
def test_a_taught_artifact_names_its_teacher_and_the_second_training_asks_nothing(
    sets: list[LabelledTitles], folder: Path, pair: Path, tmp_path: Path
) -> None:
    options = Options(seed=3, teacher=pair, teacher_cache=tmp_path / "cache", baselines=False, progress=False)
    first = products.train(tmp_path, tmp_path / "a", options)
    assert first["training"]["teacher"]["version"] == load(pair / "products-encoder").manifest.version
    assert "teacher" not in load(folder).manifest.training
    written = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    again = products.fit_artifact(
        *(sets, tmp_path / "b", products.RECIPES),
        name=products.NAME,
        seed=3,
        teacher=load_teacher(pair, tmp_path / "cache"),
        progress=False,
    )
    assert again.version == load(tmp_path / "a").manifest.version
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()} == written


@pytest.mark.usefixtures("_small")
def test_folds_and_other_presets_have_no_teacher(tmp_path: Path) -> None:
    command = ["train", "products", "--data", str(tmp_path), "--teacher", "shipped"]
    for more, told_ in ((["--folds", "3"], "every fold"), (["--preset", "encoder"], "makes teachers")):
        error = CliRunner().invoke(app, [*command, *more]).exception
        assert isinstance(error, TrainingError)
        assert told_ in str(error)


@pytest.mark.usefixtures("_small")
def test_the_table_has_every_method_beside_the_teacher(pair: Path, tmp_path: Path) -> None:
    result, again = (
        evaluation.evaluate(
            tmp_path,
            teacher=pair,
            recipes=[replace(RECIPES[1], epochs=1)],
            cache=tmp_path / "cache",
            checkpoints=tmp_path,
            progress=False,
        )
        for _ in range(2)
    )
    assert again["figures"] == result["figures"]
    methods = {row["method"] for row in result["figures"]}
    assert methods == {*evaluation.METHODS, evaluation.TEACHER}
    lines = evaluation.table(result).splitlines()
    assert len(lines) == 2 + 8 * len(methods)
    for row in result["figures"]:
        if row["method"] != evaluation.PLAIN and row["metric"] == "accuracy":
            assert row["gain_low"] <= row["gain"] <= row["gain_high"]
