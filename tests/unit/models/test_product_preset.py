"""The fast preset on a small invented catalogue: trained, resumed, cross-validated, searched."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import TrainingError
from models.registry import load
from models.text.network import Size
from models.train import products
from models.train.options import Options, RunPlace
from models.train.title_fit import Recipe
from streams.cli.main import app
from tests.unit.models.fitting import catalogue

SMALL = (
    Recipe(size=Size(width=8, hidden=8), groups=2, vote=0.6, epochs=6, batch=64, table_rate=0.02, at_least=2),
    Recipe(size=Size(width=8, hidden=8), groups=1, vote=0.4, epochs=3, batch=64, table_rate=0.02, at_least=2),
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [catalogue(600)]
    monkeypatch.setattr(products.catalogues, "load", lambda data: sets)
    monkeypatch.setattr(products, "RECIPES", SMALL)


def options(place: RunPlace | None = None, epochs: int | None = None, study: Path | None = None) -> Options:
    return Options(epochs=epochs, place=place or RunPlace(), study=study, baselines=False, progress=False)


def test_a_finished_run_is_resumed_without_a_step_and_gives_the_same_artifact(tmp_path: Path) -> None:
    first = products.train(tmp_path, tmp_path / "a", options(RunPlace(tmp_path / "run", log_dir=tmp_path / "logs")))
    again = products.train(tmp_path, tmp_path / "b", options(RunPlace(tmp_path / "run", resume=True)))
    assert load(tmp_path / "a").manifest.version == load(tmp_path / "b").manifest.version
    assert first["figures"] == again["figures"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"member-0", "member-1"}
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"member-0", "member-1"}
    with pytest.raises(TrainingError, match="another run: recipe was"):
        products.train(tmp_path, tmp_path / "c", options(RunPlace(tmp_path / "run", resume=True), epochs=2))


def test_folds_give_each_figure_with_its_spread(tmp_path: Path) -> None:
    result = products.cross_validate(tmp_path, 3, options(epochs=6))
    (found,) = [row for row in result["figures"] if (row["task"], row["metric"]) == ("articleType", "accuracy")]
    assert len(found["folds"]) == 3
    assert found["low"] <= found["value"] <= found["high"]
    assert found["value"] > 0.9
    assert found["n"] == sum(bucket != 0 for bucket in catalogue(600).buckets)


def test_the_best_of_a_search_is_what_is_trained_next(tmp_path: Path) -> None:
    study = tmp_path / "study.journal"
    found = products.search(tmp_path, 3, options(epochs=2, study=study))
    assert len(found["trials"]) == 3
    told = replace(options(epochs=2, study=study), sampling="square-root")
    trained = products.train(tmp_path, tmp_path / "best", told)
    recipe = trained["training"]["recipes"][0]
    assert [one["sampling"] for one in trained["training"]["recipes"]] == ["square-root"] * 2
    assert {name: recipe[name] for name in found["best"]} == found["best"]
    with pytest.raises(TrainingError, match="--study"):
        products.search(tmp_path, 3, options())


def test_the_command_trains_by_preset_and_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    command = ["train", "products", "--data", str(tmp_path)]
    run = CliRunner().invoke(
        app, [*command, "--folds", "3", "--epochs", "1", "--json", "--no-progress"], prog_name="shelfstream"
    )
    assert json.loads(run.stdout)["folds"] == 3
    for wrong in (["--folds", "3", "--search", "5"], ["--resume"]):
        assert CliRunner().invoke(app, [*command, *wrong]).exit_code == 2
    assert isinstance(CliRunner().invoke(app, [*command, "--preset", "slow"]).exception, TrainingError)
