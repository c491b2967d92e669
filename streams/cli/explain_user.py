"""`shelfstream explain user`: why a user gets a category predicted."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.predict import Input, known_products, reading

if TYPE_CHECKING:
    from models.explain.user import Parts, UserExplanation
    from schemas.events import UserBehaviour
    from streams.offline.histories import Histories

SHOWN_PROBLEMS = 20
SHOWN_USERS = 5
SHOWN_HABITS = 5


def user(
    input: Input = Path("-"),
    user_id: Annotated[
        str | None, typer.Option(help="Whose events, where the file has those of several users.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Why, or why not, this category; default: the likeliest next one.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=500, help="Latest events to weigh one by one.")] = 50,
    count: Annotated[int, typer.Option(min=1, max=500, help="Events in the table.")] = 8,
    products: Annotated[
        Path | None, typer.Option(help="JSON lines of products: their predicted categories serve events without one.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of its own to this file.")] = None,
    artifact: Annotated[
        Path | None, typer.Option(help="Folder of the model's artifact; default: the shipped one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """The events that carried a user's next category, and how much is memory, habit or the running basket.

    Input as for `predict users`; a file whose name ends in .csv has a header that names the same fields.

    Example: shelfstream explain user --input events.jsonl --user-id u-1 --html why.html
    """
    from models.explain.user_page import user_page
    from streams.clock import now_ms
    from streams.offline.histories import csv_lines, read_histories

    with reading(input) as lines:
        found = read_histories(csv_lines(lines) if input.suffix.lower() == ".csv" else lines, now_ms)
    who, events = _chosen(found, user_id)
    explanation = _explained(who, events, category, last, products, artifact)
    if html is not None:
        html.write_text(user_page(explanation), encoding="utf-8", errors="replace")
    if as_json:
        told = dataclasses.asdict(explanation) | {"shares": explanation.parts.shares()}
        print(json.dumps(told, indent=2))
    elif html is None:
        _print(explanation, count)
    if found.problems:
        for problem in found.problems[:SHOWN_PROBLEMS]:
            print(problem, file=sys.stderr)
        print(f"{len(found.problems)} lines are no events and were left out", file=sys.stderr)
        raise typer.Exit(1)


def _chosen(found: "Histories", user_id: str | None) -> "tuple[str, list[UserBehaviour]]":
    users = found.users
    if user_id is not None and user_id in users:
        return user_id, users[user_id]
    if user_id is None and len(users) == 1:
        return next(iter(users.items()))
    some = ", ".join(list(users)[:SHOWN_USERS]) + (", …" if len(users) > SHOWN_USERS else "")
    if not users:
        first = f"; {found.problems[0]}" if found.problems else ""
        raise typer.BadParameter(f"the input has no events{first}")
    if user_id is None:
        raise typer.BadParameter(f"the input has events of {len(users):,} users; say whose with --user-id: {some}")
    raise typer.BadParameter(f"the input has no events of {user_id!r}; it has those of {some}")


def _explained(
    who: str,
    events: "list[UserBehaviour]",
    category: str | None,
    last: int,
    products: Path | None,
    artifact: Path | None,
) -> "UserExplanation":
    """The explanation with the events' own ids."""
    import numpy as np

    from models.explain.users import UserExplainer
    from models.predict import EventColumns, load_behaviour
    from streams.clock import now_ms
    from streams.logic.behaviour import BehaviourLogic

    features, attributes = known_products(products, "cpu")
    model = load_behaviour(artifact)
    logic = BehaviourLogic(model, lambda keys: features.read(0, keys), attributes, now_ms)
    read = logic.columns(events)
    columns = EventColumns(
        types=np.array(read.types, np.uint8),
        categories=np.array(read.categories, np.int32),
        products=np.array(read.products, np.int32),
        attributes=np.zeros((len(events), 0), np.uint32),  # they tell of taste, not of the next category
        sessions=np.array(read.sessions, np.uint64),
        times_ms=np.array(read.times_ms, np.int64),
        prices=np.array(read.prices, np.float64),
        quantities=np.array(read.quantities, np.float64),
    )
    found = UserExplainer(model, last=last).explain(columns, category, user_id=who)
    named = tuple(
        dataclasses.replace(each, event_id=events[each.place].event_id, product_id=events[each.place].product_id)
        for each in found.events
    )
    return dataclasses.replace(found, events=named)


def _print(found: "UserExplanation", count: int) -> None:
    from rich.console import Console

    console = Console()

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    say(
        f"{found.category} {found.confidence:.1%}, after {found.events_given:,} events of {found.user_id}; "
        f"{found.unknown:.1%} for a user of whom nothing is known"
    )
    shares = found.parts.shares()
    say(
        "in log odds: "
        + ", ".join(f"{name} {_of(found.parts, name):+.2f} ({share:.0%})" for name, share in shares.items())
    )
    rows = [*found.leading(count), *found.against()]
    columns = ("time", "event", "category", "product", "weight", "memory", "habit", "basket")
    console.print(
        _table(columns, [_event_cells(each) for each in rows] + [_cells("everything before", found.earlier)], 4)
    )
    habits = [
        [habit.category, f"{habit.amount:.1f}", f"{habit.days:.0f}", f"{habit.weight:+.2f}"]
        for habit in found.habits[:SHOWN_HABITS]
    ]
    if habits:
        console.print(_table(("habit", "bought, fading", "days ago", "weight"), habits, 1))
    say("likeliest: " + ", ".join(f"{name} {confidence:.1%}" for name, confidence in found.alternatives))


def _event_cells(event: Any) -> list[str]:
    from models.explain.user_page import when

    return [when(event.time_ms), event.type, event.category or "", event.product_id or "", *_weights(event.parts)]


def _cells(name: str, parts: "Parts") -> list[str]:
    return [name, "", "", "", *_weights(parts)]


def _weights(parts: "Parts") -> list[str]:
    return [f"{weight:+.2f}" for weight in (parts.sum, parts.memory, parts.habit, parts.basket)]


def _of(parts: "Parts", name: str) -> float:
    return float(getattr(parts, name))


def _table(columns: Sequence[str], rows: list[list[str]], words: int) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", justify="left" if place < words else "right")
    for cells in rows:
        table.add_row(*map(Text, cells))
    return table
