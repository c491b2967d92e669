"""The network of items: which item a customer takes next.

    description ──► words, pairs ──► embedding bag ┐
    item ──► residual, 0 for one never sold ───────┴► item vector, of inputs and outputs alike

    last item, numbers ──► LSTM ──► h ─┬─► query ──► dot product with each item vector ──────────┐
    running invoice, history: mean ────┘     │                                                  + ─► softmax
                                             └─► gates ──► what followed the last two items ────┤
                                                     └───► what the customer bought before ─────┘

The two gated terms are sparse: only items that once followed the last two, and only what the customer bought, get one.
Besides the items there is one more outcome, "again": the next purchase (of a next invoice) is of an item of the running
one. It is never offered, and keeps the shares of the others honest.

Sources: Hochreiter and Schmidhuber 1997 (LSTM); Press and Wolf 2017, arXiv:1608.05859 (tied embeddings); Gu et al.
2016, arXiv:1603.06393 (copying); Merity et al. 2017, arXiv:1609.07843 (counts beside a recurrent network).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from models.items import memory
from models.items.follows import KINDS
from models.items.lines import NUMERIC

SLOTS = 6_144  # that hashed words and pairs of words share
MASKED = -1e4  # logit of an item that is not offered
SMOOTH = 5.0  # purchases that an item's share of all stands for, beside what followed the last item


@dataclass(frozen=True, slots=True)
class Sizes:
    """Everything that sets the shape of the network."""

    items: int  # that were sold in training
    slots: int = SLOTS
    embedding: int = 80
    hidden: int = 128
    deep: int = 160
    mixer: int = 8

    def as_dict(self) -> dict[str, int]:
        """For the manifest."""
        return asdict(self)


class Sparse(NamedTuple):
    """Some of the items for some of the events, with numbers for each."""

    rows: Tensor  # (q,) int64 events
    columns: Tensor  # (q,) int64 items
    values: Tensor  # (q, k) float32


class Known(NamedTuple):
    """What the network reads for m events besides the LSTM's state."""

    last: Tensor  # (m,) int64 item
    numeric: Tensor  # (m, 16) float32
    masked: Sparse  # every item of the running invoice
    basket: Sparse  # the latest of them
    history: Sparse  # candidates of the customer's own, see models/items/memory.py
    follows: tuple[Sparse, ...]  # by kind: count, and its logarithm over what the item's share lets expect


class Mixer(nn.Module):
    """A term of the logits for sparse candidates: their numbers, mixed by gates that the event sets."""

    def __init__(self, features: int, joint: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(features, width)
        self.gates = nn.Linear(joint, width)
        nn.init.normal_(self.gates.weight, std=0.01)
        nn.init.constant_(self.gates.bias, 0.1)

    def forward(self, found: Sparse, joint: Tensor) -> Tensor:
        """(m, joint) -> (q,) what is added to the logit of each candidate."""
        gates = F.embedding(found.rows, self.gates(joint))  # (q, width)
        mixed: Tensor = (F.relu(self.mix(found.values)) * gates).sum(dim=1)
        return mixed


class ItemNetwork(nn.Module):
    """Sizes -> the network. Constructing draws random weights; `load_state_dict` brings trained ones."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.embedding
        joint = sizes.hidden + 3 * width + NUMERIC
        self.words = nn.EmbeddingBag(sizes.slots, width, mode="mean")
        self.residual = nn.Embedding(sizes.items, width)
        self.bias = nn.Parameter(torch.zeros(sizes.items))
        self.again = nn.Parameter(torch.zeros(width + 1))  # vector and bias of that outcome
        self.lstm = nn.LSTM(width + NUMERIC, sizes.hidden)
        self.norm = nn.LayerNorm(joint)
        self.deep = nn.Sequential(
            nn.Linear(joint, sizes.deep), nn.ReLU(), nn.Dropout(0.2), nn.Linear(sizes.deep, width)
        )
        self.query = nn.Linear(joint, width)
        self.copied = Mixer(memory.FEATURES, joint, 2 * sizes.mixer)
        self.followed = nn.ModuleList(Mixer(2, joint, sizes.mixer) for _ in KINDS)
        self.drop = nn.Dropout(0.25)
        self.register_buffer("temperature", torch.ones(1))
        nn.init.normal_(self.words.weight, std=0.3)
        nn.init.normal_(self.residual.weight, std=0.05)

    def vectors(self, slots: Tensor, offsets: Tensor) -> Tensor:
        """Words of the items, (w,) slots and (items,) where each item's begin -> (items, embedding).

        Items past those of training have no residual: their words alone say what they are.
        """
        told: Tensor = self.words(slots, offsets)
        known = self.residual.weight
        return torch.cat([told[: len(known)] + known, told[len(known) :]])

    def encode(
        self, vectors: Tensor, last: Tensor, numeric: Tensor, widths: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run purchases through the LSTM.

        Shapes: (t,) and (t, 16) in the order of a schedule, (steps,) widths, state (1, r, hidden) twice by rank ->
        (t, hidden) after each purchase, and the state after all.
        """
        inputs = torch.cat([self.drop(F.embedding(last, vectors)), numeric], dim=1)  # (t, embedding + 16)
        packed, state = self.lstm(PackedSequence(inputs, widths), state)
        return packed.data, state

    def logits(self, vectors: Tensor, h: Tensor, known: Known) -> Tensor:
        """(items, embedding), (m, hidden) -> (m, items + 1): the items and, last, "again"."""
        m, items = len(h), len(vectors)
        joint = torch.cat(
            [
                self.drop(h),
                self.drop(F.embedding(known.last, vectors)),
                self.drop(_mean(vectors, known.basket, m)),
                self.drop(_mean(vectors, known.history, m)),
                known.numeric,
            ],
            dim=1,
        )
        joint = self.norm(joint)
        query = self.query(joint) + self.deep(joint)  # (m, embedding)
        lowest = self.bias.detach().min().expand(items - len(self.bias))
        bias = torch.cat([self.bias, lowest, self.again[-1:]])
        logits = torch.addmm(bias, query, torch.cat([vectors, self.again[None, :-1]]).T)  # (m, items + 1)
        terms = ((known.history, self.copied), *zip(known.follows, self.followed, strict=True))
        cells = torch.cat([found.rows * (items + 1) + found.columns for found, _ in terms])
        added = torch.cat([mixer(found, joint) for found, mixer in terms])
        never = known.masked.rows * (items + 1) + known.masked.columns
        logits.view(-1).index_add_(0, cells, added).index_fill_(0, never, MASKED)  # in place: it is the largest of all
        return logits


def _mean(vectors: Tensor, found: Sparse, m: int) -> Tensor:
    """(m, embedding) mean vector of the items of each event, 0 where it has none."""
    offsets = torch.searchsorted(found.rows, torch.arange(m))
    mean: Tensor = F.embedding_bag(found.columns, vectors, offsets, mode="mean")
    return mean
