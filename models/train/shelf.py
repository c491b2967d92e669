"""How products sell within their category, and how much a user's own products count, from purchase lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.behaviour import recent as lately
from models.behaviour.row import RECENT_PRODUCTS
from models.behaviour.schedule import schedule
from models.behaviour.shelf import Shelf
from models.data.journey import Purchases

LEAST_SOLD = 4  # lines of training households: a product sold less is noise in a table of shares
BEST = 16  # products kept per category
TRUST = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
FADE = (4.0, 8.0, 16.0, 32.0, 64.0)
FLOOR = 1e-5  # share of a product that is not on the shelf, in the likelihood only


def fit_shelf(fitted: Purchases, held: Purchases) -> tuple[tuple[str, ...], Shelf]:
    """Shares from the lines of `fitted`; trust and fade are those most likely on the lines of `held`."""
    numbers, where, sold = np.unique(fitted.product, return_index=True, return_counts=True)
    kept = sold >= LEAST_SOLD
    numbers, category, sold = numbers[kept], fitted.category[where[kept]], sold[kept]
    lines = np.bincount(fitted.category, minlength=len(fitted.categories))
    share = (sold / np.maximum(lines[category], 1)).astype(np.float32)

    order = np.lexsort((-sold, category))
    count = np.bincount(category, minlength=len(fitted.categories))
    nth = np.empty(len(order), np.int64)
    nth[order] = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    listed = np.nonzero(nth < BEST)[0]
    best = np.full((len(fitted.categories), BEST), -1, np.int32)
    best_share = np.zeros(best.shape, np.float32)
    best[category[listed], nth[listed]], best_share[category[listed], nth[listed]] = listed, share[listed]
    place = np.where(nth < BEST, nth, -1).astype(np.int16)

    trust, fade = _settings(held, numbers, category, share)
    shelf = Shelf(category.astype(np.int32), share, place, best, best_share, trust, fade)
    return tuple(str(number) for number in numbers), shelf


def _settings(
    held: Purchases, numbers: NDArray[np.int64], category: NDArray[np.int32], share: NDArray[np.float32]
) -> tuple[float, float]:
    """The trust and fade under which the products of held-out households are likeliest, given their category."""
    if not len(held):
        return 0.4, 16.0
    at = np.minimum(np.searchsorted(numbers, held.product), len(numbers) - 1)
    product = np.where(numbers[at] == held.product, at, -1).astype(np.int32)
    before = _recent_before(held, product)  # (n, places)
    same = (category[np.maximum(before, 0)] == held.category[:, None]) & (before >= 0)
    match = before == np.where(product < 0, -2, product)[:, None]
    popular = np.where(product >= 0, share[np.maximum(product, 0)], 0) + FLOOR
    results: list[tuple[float, float, float]] = []
    for fade in FADE:
        weight = np.exp(-np.arange(before.shape[1]) / fade)
        own, total = match @ weight, same @ weight
        likelihoods = [np.log((own + trust * popular) / (total + trust)).mean() for trust in TRUST]
        results.extend((float(value), trust, fade) for value, trust in zip(likelihoods, TRUST, strict=True))
    _, trust, fade = max(results)
    return trust, fade


def _recent_before(held: Purchases, product: NDArray[np.int32]) -> NDArray[np.int32]:
    """(n, places) the recent products of the household before each line."""
    _, slots = np.unique(held.household, return_inverse=True)
    steps = schedule(slots)
    places = RECENT_PRODUCTS
    lists = lately.Recent(
        np.full((len(steps.users), places), -1, np.int32),
        np.zeros((len(steps.users), 1), np.uint32),
        np.zeros((len(steps.users), 1), np.float32),
    )
    after = lately.walk_products(lists, steps, product)[steps.place()]
    head = np.concatenate([[True], slots[1:] != slots[:-1]])
    before = np.concatenate([after[:1], after[:-1]])
    before[head] = -1
    return before
