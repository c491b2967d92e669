"""A run of some benchmarks changes those in the newest results, a run of all begins anew, machines are not mixed."""

import json
from pathlib import Path
from typing import Any

from benchmarks.store import newest, with_earlier

ALL = ("latency", "growth", "soak")


def results(when: str, *names: str, cores: int = 2, quick: bool = False) -> dict[str, Any]:
    return {
        "when": f"{when}T10:00:00+00:00",
        "quick": quick,
        "machine": {"processor": "p", "cores": cores, "memory_bytes": 1, "load_before": [0.1]},
        "figures": {name: {"of": when} for name in names},
        "measured": {name: {"when": f"{when}T10:00:00+00:00"} for name in names},
        "failed": {},
    }


def write(folder: Path, when: str, *names: str) -> None:
    (folder / f"{when}.json").write_text(json.dumps(results(when, *names)))


def test_one_benchmark_changes_its_figures_in_the_newest_results(tmp_path: Path) -> None:
    write(tmp_path, "2026-11-01", "latency", "growth")
    write(tmp_path, "2026-11-02", "latency", "growth")
    joined, stem = with_earlier(results("2026-11-05", "growth"), tmp_path, ALL)
    assert stem == "2026-11-02"
    assert joined["figures"] == {"latency": {"of": "2026-11-02"}, "growth": {"of": "2026-11-05"}}
    assert joined["measured"]["latency"]["when"].startswith("2026-11-02")


def test_a_run_of_all_begins_a_file_and_keeps_only_what_it_does_not_measure(tmp_path: Path) -> None:
    write(tmp_path, "2026-11-02", "latency", "growth", "soak", "removed")
    joined, stem = with_earlier(results("2026-11-05", "latency", "growth"), tmp_path, {"soak"})
    assert stem == "2026-11-05"
    assert joined["figures"] == {name: {"of": "2026-11-05"} for name in ("latency", "growth")} | {
        "soak": {"of": "2026-11-02"}
    }


def test_figures_of_another_machine_stay_where_they_are(tmp_path: Path) -> None:
    write(tmp_path, "2026-11-02", "latency", "growth")
    alone = results("2026-11-05", "growth", cores=64)
    assert with_earlier(alone, tmp_path, ALL) == (alone, "2026-11-05")


def test_a_benchmark_that_fails_takes_its_earlier_figures_with_it(tmp_path: Path) -> None:
    write(tmp_path, "2026-11-02", "latency", "growth")
    failed = results("2026-11-05")
    failed["measured"], failed["failed"] = {"growth": {"when": "now"}}, {"growth": "lost outputs"}
    joined, _ = with_earlier(failed, tmp_path, ALL)
    assert list(joined["figures"]) == ["latency"]
    assert joined["failed"] == {"growth": "lost outputs"}


def test_quick_results_stay_alone(tmp_path: Path) -> None:
    write(tmp_path, "2026-11-02", "latency")
    quick = results("2026-11-05", "growth", quick=True)
    assert with_earlier(quick, tmp_path, ALL) == (quick, "quick")
    (tmp_path / "quick.json").write_text(json.dumps(quick))
    assert newest(tmp_path) == tmp_path / "2026-11-02.json"
