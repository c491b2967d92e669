"""Sessions in the stream: the counters in the rows of a window's users, and whether a session still brings a purchase.

`step` is the function by which training walked its log. An event without a session, or one that does not count in its
row, moves nothing and has no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models.behaviour.recent import NO_EVENT
from models.behaviour.row import SESSION_BYTES
from models.behaviour.walk import EventLists
from models.session.chances import Chances
from models.session.counters import Event, step
from models.session.log import counted
from models.session.predictor import SessionModel


class SessionReader:
    """Moves the counters of rows on and answers, with a trained model. `at` is where a row has them, in bytes."""

    def __init__(self, model: SessionModel, row_bytes: int, at: int) -> None:
        self._row_bytes, self._at = row_bytes, at
        self._products, self._categories = model.products.as_dict(), model.categories.as_dict()
        self._chances = Chances(model.network)

    def step(
        self, raw: bytearray, slots: Sequence[int], events: EventLists, emit: Sequence[bool] | None
    ) -> NDArray[np.float64]:
        """Count events in the rows that lie one after the other in `raw`.

        Gives for the m events that `emit` names (None: all) the chance of a purchase after each, NaN for none.
        """
        asked = range(len(slots)) if emit is None else np.flatnonzero(emit).tolist()
        found = np.full(len(asked), np.nan)
        states: dict[int, bytes] = {}
        inputs: dict[int, list[float]] = {}
        for number, event in _counted(events):
            slot = slots[number]
            state = states.get(slot) or self._read(raw, slot)
            states[slot], features = step(state, event)
            if emit is None or emit[number]:
                inputs[number] = features
        for slot, state in states.items():
            start = slot * self._row_bytes + self._at
            raw[start : start + SESSION_BYTES] = state
        if inputs:
            products, categories = events.product_keys or [], events.category_keys or []
            for number, features in inputs.items():
                features.append(self._products.get(products[number], 0.0))
                features.append(self._categories.get(categories[number], 0.0))
            told = np.array([number in inputs for number in asked])
            found[told] = self._chances.of(np.array(list(inputs.values()), np.float32))
        return found

    def _read(self, raw: bytearray, slot: int) -> bytes:
        start = slot * self._row_bytes + self._at
        return bytes(raw[start : start + SESSION_BYTES])


def _counted(events: EventLists) -> Iterator[tuple[int, Event]]:
    """Those that count, each with its number."""
    if events.session_keys is None or events.product_keys is None or events.category_keys is None:
        return
    prices = events.prices or [0.0] * len(events.types)
    columns = events.types, events.session_keys, events.product_keys, events.category_keys, prices, events.times_ms
    for number, (kind, session, product, category, price, time_ms) in enumerate(zip(*columns, strict=True)):
        if session and kind != NO_EVENT:
            yield number, counted(kind, session, product, category, price, time_ms)
