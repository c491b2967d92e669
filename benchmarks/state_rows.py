"""State rows by the million, as a worker would have written them, and users drawn from all of them."""

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Literal

import numpy as np

from benchmarks.purchases import purchase_events
from benchmarks.reference_events import HALVES, HIDDEN, TOKENS
from models.columns import EventColumns
from models.predict import load_behaviour
from schemas.events import EVENT_TYPES
from schemas.state import ROW_FORMAT, ROW_HEADER, model_key

DISTINCT_ROWS = 2_000
REFERENCE_ROW = np.dtype([*ROW_HEADER, ("halves", HALVES)])  # as our worker stores the state of the reference job
ZIPF_EXPONENT = 1.0  # a shop's busiest user has twice the events of the second, three times those of the third

Draw = Literal["uniform", "zipf"]


def keyed(rows: list[bytes], users: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and row of each user, the rows over and over."""
    return zip((b"user-%d" % number for number in range(users)), islice(cycle(rows), users), strict=True)


def reference_rows() -> list[bytes]:
    """Rows of the reference job (272 bytes), numbers as an LSTM's: h between -1 and 1, c a little wider."""
    rng = np.random.default_rng(5)
    rows = np.zeros(DISTINCT_ROWS, REFERENCE_ROW)
    rows["format"], rows["model"], rows["offset"] = ROW_FORMAT, model_key("reference", "1"), -1
    cells = rng.normal(0, 1, (DISTINCT_ROWS, HIDDEN))
    rows["halves"]["c"], rows["halves"]["h"] = cells, np.tanh(cells) * rng.random((DISTINCT_ROWS, HIDDEN))
    return [row.tobytes() for row in rows]


def shipped_rows(purchases: int) -> list[bytes]:
    """Rows of the shipped model as they are after these purchases, with no source offset counted in them yet.

    They are made from real purchases, so they compress and cost what real ones do.
    """
    model = load_behaviour()
    bought = list(purchase_events(purchases))
    names: dict[str, int] = {}
    slots = np.array([names.setdefault(event.user_id, len(names)) for event in bought], np.int32)
    categories = {name: i for i, name in enumerate(model.categories)}
    products = {name: i for i, name in enumerate(model.products)}
    columns = EventColumns(
        types=np.full(len(bought), EVENT_TYPES.index("purchase"), np.uint8),
        categories=np.array([categories.get(event.category or "", -1) for event in bought], np.int32),
        products=np.array([products.get(event.product_id or "", -1) for event in bought], np.int32),
        attributes=np.zeros((len(bought), 8), np.uint32),
        sessions=np.array([int(event.session_id or 0) for event in bought], np.uint64),
        times_ms=np.array([event.occurred_at for event in bought], np.int64),
    )
    rows = model.run(model.blank(len(names)), slots, columns, emit=np.zeros(len(bought), bool)).rows
    rows["format"], rows["model"], rows["offset"] = ROW_FORMAT, model_key(model.info.name, model.info.version), -1
    return [row.tobytes() for row in rows[:DISTINCT_ROWS]]


def drawn_users(users: int, events: int, draw: Draw, seed: int = 11) -> np.ndarray:
    """Shapes: (events,) int64 below `users`. Uniform is the worst case; Zipf, whose rank is no place, a real shop's."""
    rng = np.random.default_rng(seed)
    if draw == "uniform":
        return rng.integers(0, users, events)
    weights = np.cumsum(1 / np.arange(1, users + 1) ** ZIPF_EXPONENT)
    ranks = np.searchsorted(weights, rng.random(events) * weights[-1])
    drawn: np.ndarray = rng.permutation(users)[ranks]
    return drawn


def drawn_tokens(events: int, seed: int = 12) -> np.ndarray:
    """Shapes: (events,) int64 tokens of the reference job."""
    return np.random.default_rng(seed).integers(0, TOKENS, events)
