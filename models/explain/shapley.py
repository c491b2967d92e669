"""Shapley values: what each of several players adds to a score, the mean over all orders in which they may join.

They are the only shares that add up to the whole, treat equal players alike and give nothing to who changes nothing
(Shapley 1953; for explanations Lundberg and Lee, arXiv:1705.07874). With many players the mean is over orders drawn at
random, each with its reverse (Castro, Gómez, Tejada 2009; Mitchell et al., arXiv:2104.12199): still adding up exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]  # (m, players) who takes part
Scores = NDArray[np.float64]  # (m,)

CHUNK = 1_024  # coalitions scored at once


def coalitions(others: int) -> list[tuple[tuple[bool, ...], float]]:
    """Who of `others` players has joined before a player does, and how often that is so; weights sum to 1."""
    found = []
    for size in range(others + 1):
        for chosen in combinations(range(others), size):
            joined = tuple(player in chosen for player in range(others))
            found.append((joined, 1 / ((others + 1) * comb(others, size))))
    return found


def exact(score: Callable[[Masks], Scores], players: int) -> Scores:
    """(players,) values from all 2 ** players coalitions; they sum to the score of all less that of none."""
    masks = np.array([[number >> player & 1 for player in range(players)] for number in range(2**players)], bool)
    value = score(masks)
    found = np.zeros(players)
    for player in range(players):
        for joined, weight in coalitions(players - 1):
            before = [*joined[:player], False, *joined[player:]]
            number = sum(1 << place for place, here in enumerate(before) if here)
            found[player] += weight * (value[number | 1 << player] - value[number])
    return found


def sampled(score: Callable[[Masks], Scores], players: int, pairs: int, seed: int = 0) -> Scores:
    """(players,) values from `pairs` random orders and their reverses; they sum as exact ones do."""
    if not players:
        return np.zeros(0)
    random = np.random.default_rng(seed)
    drawn = [random.permutation(players) for _ in range(pairs)]
    orders = np.array([order for one in drawn for order in (one, one[::-1])])  # (2 * pairs, players)
    place = np.argsort(orders, axis=1)  # when each player joins
    masks = place[:, None, :] < np.arange(players + 1)[None, :, None]  # (2 * pairs, players + 1, players)
    flat = masks.reshape(-1, players)
    value = np.concatenate([score(flat[start : start + CHUNK]) for start in range(0, len(flat), CHUNK)])
    gains = np.diff(value.reshape(len(orders), players + 1), axis=1)  # (2 * pairs, players) in joining order
    found: Scores = np.take_along_axis(gains, place, axis=1).mean(axis=0)
    return found
