"""Which benchmarks run, and what `make bench-quick` judges by."""

import pytest

from benchmarks.quick import RATIOS, Ratio
from benchmarks.run import BENCHMARKS, chosen

FIGURES = {
    "shelfstream": 60_000.0,
    "stock_faust_batched": 2_500.0,
    "ceiling": 400_000.0,
    "latency_p10_ms": 20.0,
    "broker_p50_ms": 5.0,
}


def test_peers_bring_what_they_are_compared_with() -> None:
    assert chosen(["peers"]) == ["reference_job", "peers"]
    assert chosen(["reference_job"]) == ["reference_job"]
    assert chosen(["recovery"]) == ["million_users", "recovery"]


def test_all_are_run_but_the_soak_which_takes_half_an_hour() -> None:
    assert chosen(None) == [name for name in BENCHMARKS if name != "soak"]
    assert chosen(["soak"]) == ["soak"]


def test_the_ratios_hold_on_a_machine_ten_times_as_slow() -> None:
    slower = {name: value * 10 if name.endswith("_ms") else value / 10 for name, value in FIGURES.items()}
    assert all(ratio.kept(FIGURES) and ratio.kept(slower) for ratio in RATIOS)


@pytest.mark.parametrize(
    "worse", [{"shelfstream": 15_000.0}, {"shelfstream": 19_000.0, "ceiling": 500_000.0}, {"latency_p10_ms": 300.0}]
)
def test_a_figure_of_ours_that_falls_alone_breaks_a_ratio(worse: dict[str, float]) -> None:
    assert not all(ratio.kept({**FIGURES, **worse}) for ratio in RATIOS)


def test_a_ratio_says_what_it_found_and_what_it_wants() -> None:
    ratio = Ratio("ours over theirs", "a", "b", at_least=8)
    assert ratio.told({"a": 4.0, "b": 1.0}) == "ours over theirs: 4.00, wanted at least 8: BROKEN"
