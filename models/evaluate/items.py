"""What a gift shop's customer takes next: `shelfstream evaluate behaviour --part gifts`.

The customers of bucket 0 are read from their first purchase to their last, and after each the model's list is compared
with the very next one. Items of the running invoice are never offered, also not when the next purchase begins another
invoice: a stream cannot know that. The Markov chain is measured in both ways.

Slices by what the customer had bought by then (new: no earlier invoice, light: up to 4, heavy: more), by whether the
next purchase begins an invoice, and of items that training never sold, which the model knows by their description.
"baskets shuffled" has the lines of each invoice in random order: what is left when a list's order tells nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import gifts
from models.data.gifts import Sales
from models.data.splits import TEST, TRAIN
from models.evaluate.figure import rounded
from models.evaluate.households import Households
from models.evaluate.items_baselines import markov_ranks
from models.items.lines import heads, since
from models.items.predictor import ItemPredictor, load_items

TOP = 20
LIGHT = 4  # earlier invoices that a light customer has at most
TASK = "next item"
MARKOV, MASKED = "Markov + popularity", "the same, running invoice left out"


def evaluate(data: Path, artifact: Path | None = None, *, baselines: bool = True) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, as JSON-able values.

    `figures`: n, value, 95 % interval over customers and the baselines' values. Errors: DataError, ArtifactError.
    """
    predictor = load_items(artifact)
    sales = gifts.load(data)
    fitted, asked = sales.of_buckets(*TRAIN), sales.of_buckets(TEST)
    figures = []
    for name, part in ((gifts.NAME, asked), (f"{gifts.NAME}, baskets shuffled", asked.shuffled(seed=0))):
        ranks, confidence = _answers(predictor, part)
        others = {}
        if baselines:
            others[MARKOV] = markov_ranks(fitted, part, offer_basket=True)
            others[MASKED] = markov_ranks(fitted, part, offer_basket=False)
        figures += _figures(name, part, ranks, confidence, others, whole=part is asked, sold=_sold(fitted))
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "customers": len(np.unique(asked.customer)),
        "figures": figures,
        "baselines": [MARKOV, MASKED] if baselines else [],
    }


def _answers(predictor: ItemPredictor, asked: Sales) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(n,) rank of the next item, TOP when it is not among them, and (n,) confidence of the first."""
    numbers = {item: number for number, item in enumerate(predictor.shop.items)}
    new = [place for place, item in enumerate(asked.items) if item not in numbers]
    wider = predictor.with_items([asked.items[i] for i in new], [asked.descriptions[i] for i in new])
    numbers |= {asked.items[place]: len(numbers) + number for number, place in enumerate(new)}
    table = np.array([numbers[item] for item in asked.items], np.int32)
    ids, confidence = wider.run(asked.with_items(table[asked.item]), TOP)
    hit = ids == np.roll(table[asked.item], -1)[:, None]
    return np.where(hit.any(axis=1), hit.argmax(axis=1), TOP), confidence[:, 0]


def _figures(
    name: str,
    asked: Sales,
    ranks: NDArray[np.int64],
    confidence: NDArray[np.float32],
    others: dict[str, NDArray[np.int64]],
    *,
    whole: bool,
    sold: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    people, counted = Households(asked.customer), asked.followed()

    def row(task: str, metric: str, which: NDArray[np.bool_]) -> dict[str, Any]:
        def gain(rank: NDArray[np.int64]) -> NDArray[Any]:
            if metric == f"MRR@{TOP}":
                return np.where(rank < TOP, 1 / (np.minimum(rank, TOP) + 1.0), 0)
            return rank < int(metric.rpartition("@")[2])

        measured = people.mean(gain(ranks), which)
        return rounded(
            name, task, metric, measured, {other: people.mean(gain(rank), which)[1] for other, rank in others.items()}
        )

    figures = [row(TASK, metric, counted) for metric in ("recall@1", "recall@10", "recall@20", f"MRR@{TOP}")]
    figures.append(rounded(name, TASK, "ECE of the first", people.calibration(confidence, ranks == 0, counted), {}))
    if not whole:
        return figures
    slices = _slices(asked, sold)
    return figures + [
        row(f"{TASK}, {which}", metric, counted & marks)
        for which, marks in slices.items()
        for metric in ("recall@10", "recall@20")
        if (counted & marks).any()
    ]


def _slices(asked: Sales, sold: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    customer, invoice = heads(asked)
    number = np.cumsum(invoice)
    earlier = number - number[np.arange(len(asked)) - since(customer)]  # invoices before the running one
    begins = np.roll(invoice, -1)
    return {
        "new customer": earlier == 0,
        "light customer": (earlier > 0) & (earlier <= LIGHT),
        "heavy customer": earlier > LIGHT,
        "first of an invoice": begins,
        "within an invoice": ~begins,
        "never sold in training": ~np.roll(sold[asked.item], -1),
    }


def _sold(fitted: Sales) -> NDArray[np.bool_]:
    return np.bincount(fitted.item, minlength=len(fitted.items)) > 0
