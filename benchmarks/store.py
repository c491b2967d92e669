"""The results there are: the newest full ones, and what a run of some benchmarks changes in them."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

SAME = ("processor", "cores", "memory_bytes")  # figures of different machines are never mixed


def newest(folder: Path) -> Path | None:
    """The newest results; None where nothing was measured yet. Quick runs are not meant."""
    return max(folder.glob("20*.json"), default=None)


def read(path: Path) -> dict[str, Any]:
    """The results of a file."""
    results: dict[str, Any] = json.loads(path.read_text())
    return results


def with_earlier(results: dict[str, Any], folder: Path, keep: Collection[str]) -> tuple[dict[str, Any], str]:
    """The results with figures of the newest earlier ones that this run did not measure, and the name to write under.

    `keep` names the benchmarks whose earlier figures stay. Quick results stay alone. A run of some benchmarks changes
    the newest file, if it is of this machine; a run of all makes a new one.
    """
    if results["quick"]:
        return results, "quick"
    date, path = results["when"][:10], newest(folder)
    earlier = read(path) if path else None
    if path is None or earlier is None or any(earlier["machine"][fact] != results["machine"][fact] for fact in SAME):
        return results, date
    kept = [name for name in earlier["figures"] if name in keep and name not in results["measured"]]
    figures = {name: earlier["figures"][name] for name in kept}
    before = {"when": earlier["when"], "load_before": earlier["machine"]["load_before"]}
    measured = {name: earlier.get("measured", {}).get(name, before) for name in kept}
    failed = {name: why for name, why in earlier["failed"].items() if name in keep and name not in results["measured"]}
    joined = {
        **results,
        "measured": {**measured, **results["measured"]},
        "figures": {**figures, **results["figures"]},
        "failed": {**failed, **results["failed"]},
    }
    of_earlier = len(keep) > len(results["measured"])
    return joined, path.stem if of_earlier else date
