"""The table of engines says what was measured, and why something was not."""

from typing import Any

from benchmarks import engine_table, other_engines


def figures(rate: float, *, checked: bool = True) -> dict[str, Any]:
    return {
        "title": "An engine",
        "versions": {"an-engine": "1.2"},
        "events_per_second": rate,
        "events": 1_000,
        "cpu_seconds": 1.5,
        "peak_memory_bytes": 2**20,
        "checked": {"wrong": 0} if checked else None,
    }


def results() -> dict[str, Any]:
    faust = {"shelfstream": figures(60.0), "stock_faust_batched": figures(3.0), "times_stock_faust_batched": 20.0}
    engines: dict[str, Any] = {
        "slow": {**figures(10.0), "title": "Slow"},
        "fast": {**figures(30.0), "title": "Fast"},
        "absent": {"title": "Absent", "left_out": "uv pip failed: no network\nmore"},
        "lossy": {"title": "Lossy", "versions": {"lossy": "3"}, "failed": "lossy: 9 of 10 outputs"},
        "ceiling": {**figures(600.0, checked=False), "title": "Client"},
    }
    peers = {"engines": engines, **other_engines.compare(faust, engines)}
    return {
        "machine": {"packages": {"faust-streaming": "0.15"}},
        "figures": {"reference_job": faust, "peers": peers},
    }


def test_ours_comes_first_then_the_ceiling_then_the_fastest() -> None:
    assert [row.name for row in engine_table.rows(results())] == [
        "shelfstream",
        "ceiling",
        "fast",
        "slow",
        "stock_faust_batched",
        "absent",
        "lossy",
    ]


def test_what_was_not_measured_is_there_with_its_reason() -> None:
    text = "\n".join(engine_table.table(results()))
    assert "left out: uv pip failed: no network |" in text
    assert "failed: lossy: 9 of 10 outputs |" in text
    assert "counted only" in text
    assert "2.00 × as fast as the fastest peer, Fast" in text


def test_the_fastest_peer_is_one_that_does_the_whole_job() -> None:
    measured = results()["figures"]["peers"]
    assert measured["fastest_peer"] == "fast"
    assert measured["times_fastest_peer"] == 2.0
    assert measured["share_of_ceiling"] == 0.1


def test_without_our_own_rate_nothing_is_compared() -> None:
    assert other_engines.compare({}, {"fast": figures(30.0)}) == {}


def test_there_is_no_table_without_peers() -> None:
    assert engine_table.table({"figures": {"reference_job": {}}}) == []
