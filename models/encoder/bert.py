"""The encoder of BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805): embeddings and post-norm layers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of an encoder."""

    words: int
    positions: int
    width: int
    layers: int
    heads: int
    inner: int
    eps: float


class Bert(nn.Module):
    """Token ids to hidden states. What is padded changes nothing for the others."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.words, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)  # with the type of a first sentence added in
        self.norm = nn.LayerNorm(shape.width, shape.eps)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, ids: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
        """Shapes: ids (n, l) int64, mask (n, l) bool, True where there is a token -> states (n, l, width)."""
        return self.encode(self.words(ids), mask, dropout)

    def encode(self, words: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
        """The same from word embeddings (n, l, width): what gradients by token are taken through."""
        states: Tensor = self.norm(words + self.positions.weight[: words.shape[1]])
        states = functional.dropout(states, dropout, self.training)
        # None where nothing is padded: attention without a mask takes the fused way.
        allowed = None if bool(mask.all()) else mask[:, None, None, :]
        for layer in self.layers:
            states = layer(states, allowed, dropout)
        return states


class Layer(nn.Module):
    """Self-attention and a feed-forward part, each added to what came in, then normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.out_norm = nn.LayerNorm(shape.width, shape.eps)
        self.wide = nn.Linear(shape.width, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.width)
        self.narrow_norm = nn.LayerNorm(shape.width, shape.eps)

    def forward(self, states: Tensor, allowed: Tensor | None, dropout: float) -> Tensor:
        """Shapes: states (n, l, width), allowed (n, 1, 1, l) bool -> (n, l, width)."""
        n, length, width = states.shape
        query, key, value = self.qkv(states).view(n, length, 3, self.heads, width // self.heads).unbind(2)
        mixed = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), allowed
        )
        given = self.out(mixed.transpose(1, 2).reshape(n, length, width))
        states = self.out_norm(states + functional.dropout(given, dropout, self.training))
        given = self.narrow(functional.gelu(self.wide(states)))
        normed: Tensor = self.narrow_norm(states + functional.dropout(given, dropout, self.training))
        return normed


def pooled(states: Tensor, mask: Tensor) -> Tensor:
    """The mean state of each text's tokens: (n, l, width), (n, l) -> (n, width)."""
    weights = mask.to(states.dtype).unsqueeze(-1)
    return torch.sum(states * weights, dim=1) / weights.sum(dim=1).clamp(min=1)
