"""The title network: one bag of n-grams, whose pooled vector the heads are asked of.

    rows of a text ──sum / sqrt(count)──► norm ──► x (n, width)

The bag is that of fastText (arXiv:1607.01759). Feeding x past the hidden layer of the heads keeps the direct n-gram
evidence that a linear model has, as in arXiv:1606.07792.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.text.heads import Heads, Size
from models.text.layout import Layout

__all__ = ["Size", "TitleNetwork"]


class TitleNetwork(Heads):
    """Rows of n-grams -> logits of the domain and of every head."""

    def __init__(self, rows: int, size: Size, layout: Layout, dropout: float = 0.0) -> None:
        super().__init__(size, layout, dropout)
        self.table = nn.Parameter(torch.randn(rows, size.width) * 0.05)

    def pool(self, rows: Tensor, offsets: Tensor) -> Tensor:
        """(f,) rows and (n + 1,) offsets of n bags -> (n, width); an empty bag gives the norm of zeros."""
        total = functional.embedding_bag(rows, self.table, offsets[:-1], mode="sum")  # (n, width)
        counts = (offsets[1:] - offsets[:-1]).clamp(min=1).to(total.dtype)
        pooled: Tensor = self.norm(total * counts.rsqrt().unsqueeze(1))
        return pooled
