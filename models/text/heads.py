"""The questions asked of a pooled text: a hidden layer per domain and a softmax per head, whatever did the pooling.

x (n, width) ──► domain head
x of a domain ──linear, GELU──► h (m, hidden);  [x, h] ──linear──► logits of each head of that domain
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

    width: int  # of a pooled text
    hidden: int  # of each domain's hidden layer


class Heads(nn.Module):
    """Pooled texts -> logits of the domain and of every head."""

    def __init__(self, size: Size, layout: Layout, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size.width)
        self.dropout = nn.Dropout(dropout)
        self.domain = nn.Linear(size.width, len(layout.domains))
        self.hidden = nn.ModuleDict({d.name: nn.Linear(size.width, size.hidden) for d in layout.domains})
        self.heads = nn.ModuleDict(
            {head.key: nn.Linear(size.width + size.hidden, len(head.labels)) for head in layout.heads()}
        )
        self.keys = {domain.name: [head.key for head in domain.heads] for domain in layout.domains}

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
