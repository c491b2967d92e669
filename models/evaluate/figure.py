"""One figure of an evaluation, as `--json` prints it, manifests keep it and pages show it."""

from __future__ import annotations

from typing import Any

Measured = tuple[int, float, float, float]  # cases, value, and the ends of its 95 % interval


def figure(name: str, task: str, metric: str, measured: Measured, others: dict[str, float]) -> dict[str, Any]:
    """Of a task on the set `name`; `others`: the baselines' values."""
    n, value, low, high = measured
    return {
        "set": name,
        "task": task,
        "metric": metric,
        "n": n,
        "value": value,
        "low": low,
        "high": high,
        "baselines": others,
    }


def rounded(name: str, task: str, metric: str, measured: Measured, others: dict[str, float]) -> dict[str, Any]:
    """As `figure`, to four places."""
    n, *values = measured
    value, low, high = (round(each, 4) for each in values)
    return figure(name, task, metric, (n, value, low, high), {key: round(each, 4) for key, each in others.items()})
