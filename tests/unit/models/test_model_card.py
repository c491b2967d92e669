"""The model card of a small model: complete, drawn, and nothing in it that was not measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from models.data import catalogues
from models.data.splits import TEST
from models.data.titles import LabelledTitles
from models.evaluate.card import card, confusions, markdown, write_card
from models.evaluate.card_plots import precisions, reliability
from models.evaluate.judged import Judged
from models.evaluate.metrics import Cases, accuracy, calibration_error, coverage, value
from models.evaluate.products import evaluate
from models.registry import load
from streams.cli import main
from tests.unit.models.explaining import CATEGORIES, groceries, save_small_products


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("products")
    save_small_products(path)
    return path


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "load", lambda data: [groceries()])


@pytest.fixture
def measured(artifact: Path, _small: None, tmp_path: Path) -> tuple[dict[str, Any], list[Judged]]:
    judged: list[Judged] = []
    return evaluate(tmp_path, artifact, baselines=False, progress=False, keep=judged.append), judged


def test_the_card_holds_every_figure_and_three_plots(
    measured: tuple[dict[str, Any], list[Judged]], artifact: Path, tmp_path: Path
) -> None:
    result, judged = measured
    files = write_card(tmp_path / "card", load(artifact), result, judged, 0.05)
    told = json.loads((tmp_path / "card/model-card.json").read_text())
    for key in ("figures", "slices", "gaps"):
        assert told[key] == result[key]
    assert told["model"]["version"] == load(artifact).manifest.version
    assert told["bytes"] == sum(file.stat().st_size for file in artifact.iterdir())
    assert told["data"][0]["training_rows"] == load(artifact).manifest.training["rows"]["grocery"]
    assert told["data"][0]["licence"] == "MIT"
    page = (tmp_path / "card/model-card.md").read_text()
    for figure in result["figures"]:
        if figure["value"] is not None:
            assert f"| {figure['task']} | {figure['metric']} | {figure['n']:,} | **{figure['value']:.3f}**" in page
    assert "The baselines were not measured in this run." in page
    plots = [file for file in files if file.suffix == ".png"]
    assert {plot.stem for plot in plots} >= {"reliability", "coverage"}
    for plot in plots:
        assert f"]({plot.name})" in page
        with Image.open(plot) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 10


def test_a_table_of_the_page_has_as_many_cells_in_every_row(
    measured: tuple[dict[str, Any], list[Judged]], artifact: Path
) -> None:
    result, judged = measured
    beside = {**result, "baselines": ["a|b", "<c>"]}
    beside["figures"] = [{**row, "baselines": {"a|b": 0.5, "<c>": None}} for row in result["figures"]]
    page = markdown(card(load(artifact), beside, judged, 0.05), ["reliability.png"])
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 4
    for table in tables:
        assert {line.replace("\\|", "").count("|") for line in table} == {table[0].replace("\\|", "").count("|")}
    assert "<c>" not in page


def test_confusions_are_the_most_frequent_wrong_pairs() -> None:
    truth, predicted = [0, 0, 0, 1, 1, 2, 2], [0, 1, 1, 0, 1, 3, 2]
    cases = Cases(np.array(truth), np.array(predicted), np.ones(7, np.float32), np.arange(7))
    found = confusions([Judged("s", "t", ("a", "b", "c"), cases)])
    assert [(pair["truth"], pair["answer"], pair["n"], pair["of"]) for pair in found] == [
        ("a", "b", 2, 3),
        ("b", "a", 1, 2),
        ("c", "(of another catalogue)", 1, 2),
    ]


def test_the_plots_draw_what_the_metrics_say() -> None:
    random = np.random.default_rng(0)
    confidence = random.random(500).astype(np.float32)
    cases = Cases(
        np.zeros(500, np.int64), (random.random(500) > confidence).astype(np.int64), confidence, np.arange(500)
    )
    mean, right, n = reliability(cases)
    assert np.abs(mean - right) @ n / n.sum() == pytest.approx(value(calibration_error, cases), abs=1e-6)
    share, precision = precisions(cases)
    assert precision[-1] == pytest.approx(value(accuracy, cases))
    enough = np.flatnonzero(precision >= 0.98)
    assert (share[enough[-1]] if len(enough) else 0) == pytest.approx(value(coverage, cases))


def test_the_command_fails_on_a_gap_only_when_asked(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "load", lambda data: [wrong_where_short(groceries())])
    asked = ["evaluate", "products", "--data", str(tmp_path), "--artifact", str(artifact)]
    asked += ["--part", "titles", "--no-baselines", "--no-progress", "--json"]
    calm = CliRunner().invoke(main.app, [*asked, "--gap", "1", "--fail-on-gap", "--card", str(tmp_path / "card")])
    assert calm.exit_code == 0, calm.output
    assert "gap: " not in calm.stderr
    assert (tmp_path / "card/model-card.md").is_file()
    told = CliRunner().invoke(main.app, asked)
    assert told.exit_code == 0
    named = [line for line in told.stderr.splitlines() if line.startswith("gap: grocery category, title length ")]
    assert named
    assert all("words" in line for line in named)
    gaps = json.loads(told.stdout)["gaps"]
    assert "4-5 words" in {gap["slice"] for gap in gaps if gap["task"] == "category"}
    assert CliRunner().invoke(main.app, [*asked, "--fail-on-gap"]).exit_code == 1


def wrong_where_short(part: LabelledTitles) -> LabelledTitles:
    """The same titles; those of fewer than six words have another category in the test rows."""
    labels = [
        CATEGORIES[CATEGORIES.index(label) - 1] if bucket == TEST and len(title.split()) < 6 else label
        for label, title, bucket in zip(part.labels["category"], part.titles, part.buckets, strict=True)
    ]
    return replace(part, labels={**part.labels, "category": labels})
