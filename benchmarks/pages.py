"""Writes docs/performance.md and docs/sizing.md from the newest results: `python -m benchmarks.pages [--check]`.

With --check it only names stale pages. Reasons of numbers that are missed are written by hand in reasons.toml.
"""

import sys
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks import store
from benchmarks.numbers import LINES, Line
from benchmarks.sizing import Assumptions, Measured, NotMeasured, Sizing

HERE = Path(__file__).parent
RESULTS, REASONS = HERE / "results", HERE / "reasons.toml"
DOCS = HERE.parent / "docs"
MADE = "*Made by `python -m benchmarks.pages` from `benchmarks/results/{name}`; do not edit.*"
NO_REASON = "No reason is written in `benchmarks/reasons.toml` yet."
JOBS = {"reference": "reference job", "shipped": "shipped behaviour model"}
Results = dict[str, Any]


def performance(results: Results, name: str, reasons: dict[str, str]) -> str:
    """docs/performance.md: every number to reach, what is missed and why, where a microsecond goes."""
    return "\n".join(
        [
            "# Performance",
            "",
            MADE.format(name=name),
            "",
            _machine(results),
            "[How it is measured](benchmarks.md); [what a cluster needs](sizing.md).",
            "",
            "## Numbers to reach",
            "",
            "Each is one worker on this machine with the broker and the sender beside it.",
            "",
            *_numbers(results),
            "",
            "Beside them:",
            "",
            *_others(results),
            "",
            *_taken(results),
            "## Missed, and why",
            "",
            *_missed(results, reasons),
            "",
            "## Where a microsecond goes",
            "",
            *_steps(results),
            "",
            "## Peers",
            "",
            "The table of engines is in the [README](../README.md#figures) and in the results.",
            "",
        ]
    )


def missed(results: Results) -> list[tuple[Line, float]]:
    """The numbers that were measured and not reached."""
    valued = [(line, line.value(results)) for line in LINES if line.is_target]
    return [(line, value) for line, value in valued if value is not None and not line.met(value)]


def sizing(results: Results, name: str) -> str:
    """docs/sizing.md: a cluster for a million events a second, with the arithmetic."""
    wanted = Assumptions()
    lines = [
        "# A cluster for a million events a second",
        "",
        MADE.format(name=name),
        "",
        "Reckoned for the shipped behaviour model from [what was measured](performance.md) on one small machine, whose",
        "cores broker and sender shared with the worker: one that has them to itself does more. What is not measured",
        "is assumed and listed below: put in your own values (`benchmarks/sizing.py`).",
        "",
        "## The arithmetic",
        "",
    ]
    try:
        cluster = Sizing(Measured.of(results), wanted)
        lines += ["| | from | gives |", "|---|---|---:|"]
        lines += [f"| {step.what} | {step.how} | {step.result} |" for step in cluster.steps()]
    except NotMeasured as missing:
        lines += [f"Not measured yet, and needed: `{missing}`."]
    lines += [
        "",
        "Workers need not know one another: they share the partitions of `user-behaviour` as a consumer group, so the",
        f"cluster grows by starting more of them. {_grows(results)}",
        "",
        "## Assumed",
        "",
        "| | value |",
        "|---|---:|",
    ]
    lines += [f"| {field.name.replace('_', ' ')} | {getattr(wanted, field.name):,} |" for field in fields(wanted)]
    return "\n".join([*lines, ""])


def _grows(results: Results) -> str:
    found = results["figures"].get("growth")
    if found is None:
        return "What more users and partitions of one\nworker cost is not measured yet: `--only growth`."
    users, partitions = list(found["users"]), list(found["partitions"])
    of_users, of_partitions = found["users_ratio"]["uniform"], found["partitions_ratio"]
    return (
        f"On one worker an event costs {of_users['us_per_event']:.2f} × as much time with {int(users[-1]):,} users as "
        f"with {int(users[0]):,},\nand {of_partitions['us_per_event']:.2f} × with {partitions[-1]} partitions as with "
        f"{partitions[0]}."
    )


def _machine(results: Results) -> str:
    machine = results["machine"]
    return (
        f"Measured {results['when']} on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, Python {machine['python']}, torch {machine['packages']['torch']}."
    )


def _numbers(results: Results) -> list[str]:
    rows = ["| number | target | measured | | shown by |", "|---|---:|---:|---|---|"]
    for line in LINES:
        if line.is_target:
            value = line.value(results)
            told = "" if value is None else line.told(value)
            rows.append(f"| {line.meaning} | {line.target()} | {told} | {_verdict(line, results)} | `{line.command}` |")
    return rows


def _others(results: Results) -> list[str]:
    """Figures without a number to reach, those that there are."""
    shown = [(line, value) for line in LINES if not line.is_target and (value := line.value(results)) is not None]
    rows = [f"| {line.meaning} | {line.told(value)} | `{line.command}` |" for line, value in shown]
    return ["| figure | measured | shown by |", "|---|---:|---|", *rows]


def _taken(results: Results) -> list[str]:
    """How long each benchmark took, and when it was run if not with the others."""
    day = results["when"][:10]
    told = [
        f"{name} {facts['seconds']:,} s" + (f" (on {facts['when'][:10]})" if facts["when"][:10] != day else "")
        for name, facts in results.get("measured", {}).items()
        if "seconds" in facts
    ]
    return [f"The benchmarks took: {', '.join(told)}.", ""] if told else []


def _verdict(line: Line, results: Results) -> str:
    value = line.value(results)
    if value is not None:
        return "met" if line.met(value) else "**missed**"
    if line.benchmark in results["failed"]:
        return f"failed: {results['failed'][line.benchmark].splitlines()[0]}"
    left_out = results["figures"].get(line.benchmark, {}).get("left_out")
    return str(left_out or "not measured yet")


def _missed(results: Results, reasons: dict[str, str]) -> list[str]:
    found = missed(results)
    if not found:
        return ["Of what was measured, nothing."]
    return [
        f"- **{line.meaning}**: {line.told(value)}, target {line.target()} (`{line.key}`). "
        f"{reasons.get(line.key, NO_REASON).strip()}"
        for line, value in found
    ]


def _steps(results: Results) -> list[str]:
    from benchmarks.steps import STEPS  # with the engine behind it

    found = results["figures"].get("steps")
    if found is None:
        return ["Not measured yet: `python -m benchmarks --only steps`."]
    jobs = [name for name in JOBS if name in found]
    lines = [
        "Microseconds of one event in full windows, each step by the clock around the engine's own function on real",
        "records (`python -m benchmarks --only steps`). The last line is what a worker under load has besides, by its",
        "processor time: event loop, sockets, Faust, RocksDB's own threads.",
        "",
        f"| step | {' | '.join(JOBS[name] for name in jobs)} |",
        "|---|" + "---:|" * len(jobs),
    ]
    each = {name: found[name]["us_per_event"] for name in jobs}
    for step, meaning in STEPS.items():
        if any(step in steps for steps in each.values()):
            lines.append(f"| {meaning} | {' | '.join(f'{each[name].get(step, 0.0):.2f}' for name in jobs)} |")
    sums = {name: sum(each[name].values()) for name in jobs}
    lines.append(f"| **together** | {' | '.join(f'**{sums[name]:.2f}**' for name in jobs)} |")
    whole = {name: _cpu_us_per_event(results, name) for name in jobs}
    rest = [f"{max(0.0, cpu - sums[name]):.2f}" if (cpu := whole[name]) else "not measured" for name in jobs]
    lines.append(f"| the rest of the worker's processor time | {' | '.join(rest)} |")
    return lines


def _cpu_us_per_event(results: Results, job: str) -> float | None:
    """Processor time of a worker under load, from the benchmark of its throughput."""
    if job == "reference":
        found = results["figures"].get("reference_job", {}).get("shelfstream")
    else:
        found = results["figures"].get("behaviour")
    if not found or "cpu_seconds" not in found:
        return None
    return float(1e6 * found["cpu_seconds"] / found["events"])


def pages() -> dict[Path, str]:
    """Every page with its text as the newest results and reasons make it."""
    newest = store.newest(RESULTS)
    if newest is None:
        raise SystemExit(f"there are no results in {RESULTS}: make bench")
    results, reasons = store.read(newest), tomllib.loads(REASONS.read_text())["reasons"]
    makers: dict[str, Callable[[], str]] = {
        "performance.md": lambda: performance(results, newest.name, reasons),
        "sizing.md": lambda: sizing(results, newest.name),
    }
    return {DOCS / page: make() for page, make in makers.items()}


def main(arguments: list[str] | None = None) -> int:
    """0 if every page is (now) as it should be, 1 if --check found a stale one."""
    made = pages()
    stale = [page for page, text in made.items() if not page.is_file() or page.read_text() != text]
    if "--check" in (sys.argv[1:] if arguments is None else arguments):
        if stale:
            print(f"stale: {', '.join(page.name for page in stale)}; run python -m benchmarks.pages")
        return 1 if stale else 0
    for page, text in made.items():
        page.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
