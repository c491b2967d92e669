"""The steps of an event are measured on the engine's own functions, wherever those are by now."""

from pathlib import Path

import pytest

from benchmarks import steps


@pytest.mark.parametrize("name", steps.jobs())
def test_every_step_takes_time_and_every_event_gets_its_row(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "WINDOW", 512)
    monkeypatch.setattr(steps, "FLUSH_S", 0)  # so that RocksDB is written in a short run too
    found = steps.measure(steps.jobs()[name], tmp_path, 2)
    assert set(found["us_per_event"]) == set(steps.STEPS)
    assert 0 < found["rows_per_event"] <= 1
    assert found["events"] == 1_024


def test_the_engines_functions_are_given_back(tmp_path: Path) -> None:
    before = [owner.__dict__[name] for owner, name, _ in steps.WITHIN]
    steps.measure(steps.jobs()["reference"], tmp_path, 1)
    assert [owner.__dict__[name] for owner, name, _ in steps.WITHIN] == before


def test_a_function_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "WITHIN", ((steps.Rows, "fetch_rows", "rows_in_memory"),))
    with pytest.raises(AttributeError, match="Rows has no fetch_rows"):
        steps.measure(steps.jobs()["reference"], tmp_path, 1)
