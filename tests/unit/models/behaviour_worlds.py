"""A small untrained behaviour model and made-up events, for the tests of models.behaviour."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import BehaviourNetwork, BehaviourPredictor, Shelf, Sizes
from models.behaviour.tokens import NUMERIC
from models.columns import BehaviourBatch, EventColumns, ModelInfo
from schemas.events import EVENT_TYPES

PURCHASE = EVENT_TYPES.index("purchase")
VIEW = EVENT_TYPES.index("view")
CATEGORIES = 30
PRODUCTS = 90
SIZES = Sizes(CATEGORIES, hidden=8, embedding=6, basket=4, profile=4, mixer=4, habits=6, products=40, residual=3)
START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


def predictor(version: str = "1", sizes: Sizes = SIZES, seed: int = 3) -> BehaviourPredictor:
    """Weights drawn large enough that every input shows in the answers."""
    torch.manual_seed(seed)
    network = BehaviourNetwork(sizes)
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(std=0.5)
        if sizes.numeric == NUMERIC:
            network.get_buffer("usual_price").normal_()
            network.get_buffer("price_spread").uniform_(0.3, 1.5)
    category = np.arange(PRODUCTS, dtype=np.int32) % sizes.categories
    shelf = Shelf(
        category=category,
        share=np.full(PRODUCTS, 1 / 3, np.float32),
        place=np.where(np.arange(PRODUCTS) < 2 * sizes.categories, np.arange(PRODUCTS) // sizes.categories, -1).astype(
            np.int16
        ),
        best=np.stack([np.arange(sizes.categories), np.arange(sizes.categories) + sizes.categories], 1).astype(
            np.int32
        ),
        best_share=np.full((sizes.categories, 2), 1 / 3, np.float32),
        trust=0.4,
        keep=0.95,
    )
    names = tuple(f"C{i}" for i in range(sizes.categories))
    return BehaviourPredictor(
        ModelInfo("small", version), names, tuple(f"P{i}" for i in range(PRODUCTS)), network, shelf
    )


def columns(
    categories: list[int],
    *,
    sessions: list[int] | None = None,
    hours: list[float] | None = None,
    types: list[int] | None = None,
    products: list[int] | None = None,
    attributes: list[list[int]] | None = None,
    prices: list[float] | None = None,
    quantities: list[float] | None = None,
) -> EventColumns:
    """Events column by column; purchases of one basket at one time unless said otherwise."""
    n = len(categories)
    return EventColumns(
        types=np.array([PURCHASE] * n if types is None else types, np.uint8),
        categories=np.array(categories, np.int32),
        products=np.array([-1] * n if products is None else products, np.int32),
        attributes=np.zeros((n, 0), np.uint32) if attributes is None else np.array(attributes, np.uint32),
        sessions=np.array([1] * n if sessions is None else sessions, np.uint64),
        times_ms=START_MS + (np.array([0] * n if hours is None else hours, np.float64) * HOUR_MS).astype(np.int64),
        prices=None if prices is None else np.array(prices, np.float64),
        quantities=None if quantities is None else np.array(quantities, np.float64),
    )


def drawn(rng: np.random.Generator, n: int) -> EventColumns:
    """n events of all kinds, with repeats, unknown categories, long pauses and clocks that go back a little."""
    hours = np.cumsum(rng.choice([0, 0, 0, 0.2, 1, 30, 2_000], n)) + rng.choice([0, 0, -3], n)
    categories = rng.integers(-1, CATEGORIES, n)
    products = np.where(categories >= 0, categories + CATEGORIES * rng.integers(0, 3, n), -1)
    return EventColumns(
        types=rng.choice(len(EVENT_TYPES), n, p=[0.1, 0.05, 0.05, 0.7, 0.05, 0.05]).astype(np.uint8),
        categories=categories.astype(np.int32),
        products=np.where(rng.random(n) < 0.1, -1, products).astype(np.int32),
        attributes=rng.integers(0, 15, (n, 2)).astype(np.uint32),
        sessions=rng.integers(0, 3, n).astype(np.uint64),
        times_ms=(START_MS + hours * HOUR_MS).astype(np.int64),
        prices=rng.choice([0, 0.01, 1, 2.5, 9.99, 4_000], n),
        quantities=rng.choice([0, 0.3, 1, 1, 2, 12, 9_000], n),
    )


def taken(events: EventColumns, which: NDArray[np.integer] | slice) -> EventColumns:
    """Some of the events."""
    return events.take(which)


def streamed(
    model: BehaviourPredictor,
    users: int,
    slots: NDArray[np.integer],
    events: EventColumns,
    cuts: list[int],
    top: int = 5,
) -> tuple[list[BehaviourBatch], np.ndarray]:
    """Feed the events in windows that end at `cuts`, each with the rows of its own users only."""
    rows, batches = model.blank(users), []
    for start, stop in zip([0, *cuts], [*cuts, len(slots)], strict=True):
        present, local = np.unique(slots[start:stop], return_inverse=True)
        batch = model.run(rows[present], local, taken(events, slice(start, stop)), top=5)
        rows[present] = batch.rows
        batches.append(batch)
    return batches, rows
