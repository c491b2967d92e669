"""Folds keep groups whole, a search goes on where it stopped, a preset says what it cannot do."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from models.data.splits import TEST, TRAIN, VALIDATION
from models.data.titles import LabelledTitles
from models.errors import TrainingError
from models.train.folds import folds, summary
from models.train.presets import PRESETS, door
from models.train.products import RECIPES, SPACE
from models.train.search import Choice, Floats, Space, Watch, best_of, search
from tests.unit.models.fitting import catalogue

PLACES: Space = {"x": Floats(-3.0, 3.0), "kind": Choice(("flat", "steep"))}


def with_groups(part: LabelledTitles) -> LabelledTitles:
    """Three neighbours share a key, as the rows of one product do."""
    keys = [f"group {i // 3}" for i in range(len(part))]
    return LabelledTitles(part.domain, part.titles, keys, part.buckets, part.labels, part.category)


def test_folds_keep_groups_whole_measure_every_row_once_and_never_read_the_test_bucket() -> None:
    part = with_groups(catalogue(900))
    open_rows = {title for title, b in zip(part.titles, part.buckets, strict=True) if b != TEST}
    measured: Counter[str] = Counter()
    for (turn,) in folds([part], 4, seed=1):
        assert set(turn.titles) == open_rows
        parts = [turn.where([wanted]) for wanted in (TEST, VALIDATION, TRAIN[0])]
        assert sum(map(len, parts)) == len(turn)
        keys = [set(each.keys) for each in parts]
        assert sum(map(len, keys)) == len(set().union(*keys))
        assert 0.15 < len(parts[0]) / len(turn) < 0.35
        measured.update(parts[0].titles)
        shares = Counter(parts[0].labels["articleType"])
        assert max(shares.values()) < 1.5 * min(shares.values())  # spread evenly over the kinds
    assert set(measured) == open_rows
    assert set(measured.values()) == {1}


def test_folds_that_leave_nothing_to_learn_from_are_refused() -> None:
    with pytest.raises(TrainingError, match="fewer than 3"):
        next(folds([catalogue(60)], 2, seed=1))
    with pytest.raises(TrainingError, match="groups for 500 folds"):
        next(folds([catalogue(60)], 500, seed=1))


def test_figures_of_folds_become_their_mean_and_range() -> None:
    turns = [[{"set": "a", "task": "b", "metric": "accuracy", "n": 10, "value": v}] for v in (0.5, 0.6, 0.7)]
    (row,) = summary(turns)
    assert (row["n"], row["value"], row["low"], row["high"]) == (30, 0.6, 0.5, 0.7)
    assert row["deviation"] == pytest.approx(0.1)


def bowl(values: dict[str, Any], watch: Watch) -> float:
    error = float((values["x"] - 1) ** 2 + (values["kind"] == "flat"))
    for epoch in (1, 2, 3, 4):
        watch(epoch, error + 1 / epoch)
    return error


def test_a_search_that_was_stopped_goes_on_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "study.journal"
    asked: list[float] = []

    def stops(values: dict[str, Any], watch: Watch) -> float:
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(values["x"])
        return bowl(values, watch)

    with pytest.raises(KeyboardInterrupt):
        search(stops, PLACES, 20, file, name="bowl", seed=1)
    with pytest.raises(TrainingError, match="a search over"):
        search(bowl, {"x": PLACES["x"]}, 20, file, name="bowl", seed=1)
    found = search(bowl, PLACES, 20, file, name="bowl", seed=1)
    assert len(found["trials"]) == 20
    assert [trial["values"]["x"] for trial in found["trials"][:5]] == asked
    assert found["trials"][5]["values"]["x"] not in asked
    assert found["best"]["kind"] == "steep"
    assert abs(found["best"]["x"] - 1) < 0.7
    assert best_of(file, "bowl") == found["best"]
    assert any(trial["given_up"] for trial in found["trials"])


def test_no_study_no_best_values(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--search"):
        best_of(tmp_path / "none.journal", "bowl")


def test_the_space_of_the_fast_preset_is_made_of_its_recipe() -> None:
    assert all(hasattr(RECIPES[0], name) for name in SPACE)


def test_every_preset_trains_and_a_wrong_one_is_named() -> None:
    assert all(callable(door(preset, "train")) for preset in PRESETS)
    with pytest.raises(TrainingError, match="choose one of fast, encoder"):
        door("slow", "train")
    with pytest.raises(TrainingError, match="no nothing-of-the-kind"):
        door("fast", "nothing_of_the_kind")
