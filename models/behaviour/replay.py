"""The ring of a row as events again, for a model that did not write the row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.behaviour.row import NEW_BASKET, PREFIX, RING
from models.behaviour.tokens import PURCHASE
from models.columns import EventColumns
from models.errors import BatchError


def prefix_of(stored: np.ndarray) -> np.ndarray:
    """Rows of any version -> (n,) PREFIX. Errors: BatchError when they do not begin with it."""
    fields: dict[str, Any] = dict(stored.dtype.fields or {})
    for name, (kind, offset) in ((n, f[:2]) for n, f in (PREFIX.fields or {}).items()):
        if name not in fields or fields[name][:2] != (kind, offset):
            raise BatchError(
                f"stored rows have no {name!r} ({kind}) at byte {offset}; "
                "give rows that begin with the fields of models.behaviour.PREFIX"
            )
    prefix = np.empty(len(stored), PREFIX)
    for name in PREFIX.names or ():
        prefix[name] = stored[name]
    return prefix


def replay(prefix: np.ndarray, names: NDArray[np.uint32]) -> tuple[NDArray[np.int64], EventColumns]:
    """The tokens in the rings, per user from the oldest on, as purchase events; unknown names are left out.

    Baskets become sessions: the running one keeps the row's session, so that the stream goes on in it; earlier ones
    get numbers that differ from their neighbours'.
    """
    cursor = prefix["cursor"].astype(np.int64)
    held = np.minimum(cursor, RING)
    slots = np.repeat(np.arange(len(prefix)), held)
    nth = np.arange(len(slots)) - np.repeat(np.cumsum(held) - held, held)
    place = (cursor[slots] - held[slots] + nth) % RING
    begins = (prefix["ring_flags"][slots, place] & NEW_BASKET).astype(np.int64)

    later = np.cumsum(begins[::-1])[::-1] - begins  # baskets that begin after this token, over all users
    after_user = np.concatenate([later, [0]])[np.cumsum(held)[slots] - 1] if len(slots) else later
    running = later == after_user
    session = prefix["session"][slots]
    numbered = session + np.uint64(1) + (later % 2).astype(np.uint64)
    sessions = np.where(running, session, numbered)

    order = np.argsort(names, kind="stable")
    name = prefix["ring_name"][slots, place]
    at = np.minimum(np.searchsorted(names[order], name), len(names) - 1)
    categories = np.where(names[order][at] == name, order[at], -1)
    known = categories >= 0
    n = int(known.sum())
    return slots[known], EventColumns(
        types=np.full(n, PURCHASE, np.uint8),
        categories=categories[known].astype(np.int32),
        products=np.full(n, -1, np.int32),
        attributes=np.zeros((n, 0), np.uint32),
        sessions=sessions[known],
        times_ms=prefix["ring_minute"][slots, place][known].astype(np.int64) * 60_000,
    )
