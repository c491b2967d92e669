"""The engines of the reference job side by side: shelfstream, stock Faust, the others and the ceiling."""

from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024
FAUST = {  # key of reference_job -> how it is named
    "shelfstream": "shelfstream",
    "stock_faust_batched": "Faust, `take`",
    "stock_faust_event": "Faust, as documented",
}


@dataclass(frozen=True)
class Row:
    """One engine: what it did, or in `reason` why there is nothing to show."""

    name: str
    title: str
    version: str
    figures: dict[str, Any]
    reason: str = ""

    @property
    def rate(self) -> float | None:
        """Events a second."""
        return self.figures.get("events_per_second")


def rows(results: dict[str, Any]) -> list[Row]:
    """Ours, the ceiling, then the others from the fastest to the slowest, those without a figure last."""
    found = results["figures"]
    job, others = found.get("reference_job", {}), found.get("peers", {}).get("engines", {})
    faust = results["machine"]["packages"]["faust-streaming"]
    all_rows = [
        Row(name, title, "this one" if name == "shelfstream" else faust, job[name])
        for name, title in FAUST.items()
        if name in job
    ]
    for name, figures in others.items():
        version = next(iter(figures.get("versions", {}).values()), "")
        all_rows.append(Row(name, figures["title"], version, figures, _reason(figures)))
    return sorted(all_rows, key=lambda row: (row.name != "shelfstream", row.name != "ceiling", -(row.rate or 0)))


def table(results: dict[str, Any]) -> list[str]:
    """Lines of Markdown; none when no peers were measured."""
    measured = results["figures"].get("peers")
    if measured is None:
        return []
    all_rows = rows(results)
    ours = next((row.rate for row in all_rows if row.name == "shelfstream"), None)
    lines = [
        "| Reference job | Version | Events/s | shelfstream is | Events | Answers | CPU | Events/CPU s | Memory |",
        "|---|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    lines += [_line(row, ours) for row in all_rows]
    if "times_fastest_peer" in measured:
        fastest = next(row.title for row in all_rows if row.name == measured["fastest_peer"])
        lines += ["", f"shelfstream is {measured['times_fastest_peer']:.2f} × as fast as the fastest peer, {fastest}."]
    return lines


def _line(row: Row, ours: float | None) -> str:
    if row.rate is None:
        return f"| {row.title} | {row.version} | | | | {row.reason} | | | |"
    figures = row.figures
    times = f"{ours / row.rate:.1f} ×" if ours is not None and row.name != "shelfstream" else ""
    answers = "counted only" if figures["checked"] is None else "all, right"
    return (
        f"| {row.title} | {row.version} | {row.rate:,.0f} | {times} | {figures['events']:,} | {answers} "
        f"| {figures['cpu_seconds']:.1f} s | {figures['events'] / max(0.01, figures['cpu_seconds']):,.0f} "
        f"| {figures['peak_memory_bytes'] / MIB:,.0f} MiB |"
    )


def _reason(figures: dict[str, Any]) -> str:
    for kind, text in (("left_out", "left out"), ("failed", "failed")):
        if kind in figures:
            return f"{text}: {figures[kind].splitlines()[0]}".replace("|", "/")
    return ""
