"""One picture of the results: engines and targets, and where they were measured, latency, growth and soak."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import engine_table
from benchmarks.numbers import LINES

MIB = 1024 * 1024
OURS, MET, MISSED, OTHER, CEILING = "#2b6cb0", "#2f855a", "#c53030", "#9aa5b1", "#d9dee4"
LATENCY_COLOURS = {"reference": "#2b6cb0", "shipped": "#2f855a", "broker": "#9aa5b1"}
DASHES = ("-", "--", ":")


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the picture; panels of what was not measured are left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [panel for name, panel in PANELS if _has(results, name)]
    rows = (len(panels) + 1) // 2
    figure, axes = pyplot.subplots(rows, 2, figsize=(15, 5.4 * rows), squeeze=False, layout="constrained")
    for place, axis in enumerate(axes.flat):
        if place < len(panels):
            panels[place](axis, results)
        else:
            axis.set_axis_off()
    figure.suptitle(
        f"shelfstream, {results['when'][:10]}, {results['machine']['cores']} cores"
        + (" — quick" if results["quick"] else "")
    )
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _has(results: dict[str, Any], benchmark: str) -> bool:
    figures = results["figures"].get(benchmark)
    return benchmark == "" or (figures is not None and "left_out" not in figures)


def _engines(axis: Any, results: dict[str, Any]) -> None:
    engines = [row for row in engine_table.rows(results) if row.rate]
    engines.sort(key=lambda row: row.rate or 0)
    bars = axis.barh(
        [row.title.replace("`", "") for row in engines],
        [row.rate or 0 for row in engines],
        color=[{"shelfstream": OURS, "ceiling": CEILING}.get(row.name, OTHER) for row in engines],
    )
    axis.bar_label(bars, [f"{row.rate:,.0f}" for row in engines], padding=2, fontsize=7)
    axis.set_title("Reference job, events/s, one worker")
    axis.tick_params(axis="y", labelsize=7)
    axis.set_xscale("log")
    axis.margins(x=0.15)


def _targets(axis: Any, results: dict[str, Any]) -> None:
    """How many times better than its target each figure is; a target of nothing at all has no such ratio."""
    shown = [
        (line, value)
        for line in LINES
        if (line.at_least or line.at_most) and (value := line.value(results)) is not None and value > 0
    ]
    shares = [
        value / line.at_least if line.at_least is not None else (line.at_most or 0) / value for line, value in shown
    ]
    labels = [f"{line.meaning}: {line.told(value)}, target {line.target()}" for line, value in shown]
    colours = [MET if line.met(value) else MISSED for line, value in shown]
    axis.barh(labels[::-1], shares[::-1], color=colours[::-1])
    axis.axvline(1, color="black", linewidth=1)
    if shown:  # a logarithmic axis without a value cannot be drawn
        axis.set_xscale("log")
    axis.set_title("Times better than the target (1 = just met)")
    axis.tick_params(axis="y", labelsize=6)


def _latency(axis: Any, results: dict[str, Any]) -> None:
    """Percentile curves: as far to the right again for each further nine."""
    for job, rates in results["figures"]["latency"].items():
        for dash, (rate, figures) in zip(DASHES, rates.items(), strict=False):
            curve = [(1 / (1 - point / 100), ms) for point, ms in figures["curve_ms"] if point < 100]
            label = f"{job}, {int(rate):,}/s"
            axis.plot(*zip(*curve, strict=True), dash, color=LATENCY_COLOURS[job], label=label)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks([2, 10, 100, 1_000, 10_000], ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"])
    axis.set_xlabel("percentile")
    axis.set_ylabel("ms from due to readable")
    axis.set_title("Latency, open loop")
    axis.grid(visible=True, which="major", alpha=0.3)
    axis.legend(fontsize=7)


def _growth(axis: Any, results: dict[str, Any]) -> None:
    found = results["figures"]["growth"]
    for sizes, draw_name, dash, colour in (
        ("users", "uniform", "-", OURS),
        ("users", "zipf", "--", OURS),
        ("partitions", "uniform", ":", OTHER),
    ):
        points = [(int(size), figures[draw_name]["us_per_event"]) for size, figures in found[sizes].items()]
        axis.plot(*zip(*points, strict=True), f"o{dash}", color=colour, label=f"{sizes}, {draw_name}")
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("users in state, or partitions")
    axis.set_ylabel("µs per event")
    axis.set_title("Cost of an event as the state grows")
    axis.grid(visible=True, alpha=0.3)
    axis.legend(fontsize=7)


def _soak(axis: Any, results: dict[str, Any]) -> None:
    samples = results["figures"]["soak"]["samples"]
    columns = dict(zip(samples["columns"], zip(*samples["rows"], strict=True), strict=True))
    minutes = [seconds / 60 for seconds in columns["seconds"]]
    axis.plot(minutes, [size / MIB for size in columns["resident_bytes"]], color=OURS, label="resident, MiB")
    axis.plot(minutes, [size / MIB for size in columns["pss_bytes"]], color=MET, label="PSS, MiB")
    axis.set_ylim(bottom=0)
    counts = axis.twinx()
    counts.plot(minutes, columns["handles"], ":", color=MISSED, label="file handles")
    counts.plot(minutes, columns["threads"], ":", color=OTHER, label="threads")
    counts.set_ylim(bottom=0)
    axis.set_xlabel("minutes")
    axis.set_title(f"Soak at {results['figures']['soak']['offered_per_second']:,} events/s")
    lines = [*axis.get_lines(), *counts.get_lines()]
    axis.legend(lines, [line.get_label() for line in lines], fontsize=7, loc="lower right")


PANELS: tuple[tuple[str, Callable[[Any, dict[str, Any]], None]], ...] = (
    ("reference_job", _engines),
    ("", _targets),
    ("latency", _latency),
    ("growth", _growth),
    ("soak", _soak),
)
