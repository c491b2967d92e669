"""A report as a person reads it."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.demo.report import Report

SHOWN = 5  # attributes of a product


def summarize(report: Report) -> RenderableType:
    """Counts, latencies, quality and the verdict."""
    facts = report.facts
    tables = (_counts(facts), _latency(facts), _quality(facts), _risk(facts["risk"]), _showcase(facts))
    return Group(*tables, _verdict(report))


def _counts(facts: dict[str, Any]) -> Table:
    table = _table("topic", "records")
    for topic, count in facts["counts"].items():
        table.add_row(topic, f"{count:,}")
    return table


def _latency(facts: dict[str, Any]) -> Table:
    table = _table("produce to readable prediction", "p50", "p90", "p99", "worst", "n")
    for agent, found in facts["latency"].items():
        times = (found[name] for name in ("p50_ms", "p90_ms", "p99_ms", "max_ms"))
        table.add_row(agent, *("–" if time is None else f"{time:,.1f} ms" for time in times), f"{found['n']:,}")
    return table


def _quality(facts: dict[str, Any]) -> Table:
    table = _table("on products and households that the models never saw", "metric", "value", "n")
    for row in facts["quality"]:
        table.add_row(row["task"], row["metric"], _share(row["value"]), f"{row['n']:,}")
        if "baseline" in row:
            table.add_row(f"  baseline: {row['baseline_name']}", "", _share(row["baseline"]), f"{row['n']:,}")
    return table


def _risk(risk: dict[str, Any]) -> RenderableType:
    table = _table("accounts taken over on purpose", "begun", "with an alarm", "events", "alarms")
    taken, ordinary, newest = risk["takeovers"], risk["ordinary"], risk["newest_alarm"]
    for name, one in (*taken["kinds"].items(), ("all kinds", taken)):
        table.add_row(name, *(f"{one[key]:,}" for key in ("begun", "with_alarm", "events", "events_with_alarm")))
    rate = ordinary["false_alarms_in_1000"]
    often = "–" if rate is None else f"{rate:.2f} in 1,000"
    wrong = f"{ordinary['false_alarms']:,} ({often})"
    table.add_row("all other events: false alarms", "", "", f"{ordinary['events']:,}", wrong)
    if newest is None:
        return table
    about = f"{newest['takeover']} takeover" if newest["takeover"] else "false"
    said = "; ".join(newest["reasons"])
    return Group(table, Text(f"newest alarm: {newest['user_id']}, {newest['score']:.2f} ({about}): {said}\n"))


def _showcase(facts: dict[str, Any]) -> Table:
    table = _table("a product of each kind", "category, its chance and id in Shopify's taxonomy", "attributes")
    for column in table.columns[1:]:
        column.justify = "left"
    for name, one in facts["showcase"].items():
        if not one["category"]:
            continue
        picture = " + picture" if one["inputs"].get("image") == "read" else ""
        where = f"{' > '.join(one['category'])}, {_share(one['confidence'])}, {one['taxonomy_id'] or 'no id'}"
        said = ", ".join(f"{key} {value}" for key, value in list(one["attributes"].items())[:SHOWN])
        table.add_row(f"{name}: {one['title']}{picture}", f"{where} ({one['tier']} tier)", said)
    return table


def _verdict(report: Report) -> RenderableType:
    facts = report.facts
    rates, seconds = facts["rates"], facts["seconds"]
    pace = Text(
        f"{rates['in_per_second']:,.0f} events/s in, {rates['out_per_second']:,.0f} answered; "
        f"{seconds['start']:.1f} s to start, {seconds['feed']:.1f} s of events, "
        f"{seconds['drain']:.1f} s for the last answers"
    )
    if report.problems:
        return Group(pace, *(Text(f"✗ {problem}", style="bold red") for problem in report.problems))
    ended = "stopped as asked; " if facts["stopped"] else ""
    return Group(pace, Text(f"✓ {ended}every event has its predictions, no dead letters", style="bold green"))


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column(first, min_width=34)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
