"""Without the setting there is nothing to compare, and the results say so."""

from pathlib import Path

import pytest

from benchmarks import delivery
from benchmarks.setting import Setting


def test_a_version_without_the_setting_is_left_out_and_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "setting_names", lambda: {"name": "consumer group"})
    assert "not in this version" in delivery.run(Setting("nowhere:1", tmp_path, quick=True))["left_out"]


def test_both_modes_run_alike_and_the_price_is_their_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"at-least-once": 80_000.0, "exactly-once": 60_000.0}

    def mode(setting: Setting, name: str) -> dict[str, object]:
        return {"throughput": {"events_per_second": rates[name]}, "latency": {}}

    monkeypatch.setattr(delivery, "setting_names", lambda: {"delivery": "how often"})
    monkeypatch.setattr(delivery, "_mode", mode)
    found = delivery.run(Setting("nowhere:1", tmp_path, quick=True))
    assert found["exactly_once_share"] == 0.75
    assert set(found) == {*rates, "exactly_once_share"}
