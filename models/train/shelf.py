"""How products sell within their category, and how much a user's own products count, from purchase lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.behaviour import lists as kept_lists
from models.behaviour.row import BOUGHT, NO_PRODUCT
from models.behaviour.schedule import schedule
from models.behaviour.shelf import Shelf
from models.data.journey import Purchases

LEAST_SOLD = 2  # lines of training households: a product sold once tells little of what others will buy
BEST = 16  # products kept per category
PRODUCTS = 8_000  # with a vector of their own: three purchases in four, and a quarter of a megabyte
TRUST = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
KEEP = (0.99, 0.995, 0.998)
FLOOR = 1e-5  # share of a product that is not on the shelf, in the likelihood only


def fit_shelf(fitted: Purchases, held: Purchases) -> tuple[tuple[str, ...], Shelf]:
    """Shares from the lines of `fitted`; trust and keep are those most likely on the lines of `held`."""
    numbers, where, sold = np.unique(fitted.product, return_index=True, return_counts=True)
    kept = sold >= LEAST_SOLD
    if kept.sum() >= NO_PRODUCT:  # the numbers of a row have 16 bits: keep the best sellers
        kept &= sold > np.sort(sold)[-NO_PRODUCT]
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

    trust, keep = _settings(held, numbers, category, share)
    shelf = Shelf(category.astype(np.int32), share, place, best, best_share, trust, keep)
    return tuple(str(number) for number in numbers), shelf


def best_sellers(fitted: Purchases, numbers: dict[int, int]) -> NDArray[np.int64]:
    """Numbers of the products bought most often, rising."""
    product, count = np.unique(fitted.product, return_counts=True)
    best = product[np.argsort(-count, kind="stable")]
    known = [numbers[number] for number in best.tolist() if number in numbers]
    return np.sort(np.array(known[:PRODUCTS], np.int64))


def _settings(
    held: Purchases, numbers: NDArray[np.int64], category: NDArray[np.int32], share: NDArray[np.float32]
) -> tuple[float, float]:
    """The trust and keep under which the products of held-out households are likeliest, given their category."""
    if not len(held):
        return 0.4, 0.995
    at = np.minimum(np.searchsorted(numbers, held.product), len(numbers) - 1)
    product = np.where(numbers[at] == held.product, at, -1).astype(np.int32)
    popular = np.where(product >= 0, share[np.maximum(product, 0)], 0) + FLOOR
    results: list[tuple[float, float, float]] = []
    for keep in KEEP:
        before, weight = _before(held, product, keep)  # (n, places) each
        same = (category[np.maximum(before, 0)] == held.category[:, None]) & (before >= 0)
        match = before == np.where(product < 0, -2, product)[:, None]
        own, total = (match * weight).sum(axis=1), (same * weight).sum(axis=1)
        likelihoods = [np.log((own + trust * popular) / (total + trust)).mean() for trust in TRUST]
        results.extend((float(value), trust, keep) for value, trust in zip(likelihoods, TRUST, strict=True))
    _, trust, keep = max(results)
    return trust, keep


def _before(held: Purchases, product: NDArray[np.int32], keep: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(n, places) the products that the household has bought before each line, and their weights."""
    _, slots = np.unique(held.household, return_inverse=True)
    steps = schedule(slots)
    users = len(steps.users)
    lists = kept_lists.Lists(
        np.full((users, BOUGHT), -1, np.int32),
        np.zeros((users, BOUGHT), np.float32),
        np.zeros((users, 1), np.uint32),
        np.zeros((users, 1), np.float32),
    )
    after, weights = kept_lists.walk_products(lists, steps, product, keep)
    head = np.concatenate([[True], slots[1:] != slots[:-1]])
    line_before = np.roll(steps.place(), 1)
    before, before_weights = after[line_before], weights[line_before]
    before[head], before_weights[head] = -1, 0
    return before, before_weights
