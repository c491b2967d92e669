"""Results of training and evaluation: one JSON object, or a table with the baselines beside our value."""

from collections.abc import Mapping
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


def print_result(result: Mapping[str, Any], as_json: bool, console: Console | None = None) -> None:
    """Print what train() or evaluate() returned. Other entries that are plain values stand above the figures."""
    console = console or Console()
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(result)).decode())
        return
    for name, value in result.items():
        if isinstance(value, str | int | float):
            console.print(f"{name}: {_number(value)}", highlight=False, markup=False)
    rows = result.get("figures", [])
    if rows:
        console.print(figures_table(rows))


def figures_table(rows: list[dict[str, Any]]) -> Table:
    """A row per figure: model, set, task, metric, n, value, its 95 % interval, and a column per baseline."""
    names = list(dict.fromkeys(name for row in rows for name in row.get("baselines") or {}))
    table = Table(box=None)
    words = ["model"] * any("model" in row for row in rows) + ["set", "task", "metric"]
    for column in words:
        table.add_column(column, overflow="fold")
    for column in ("n", "value", "95 %", *names):
        table.add_column(column, justify="right", overflow="fold")
    for row in rows:
        low, high = row.get("low"), row.get("high")
        interval = "-" if low is None or high is None else f"{_number(low)}–{_number(high)}"
        others = row.get("baselines") or {}
        table.add_row(
            *(str(row.get(column, "")) for column in words),
            *(_number(row["n"]), _number(row["value"]), interval),
            *(_number(others[name]) if others.get(name) is not None else "-" for name in names),
        )
    return table


def _number(value: str | int | float | None) -> str:
    if value is None:
        return "-"  # a metric that the test rows hold no case of
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
