"""The live view: what goes in and out, how fast, and how right it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.demo.alarms import Alarms
from streams.demo.checker import Checker, ProductRow, UserRow
from streams.demo.latency import PERCENTILES
from streams.demo.score import CATEGORY_BASELINE, PRODUCT_BASELINE

WIDTH = 118
ROWS = 5  # of each list
FIXED_LINES = 30  # of the view, besides the lists
STREAM_WIDTH = 60
LINES_A_USER = 2  # categories, products


@dataclass(frozen=True, slots=True)
class Moment:
    """What the view shows besides the checker's own counts. Rates are events a second by agent: (in, out)."""

    phase: str
    kafka: str
    elapsed_s: float
    seconds: float | None
    rates: dict[str, tuple[float, float]]
    products: Sequence[ProductRow]
    users: Sequence[UserRow]


def render(checker: Checker, moment: Moment, rows: int = ROWS) -> RenderableType:
    """The whole view, `rows` lines of each list; an odd number is rounded up for households."""
    top = Table.grid(expand=True, padding=(0, 0))
    top.add_column(width=STREAM_WIDTH)
    top.add_column(ratio=1)
    top.add_row(_stream(checker, moment), _quality(checker))
    users = _users(moment.users, LINES_A_USER * ((rows + 1) // LINES_A_USER))
    return Group(_title(checker, moment), top, _products(moment.products, rows), users, _risk(checker.alarms))


def _title(checker: Checker, moment: Moment) -> RenderableType:
    names = [f"{agent} model {model['version']}" for agent, model in sorted(checker.models.items())]
    of = f" of {moment.seconds:.0f}" if moment.seconds else ""
    line = Text.assemble(
        ("shelfstream demo", "bold cyan"),
        f"   {moment.phase}   {moment.elapsed_s:.0f}{of} s   {moment.kafka}   ",
        (" · ".join(names), "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )
    return Panel(line, box=box.HEAVY_HEAD, border_style="cyan", padding=(0, 1))


def _stream(checker: Checker, moment: Moment) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False)
    table.add_column("")
    for name in ("products", "purchases"):
        table.add_column(name, justify="right")
    ledgers = (checker.products, checker.purchases)
    rates = [moment.rates.get(agent, (0.0, 0.0)) for agent in ("products", "behaviour")]
    table.add_row("events in", *(f"{ledger.sent:,}" for ledger in ledgers))
    table.add_row("answered", *(f"{ledger.complete:,}" for ledger in ledgers))
    table.add_row("in / out a second", *(f"{into:,.0f} / {out:,.0f}" for into, out in rates))
    table.add_row("lag (sent, no answer yet)", *(f"{ledger.waiting:,}" for ledger in ledgers))
    recent = [checker.recent[agent] for agent in ("products", "behaviour")]
    for percent in PERCENTILES:
        table.add_row(f"p{percent} to prediction", *(_ms(found.percentile(percent)) for found in recent))
    letters = Text(str(checker.letters), style="bold red" if checker.letters else "green")
    table.add_row("dead letters", "", letters)
    return Panel(table, title="stream", title_align="left", border_style="blue", padding=(0, 0))


def _quality(checker: Checker) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False)
    table.add_column("on what the models never saw")
    for name in ("right", "n"):
        table.add_column(name, justify="right")
    for task, found in checker.scores.products.items():
        table.add_row(task, _share(found.value), f"{found.n:,}")
    model, baseline = checker.scores.model, checker.scores.baseline
    table.add_section()
    table.add_row("next category: recall@10", Text(_share(model.value), style="bold green"), f"{model.n:,}")
    table.add_row(f"  baseline: {CATEGORY_BASELINE}", _share(baseline.value), f"{baseline.n:,}")
    model, baseline = checker.scores.product_model, checker.scores.product_baseline
    table.add_row("next product: recall@10", Text(_share(model.value), style="bold green"), f"{model.n:,}")
    table.add_row(f"  baseline: {PRODUCT_BASELINE}", _share(baseline.value), f"{baseline.n:,}")
    title = f"quality so far, {len(checker.scores.households):,} households"
    return Panel(table, title=title, title_align="left", border_style="blue", padding=(0, 0))


def _products(rows: Sequence[ProductRow], height: int) -> RenderableType:
    table = _list(("product title", 5), ("predicted category", 3), ("true category", 3))
    for row in rows[-height:]:
        predicted = f"{row.predicted} {row.confidence:.0%}"
        table.add_row(row.title, predicted, row.truth, _mark("✓" if row.right else "✗", row.right), _seen(row.unseen))
    return _panel("products", table, height - len(rows))


def _users(rows: Sequence[UserRow], height: int) -> RenderableType:
    table = _list(("household bought", 4), ("predicted next: categories, products", 6), ("bought next", 3))
    shown = rows[-(height // LINES_A_USER) :]
    for row in shown:
        predicted = ", ".join(name.title() for name in row.predicted)
        table.add_row(f"{row.user}: {row.bought}", predicted, row.wanted, _rank(row.rank), _seen(row.unseen))
        products = Text(", ".join(row.predicted_products), style="dim")
        table.add_row("", products, Text(row.wanted_product, style="dim"), _rank(row.product_rank), "")
    empty = height - LINES_A_USER * len(shown)
    return _panel("households, and at which place of the prediction was what they bought next", table, empty)


def _risk(alarms: Alarms) -> RenderableType:
    """How many takeovers raised an alarm, how many other events did, and the newest alarm."""
    injected, ordinary, rate = alarms.injected, alarms.ordinary, alarms.false_in_1000
    kinds = ", ".join(f"{kind} {len(one.caught)} of {len(one.households)}" for kind, one in alarms.taken.items())
    caught = f"{len(injected.caught)} of {len(injected.households)} takeovers raised an alarm"
    often = "" if rate is None else f", {rate:.2f} in 1,000"
    lines = [
        Text.assemble((caught, "bold green"), f": {kinds}"),
        Text(
            f"alarms on {injected.alarms:,} of their {injected.events:,} events; "
            f"{ordinary.alarms:,} false alarms on {ordinary.events:,} other events{often}"
        ),
        *_newest(alarms),
    ]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    title = "risk: households that somebody else takes over, on purpose"
    return Panel(Group(*lines), title=title, title_align="left", border_style="blue", padding=(0, 1))


def _newest(alarms: Alarms) -> tuple[Text, Text]:
    newest = alarms.newest
    if newest is None:
        return Text("no alarm so far", style="dim"), Text()
    about = (f"takeover, {newest.kind}", "green") if newest.kind else ("false", "red")
    who = Text.assemble("newest alarm: ", (newest.user, "bold"), f", score {newest.score:.2f} (", about, ")")
    return who, Text(f"  {'; '.join(newest.reasons)}", style="dim")


def _list(*columns: tuple[str, int]) -> Table:
    """A table of columns, each with its share of the width, and narrow ones for right or wrong, seen or not."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False)
    for name, ratio in columns:
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    table.add_column("", width=3, justify="right", no_wrap=True)
    table.add_column("", width=6, no_wrap=True)
    return table


def _panel(title: str, table: Table, empty: int) -> RenderableType:
    for _ in range(empty):
        table.add_row("")
    return Panel(table, title=title, title_align="left", border_style="blue", padding=(0, 0))


def _rank(rank: int) -> Text:
    return _mark(f"#{rank}" if rank else "✗", rank > 0)


def _mark(text: str, right: bool) -> Text:
    return Text(text, style="green" if right else "red")


def _seen(unseen: bool) -> Text:
    return Text("unseen", style="bold") if unseen else Text("seen", style="dim")


def _ms(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
