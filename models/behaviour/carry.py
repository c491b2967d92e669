"""What a row keeps when the model or the layout changes: all that the ring of the last tokens cannot rebuild."""

from __future__ import annotations

import numpy as np

from models.behaviour.row import ADDED, BOUGHT
from schemas.state import ROW_HEADER

OWN = {name for name, *_ in ADDED}  # says nothing of the category table: any model goes on with it
REBUILT = {"h", "c"}


def carry(stored: np.ndarray, rows: np.ndarray, table: int, model: int) -> None:
    """Take over into (n,) `rows` what `stored`, of this or an earlier layout of the same sizes, holds.

    What names categories or products is taken where it refers to the category table `table`; the state of the LSTM
    where `model` wrote it.
    """
    same = stored["table"] == table
    everything = np.ones(len(stored), bool)
    head = {name for name, *_ in ROW_HEADER}
    for name in set(stored.dtype.names or ()) & set(rows.dtype.names or ()) - head:
        if stored.dtype[name] != rows.dtype[name]:
            continue  # the list of products: below
        which = everything if name in OWN else same
        if name in REBUILT:
            which = same & (stored["model"] == model)
        rows[name][which] = stored[name][which]
    if stored.dtype["bought_id"] != rows.dtype["bought_id"]:
        heaviest = np.argsort(-stored["bought_weight"], axis=1, kind="stable")[:, :BOUGHT]
        for name in ("bought_id", "bought_weight"):
            rows[name][same, : heaviest.shape[1]] = np.take_along_axis(stored[name], heaviest, axis=1)[same]
