"""Slices of the behaviour figures: users by how much is known of them, and visits by how long ago the last one was.

Both are known when the prediction is made. A user moves from slice to slice as events come: `new` is everybody's
beginning. Events are those of the protocol, one per household, basket and category.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.journey import Purchases
from models.data.sequences import DAY_MS, NONE, Targets
from models.evaluate.households import Households

HISTORY = (("new user", 0, 10), ("light user", 10, 100), ("medium user", 100, 500), ("heavy user", 500, None))  # events
PAUSES = ((None, 7), (7, 28), (28, None))  # days from the visit before to this one: above the first, up to the second
TOP = 10

Masks = dict[str, NDArray[np.bool_]]


def slices(asked: Purchases) -> dict[str, Masks]:
    """Kind of slice -> name -> (n,) which events are in it. A household's first visit is in no slice by pauses."""
    head, begins = _begins(asked)
    start = np.maximum.accumulate(np.where(head, np.arange(len(asked)), 0))
    known = np.arange(len(asked)) - start + 1  # events, this one included
    days = _pause_days(asked, head, begins)
    history = {_history_name(*each): _within(known, *each[1:]) for each in HISTORY}
    return {"history": history, "pause": {_pause_name(*each): _within(days, *each) for each in PAUSES}}


def slice_figures(
    name: str,
    people: Households,
    asked: Purchases,
    mine: NDArray[np.int64],
    expected: Targets,
    ranks: Mapping[str, NDArray[np.int64]],
) -> list[dict[str, Any]]:
    """Recall of the next category in each slice, from the (n,) ranks of the model and of the baselines.

    A row per slice as other figures are, and for the gap alarm of slices.py `kind`, `slice`, `groups` (households in
    it) and `whole`, the recall over all events.
    """
    counted = expected.category != NONE
    whole = float((mine[counted] < TOP).mean())
    figures = []
    for kind, masks in slices(asked).items():
        for label, mask in masks.items():
            which = counted & mask
            if not which.any():
                continue
            n, value, low, high = people.mean(mine < TOP, which)
            figures.append(
                {"set": name, "task": f"next category, {label}", "metric": f"recall@{TOP}"}
                | {"n": n, "value": value, "low": low, "high": high}
                | {"baselines": {other: people.mean(rank < TOP, which)[1] for other, rank in ranks.items()}}
                | {"kind": kind, "slice": label, "groups": len(np.unique(people.code[which])), "whole": whole}
            )
    return figures


def _begins(asked: Purchases) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) a household begins here; a basket begins here."""
    head = np.concatenate([[True], asked.household[1:] != asked.household[:-1]])
    return head, head | np.concatenate([[True], asked.basket[1:] != asked.basket[:-1]])


def _pause_days(asked: Purchases, head: NDArray[np.bool_], begins: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) days between this basket and the one before; nan in a household's first."""
    since = np.full(len(asked), np.nan)
    since[1:] = np.diff(asked.times_ms) / DAY_MS
    since[head] = np.nan
    place = np.maximum.accumulate(np.where(begins, np.arange(len(asked)), 0))
    return since[place]


def _within(values: NDArray[Any], low: int | None, high: int | None) -> NDArray[np.bool_]:
    """(n,) above the one, up to the other; nan is nowhere."""
    return (values > (-1 if low is None else low)) & (values <= (np.inf if high is None else high))


def _history_name(name: str, low: int, high: int | None) -> str:
    if not low:
        return f"{name} (first {high} events)"
    return f"{name} ({low + 1}-{high} events)" if high else f"{name} (more than {low} events)"


def _pause_name(low: int | None, high: int | None) -> str:
    if high is None:
        return f"more than {low} days since the visit before"
    return f"up to {high} days since the visit before" if low is None else f"{low}-{high} days since the visit before"
