"""Columns in and out of the fused model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import BatchError


@dataclass(frozen=True, slots=True)
class GoodsColumns:
    """n products, column by column. A column that is None, like an entry that is, is absent.

    A picture that could not be decoded is absent too: what is missing makes the answer less sure, nothing else.
    """

    names: list[str]
    descriptions: list[str | None] | None = None
    brands: list[str | None] | None = None
    prices: NDArray[np.float32] | None = None  # (n,) in rupees, what the shop asks; nan = absent
    list_prices: NDArray[np.float32] | None = None  # (n,) in rupees, before discount; nan = absent
    pictures: list[NDArray[np.uint8] | None] | None = None  # (h, w, 3) each, of one size, as models.image.decode gives

    def check(self) -> None:
        """Errors: BatchError when there are no names or a column has another length than they."""
        if not self.names:
            raise BatchError("a batch of goods has no names; ask for at least one")
        for name in ("descriptions", "brands", "prices", "list_prices", "pictures"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.names):
                raise BatchError(f"{name} has {len(column)} entries for {len(self.names)} names; give None for none")


@dataclass(frozen=True, slots=True)
class GoodsBatch:
    """Answers for n products in the order given: K alternatives, falling in confidence along axis 1."""

    first_ids: NDArray[np.int32]  # (n,) into GoodsPredictor.first
    first_confidence: NDArray[np.float32]  # (n,) calibrated
    category_ids: NDArray[np.int32]  # (n, K) into GoodsPredictor.categories
    category_confidence: NDArray[np.float32]  # (n, K) calibrated
