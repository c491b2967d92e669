"""The behaviour models in one go, and the sets that can be trained: a wrong request names what there is."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import DataError, TrainingError
from models.evaluate.behaviour_parts import evaluate
from models.train.behaviour_sets import train
from models.train.options import BehaviourOptions
from streams.cli import main
from tests.unit.models.shops import gift_lines, log, sales, write_gifts, write_store


def test_a_part_that_is_asked_for_must_have_its_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data"):
        evaluate(None, parts=["gifts"])
    with pytest.raises(DataError, match="cannot be read"):
        evaluate(tmp_path, parts=["store"], progress=False)
    with pytest.raises(DataError, match="name the part"):
        evaluate(tmp_path, tmp_path)


@pytest.mark.parametrize(
    "asked",
    [
        ["evaluate", "behaviour", "--part", "zoo"],
        ["evaluate", "behaviour", "--part", "gifts"],
        ["train", "behaviour", "--set", "zoo"],
        ["train", "behaviour", "--set", "store"],
    ],
)
def test_a_wrong_request_says_what_to_give(asked: list[str]) -> None:
    result = CliRunner().invoke(main.app, asked)
    assert result.exit_code == 2
    assert "store" in result.output or "--data" in result.output


def test_a_set_needs_its_data(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="grocery, gifts, store"):
        train("zoo", None, tmp_path, BehaviourOptions())


def test_a_store_is_trained_and_measured_beside_its_baseline(tmp_path: Path) -> None:
    write_store(tmp_path, log(500))
    trained = train("store", tmp_path, tmp_path / "out", BehaviourOptions(epochs=2, progress=False))
    measured = evaluate(tmp_path, tmp_path / "out", parts=["store"], progress=False)
    assert measured["figures"] == [{"model": "store", **row} for row in trained["figures"]]
    figure = trained["figures"][0]
    assert figure["metric"] == "average precision"
    assert 0 < figure["baselines"]["logistic regression"] < 1
    assert figure["low"] <= figure["value"] <= figure["high"]


def test_a_gift_shop_is_trained_and_measured_beside_its_baselines(tmp_path: Path) -> None:
    write_gifts(tmp_path, gift_lines(sales(120)))
    trained = train("gifts", tmp_path, tmp_path / "out", BehaviourOptions(epochs=1, progress=False))
    again = train("gifts", tmp_path, tmp_path / "again", BehaviourOptions(epochs=1, progress=False))
    assert again["artifact"] == trained["artifact"]  # the version is that of the weights: equal seeds, equal weights
    measured = evaluate(tmp_path, tmp_path / "out", parts=["gifts"])
    assert measured["figures"] == [{"model": "gifts", **row} for row in trained["figures"]]
    assert {row["set"] for row in trained["figures"]} == {"gifts", "gifts, baskets shuffled"}
    assert all(len(row["baselines"]) == 2 for row in trained["figures"] if "recall" in row["metric"])
