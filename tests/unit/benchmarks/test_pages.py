"""The pages of figures are as the newest results make them; what is missed has its reason; the arithmetic is right."""

import re
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import pages, store
from benchmarks.numbers import LINES
from benchmarks.run import BENCHMARKS
from benchmarks.sizing import Assumptions, Measured, NotMeasured, Sizing

MEASURED = Measured(
    events_per_second=10_000, cores=2, input_bytes=100, output_bytes=400, row_bytes=2_000, rows_per_event=0.5,
    memory_bytes=1.5e9, recovered_rows_per_second=100_000, failover_seconds=7.0, session_seconds=6.0,
)  # fmt: skip


def results(**figures: Any) -> dict[str, Any]:
    packages = {"torch": "2", "faust-streaming": "1"}
    machine = {"processor": "p", "cores": 2, "memory_bytes": 2**34, "python": "3.11", "packages": packages}
    return {"when": "2026-11-23T00:00:00", "quick": False, "machine": machine, "figures": figures, "failed": {}}


def test_pages_are_fresh() -> None:
    assert pages.main(["--check"]) == 0, "run python -m benchmarks.pages"


def test_every_number_belongs_to_a_benchmark_and_has_a_name_of_its_own() -> None:
    assert {line.benchmark for line in LINES} <= set(BENCHMARKS)
    assert len({line.key for line in LINES}) == len(LINES)


def test_the_page_of_benchmarks_names_every_one() -> None:
    page = (pages.DOCS / "benchmarks.md").read_text()
    named = {name for row in page.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)`", row)}
    assert set(BENCHMARKS) <= named


def test_reasons_are_of_numbers_that_there_are() -> None:
    reasons = tomllib.loads(pages.REASONS.read_text())["reasons"]
    assert set(reasons) <= {line.key for line in LINES if line.is_target}


def test_a_missed_number_is_told_with_its_reason() -> None:
    found = results(behaviour={"events_per_second": 6_000.0})
    text = pages.performance(found, "x.json", {"behaviour.events_per_second": "The model is large."})
    assert "| ≥ 8,000 | 6,000 events/s | **missed** | `python -m benchmarks --only behaviour` |" in text
    assert "target ≥ 8,000 (`behaviour.events_per_second`). The model is large." in text
    assert pages.NO_REASON in pages.performance(found, "x.json", {})


def test_what_was_not_measured_left_out_or_failed_says_so() -> None:
    found = results(delivery={"left_out": "not in this version"})
    found["failed"] = {"growth": "BenchmarkFailed: 3 of 4 answers\nlog"}
    text = pages.performance(found, "x.json", {})
    assert "| not in this version | `python -m benchmarks --only delivery` |" in text
    assert "| failed: BenchmarkFailed: 3 of 4 answers | `python -m benchmarks --only growth` |" in text
    assert "| not measured yet | `python -m benchmarks --only peers` |" in text
    assert "Of what was measured, nothing." in text


def test_the_time_that_each_benchmark_took_is_told() -> None:
    found = results()
    found["measured"] = {
        "latency": {"when": "2026-11-23T01:00:00", "seconds": 170},
        "soak": {"when": "2026-11-20T01:00:00", "seconds": 1_810},
    }
    text = pages.performance(found, "x.json", {})
    assert "The benchmarks took: latency 170 s, soak 1,810 s (on 2026-11-20)." in text


def test_the_rest_of_a_microsecond_is_what_the_worker_needs_besides_its_steps() -> None:
    steps = {"reference": {"us_per_event": {"fetch": 1.0, "model": 4.0}}}
    job = {"shelfstream": {"cpu_seconds": 8.0, "events": 1_000_000}}
    text = pages.performance(results(steps=steps, reference_job=job), "x.json", {})
    assert "| **together** | **5.00** |" in text
    assert "| the rest of the worker's processor time | 3.00 |" in text


def test_a_cluster_for_a_million_events_a_second() -> None:
    cluster = Sizing(MEASURED, Assumptions(busy_share=0.5, users=200_000_000))
    assert cluster.workers == 200
    assert cluster.partitions == 512
    assert cluster.recovery_seconds == 10
    assert cluster.written_rate == 1e6 * (100 + 400 + 0.5 * 2_000)
    assert cluster.disk_rate == 3 * cluster.written_rate
    assert cluster.sent_rate == 2 * cluster.written_rate + 1e6 * (100 + 400 + 1_000)
    assert cluster.brokers == 30  # 4.5 GB/s of disk, 150 MB/s each
    assert [step.result for step in cluster.steps()[:2]] == ["200 of 2 cores", "512"]


def test_a_worker_twice_as_fast_halves_the_workers_and_doubles_the_recovery() -> None:
    slow, fast = (Sizing(replace(MEASURED, events_per_second=rate), Assumptions(busy_share=0.5)) for rate in (1e4, 2e4))
    assert (slow.workers, fast.workers) == (200, 100)
    assert fast.recovery_seconds == 2 * slow.recovery_seconds
    assert fast.cost_per_month < slow.cost_per_month


def test_a_figure_that_is_missing_is_named_with_what_measures_it() -> None:
    with pytest.raises(
        NotMeasured, match=r"million_users\.events_after_recovery: python -m benchmarks --only million_users"
    ):
        Measured.of(results())
    assert "Not measured yet, and needed: `million_users.events_after_recovery" in pages.sizing(results(), "x.json")


def test_results_before_these_pages_can_be_read() -> None:
    newest = store.newest(pages.RESULTS)
    assert newest is not None
    assert "# Performance" in pages.performance(store.read(newest), newest.name, {})
