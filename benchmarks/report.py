"""Results as JSON, as a Markdown table with the targets beside the figures, and as a plot."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import engine_table

MIB = 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One figure of the table: where it is found in the results, how it is shown, and what it should be."""

    benchmark: str
    path: tuple[str, ...]
    meaning: str
    unit: str
    scale: float = 1.0
    digits: int = 0
    at_least: float | None = None
    at_most: float | None = None

    def value(self, results: dict[str, Any]) -> float | None:
        """The figure in its unit, None when its benchmark was not run or failed."""
        found: Any = results["figures"].get(self.benchmark)
        for step in self.path:
            found = None if found is None else found.get(step)
        return None if found is None else float(found) * self.scale

    def target(self) -> str:
        """The target as text; empty when there is none."""
        if self.at_least is not None:
            return f"≥ {self.at_least:,.{self.digits}f}"
        return "" if self.at_most is None else f"≤ {self.at_most:,.{self.digits}f}"

    def met(self, value: float) -> bool:
        """Whether the target is met; true when there is none."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


LINES = (
    Line("reference_job", ("shelfstream", "events_per_second"), "Reference job, shelfstream", "events/s"),
    Line("reference_job", ("stock_faust_batched", "events_per_second"), "Reference job, stock Faust, take", "events/s"),
    Line("reference_job", ("stock_faust_event", "events_per_second"), "Reference job, stock Faust, event", "events/s"),
    Line("reference_job", ("times_stock_faust_batched",), "Faster than stock Faust, take", "×", digits=1, at_least=20),
    Line("reference_job", ("times_stock_faust_event",), "Faster than stock Faust, event", "×", digits=1),
    Line("peers", ("times_fastest_peer",), "Faster than the fastest peer", "×", digits=2),
    Line("peers", ("share_of_ceiling",), "Share of a client without model and state", "%", scale=100),
    Line("behaviour", ("events_per_second",), "Shipped behaviour model, real purchases", "events/s", at_least=8_000),
    Line("products", ("titles_per_second",), "Shipped products model, real titles", "titles/s", at_least=3_000),
    Line("million_users", ("recovered_rows_per_second",), "Recovery from the changelog", "rows/s", at_least=100_000),
    Line(
        "million_users", ("peak_memory_bytes",), "Worker memory, 1,000,000 users in state (peak)", "MiB",
        scale=1 / MIB, at_most=1_536,
    ),
    Line("latency", ("p50_ms",), "Produce to readable prediction at 500 events/s, p50", "ms", digits=1),
    Line("latency", ("p90_ms",), "Produce to readable prediction at 500 events/s, p90", "ms", digits=1, at_most=25),
    Line("latency", ("p99_ms",), "Produce to readable prediction at 500 events/s, p99", "ms", digits=1),
)  # fmt: skip


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
            rows.append(f"| {line.meaning} | {value:,.{line.digits}f} {line.unit}{missed} | {line.target()} |")
    rows += [f"| {name} | failed: {why.splitlines()[0]} | |" for name, why in results["failed"].items()]
    engines = engine_table.table(results)
    if engines:
        rows += ["", *engines]
    return "\n".join(rows) + "\n"


def write(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write <date>.json, <date>.md and <date>.png (quick runs: quick.*) and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = "quick" if results["quick"] else results["when"][:10]
    data, text, plot = (folder / f"{stem}.{ending}" for ending in ("json", "md", "png"))
    data.write_text(json.dumps(results, indent=2) + "\n")
    text.write_text(table(results))
    _plot(results, plot)
    return [data, text, plot]


def _plot(results: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 4.6), width_ratios=(1.1, 1))
    engines = [row for row in engine_table.rows(results) if row.rate]
    engines.sort(key=lambda row: row.rate or 0)
    bars = left.barh(
        [row.title.replace("`", "") for row in engines],
        [row.rate or 0 for row in engines],
        color=[{"shelfstream": "#2b6cb0", "ceiling": "#d9dee4"}.get(row.name, "#9aa5b1") for row in engines],
    )
    left.bar_label(bars, [f"{row.rate:,.0f}" for row in engines], padding=2, fontsize=7)
    left.set_title("Reference job, events/s, one worker")
    left.tick_params(axis="y", labelsize=7)
    if engines:  # a logarithmic axis without a value cannot be drawn
        left.set_xscale("log")
        left.margins(x=0.15)
    targets = [(line, line.value(results)) for line in LINES if line.at_least is not None or line.at_most is not None]
    shown = [(line, value) for line, value in targets if value is not None]
    shares = [
        value / line.at_least if line.at_least is not None else (line.at_most or 0) / value for line, value in shown
    ]
    labels = [f"{line.meaning}\n{value:,.{line.digits}f} {line.unit}, target {line.target()}" for line, value in shown]
    colours = ["#2f855a" if line.met(value) else "#c53030" for line, value in shown]
    right.barh(labels[::-1], shares[::-1], color=colours[::-1])
    right.axvline(1, color="black", linewidth=1)
    right.set_title("Times better than the target (1 = just met)")
    right.tick_params(axis="y", labelsize=7)
    figure.suptitle(
        f"shelfstream, {results['when'][:10]}, {results['machine']['cores']} cores"
        + (" — quick" if results["quick"] else "")
    )
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
