"""Windows as training sees them: rows that stay where they are, and what the network reads as tables by category."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models.behaviour import habits as habit
from models.behaviour.network import Memory
from models.behaviour.walk import EventLists, Window, walk
from models.columns import EventColumns


def apply(
    rows: np.ndarray,
    slots: NDArray[np.integer],
    events: EventColumns,
    names: NDArray[np.uint32],
    *,
    lists: bool = True,
) -> Window:
    """Apply events to rows in place, all but h and c, and keep what the network reads at each.

    Without `lists`, products bought and liked attributes are left alone: training needs neither.
    """
    window = walk(rows, slots.tolist(), EventLists.of(events), names.tolist(), product_keep=1.0 if lists else None)
    rows[:] = window.rows
    return window


def remembered(window: Window, at: NDArray[np.int64] | slice) -> Memory:
    """What the network reads at some of the events that are kept, `at` by their place among those."""
    kept, categories = window.kept[at], window.categories
    ids, weight = kept["habit_id"], kept["habit_weight"].astype(np.float32)
    now = np.array(window.hours, np.uint16)[at]
    age = np.where(weight > 0, habit.AGE[now[:, None] - kept["habit_hour"]], np.float32(0))
    basket = np.unpackbits(kept["basket"], axis=1, count=categories, bitorder="little").view(bool)
    visits, span, rhythm = np.array([each[1:4] for each in window.pace], np.float32).reshape(-1, 3)[at].T.copy()
    return Memory(
        weight=torch.from_numpy(habit.spread(ids, weight, categories)),
        age=torch.from_numpy(habit.spread(ids, age, categories)),
        basket=torch.from_numpy(basket),
        visits=torch.from_numpy(visits),
        span=torch.from_numpy(span),
        rhythm=torch.from_numpy(rhythm),
    )
