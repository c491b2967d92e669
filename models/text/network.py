"""The title network: one bag of n-grams, a hidden layer per domain, and a softmax per head.

    rows of a text ──sum / sqrt(count)──► norm ──► x (n, width) ──► domain head
                                                   x of a domain ──linear, GELU──► h (m, hidden)
                                                   [x, h] ──linear──► logits of each head of that domain

The bag is that of fastText (arXiv:1607.01759). Feeding x past the hidden layer keeps the direct n-gram evidence that a
linear model has, as in arXiv:1606.07792.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.text.layout import Layout


@dataclass(frozen=True, slots=True)
class Size:
    """Widths of the layers."""

    width: int  # of an n-gram's embedding
    hidden: int  # of each domain's hidden layer


class TitleNetwork(nn.Module):
    """Rows of n-grams -> logits of the domain and of every head."""

    def __init__(self, rows: int, size: Size, layout: Layout, dropout: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(rows, size.width) * 0.05)
        self.norm = nn.LayerNorm(size.width)
        self.dropout = nn.Dropout(dropout)
        self.domain = nn.Linear(size.width, len(layout.domains))
        self.hidden = nn.ModuleDict({d.name: nn.Linear(size.width, size.hidden) for d in layout.domains})
        self.heads = nn.ModuleDict(
            {head.key: nn.Linear(size.width + size.hidden, len(head.labels)) for head in layout.heads()}
        )
        self.keys = {domain.name: [head.key for head in domain.heads] for domain in layout.domains}

    def pool(self, rows: Tensor, offsets: Tensor) -> Tensor:
        """(f,) rows and (n + 1,) offsets of n bags -> (n, width); an empty bag gives the norm of zeros."""
        total = functional.embedding_bag(rows, self.table, offsets[:-1], mode="sum")  # (n, width)
        counts = (offsets[1:] - offsets[:-1]).clamp(min=1).to(total.dtype)
        pooled: Tensor = self.norm(total * counts.rsqrt().unsqueeze(1))
        return pooled

    def domain_logits(self, pooled: Tensor) -> Tensor:
        """(n, width) -> (n, domains)."""
        logits: Tensor = self.domain(pooled)
        return logits

    def head_logits(self, domain: str, pooled: Tensor) -> dict[str, Tensor]:
        """(m, width) of texts taken to be of this domain -> (m, labels) of each of its heads, by key."""
        x = self.dropout(pooled)
        h = self.dropout(functional.gelu(self.hidden[domain](x)))  # (m, hidden)
        both = torch.cat([x, h], dim=1)
        return {key: self.heads[key](both) for key in self.keys[domain]}
