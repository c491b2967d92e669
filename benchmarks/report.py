"""Results as JSON, as a Markdown table with the targets beside the figures, and as plots."""

import json
from pathlib import Path
from typing import Any

from benchmarks import engine_table, plots
from benchmarks.numbers import LINES

MIB = 1024 * 1024


def table(results: dict[str, Any]) -> str:
    """Markdown: the machine, then a row a figure; a target that was not met is marked."""
    machine = results["machine"]
    gib = machine["memory_bytes"] / MIB / 1024
    rows = [
        f"Measured {results['when']} on {machine['processor']}, {machine['cores']} cores, {gib:.0f} GiB, "
        f"Python {machine['python']}, Faust {machine['packages']['faust-streaming']}, "
        f"torch {machine['packages']['torch']}; "
        f"broker, sender and worker share the machine; load before {machine['load_before'][0]}.",
        "",
    ]
    if results["quick"]:
        rows += ["**A quick run: it shows that the harness works, its figures mean nothing.**", ""]
    rows += ["| Figure | Measured | Target |", "|---|---:|---:|"]
    for line in LINES:
        value = line.value(results)
        if value is not None:
            missed = "" if line.met(value) else " (missed)"
            rows.append(f"| {line.meaning} | {line.told(value)}{missed} | {line.target()} |")
    rows += [f"| {name} | {figures['left_out']} | |" for name, figures in _left_out(results)]
    rows += [f"| {name} | failed: {why.splitlines()[0]} | |" for name, why in results["failed"].items()]
    other_days = _other_days(results)
    if other_days:
        rows += ["", f"Measured at another time: {', '.join(other_days)}."]
    engines = engine_table.table(results)
    if engines:
        rows += ["", *engines]
    return "\n".join(rows) + "\n"


def _left_out(results: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, figures) for name, figures in results["figures"].items() if "left_out" in figures]


def _other_days(results: dict[str, Any]) -> list[str]:
    """Benchmarks whose figures are of another day than the head of the table says."""
    day = results["when"][:10]
    measured = results.get("measured", {})
    return [f"{name} {facts['when'][:10]}" for name, facts in measured.items() if facts["when"][:10] != day]


def write(results: dict[str, Any], folder: Path, stem: str) -> list[Path]:
    """Write <stem>.json, .md and .png, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, text, plot = (folder / f"{stem}.{ending}" for ending in ("json", "md", "png"))
    data.write_text(json.dumps(results, indent=2) + "\n")
    text.write_text(table(results))
    plots.draw(results, plot)
    return [data, text, plot]
