"""Several towers, each giving evidence for the category; the evidence of those that are there is added up.

    words      known words and pairs of name and description, a row of evidence each
    text       the frozen encoder's vectors of the name, and of name and description
    sequence   a BiLSTM (arXiv:1303.5778) over the word pieces of the name
    picture    the frozen image network's vector
    numbers    prices and lengths through a small network with batch normalisation (arXiv:1502.03167) and dropout

Words, text and sequence are one modality, the text. In training whole modalities are left out at random (modality
dropout, as in arXiv:1501.00102), so that each of them learns to answer alone and none is leant on. What is absent adds
nothing: fewer reasons, so a flatter answer.

The answer is P(first) P(second | first), so that the levels of a path never contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.fusion.words import Weighted

TEXT, PICTURE, NUMBERS = range(3)  # columns of Inputs.there
MODALITIES = ("text", "picture", "numbers")
TEXT_SCALE, PICTURE_SCALE = 1.4, 0.7  # lengths of the vectors: how much a tower is believed before it is taught
FAR = -1e4  # a logit of what cannot be


@dataclass(frozen=True, slots=True)
class Size:
    """Widths of the towers. What is read from outside (vectors, counts of words) has the width it has."""

    words: int  # known words and pairs
    text: int  # of both text vectors together
    pieces: int  # of a word piece's vector
    picture: int
    numbers: int
    sequence: int = 32  # units of the BiLSTM in each direction
    narrow: int = 48  # a word piece's vector is brought down to this before the BiLSTM
    hidden: int = 32  # units of both layers of the numbers' network


@dataclass(frozen=True, slots=True)
class Inputs:
    """n products as the network reads them."""

    words: Weighted
    text: Tensor  # (n, text)
    pieces: Tensor  # (n, l, pieces) zeros where padded
    lengths: Tensor  # (n,) int64, word pieces of each name
    picture: Tensor  # (n, picture)
    numbers: Tensor  # (n, numbers)
    there: Tensor  # (n, 3) bool, by TEXT, PICTURE, NUMBERS

    def __len__(self) -> int:
        return len(self.there)

    def take(self, rows: NDArray[np.int64]) -> Inputs:
        """The products with these numbers, in this order."""
        return Inputs(
            self.words.take(rows),
            self.text[rows],
            self.pieces[rows],
            self.lengths[rows],
            self.picture[rows],
            self.numbers[rows],
            self.there[rows],
        )

    def only(self, kept: Tensor) -> Inputs:
        """The same without what `kept` (n, 3) leaves out."""
        return Inputs(self.words, self.text, self.pieces, self.lengths, self.picture, self.numbers, self.there & kept)


class FusionNetwork(nn.Module):
    """Inputs -> logits of the first level, and of the second levels among those with the same first."""

    centre_text: Tensor
    centre_picture: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, size: Size, parents: Sequence[int], dropout: float = 0.0) -> None:
        """`parents`: the first level of each second level; every first level has at least one."""
        super().__init__()
        self.parents = tuple(parents)
        self.firsts = max(parents) + 1
        labels = self.firsts + len(parents)
        self.dropout = dropout
        self.register_buffer("centre_text", torch.zeros(size.text))
        self.register_buffer("centre_picture", torch.zeros(size.picture))
        self.register_buffer("mean", torch.zeros(size.numbers))
        self.register_buffer("scale", torch.ones(size.numbers))
        self.bias = nn.Parameter(torch.zeros(labels))
        self.words = nn.Parameter(torch.zeros(size.words, labels))
        self.text = nn.Linear(size.text, labels, bias=False)
        self.narrow = nn.Linear(size.pieces, size.narrow)
        self.sequence = nn.LSTM(size.narrow, size.sequence, batch_first=True, bidirectional=True)
        self.sequence_out = nn.Linear(4 * size.sequence, labels, bias=False)
        self.picture = nn.Linear(size.picture, labels, bias=False)
        self.dense = nn.Sequential(
            *(nn.Linear(size.numbers, size.hidden), nn.BatchNorm1d(size.hidden), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Linear(size.hidden, size.hidden), nn.BatchNorm1d(size.hidden), nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(size.hidden, labels, bias=False),
        )
        for layer in (self.text, self.picture):
            nn.init.zeros_(layer.weight)

    def forward(self, given: Inputs) -> tuple[Tensor, Tensor]:
        """Logits (n, first) and (n, second)."""
        there = given.there.float()
        text = self._of_words(given.words) + self.text(TEXT_SCALE * self._unit(given.text, self.centre_text))
        text = text + self.sequence_out(self._drop(self._read(given)))
        # sqrt: the vector's large values are rare and would drown the others
        seen = self._unit(given.picture.clamp(min=0).sqrt(), self.centre_picture)
        picture = self.picture(PICTURE_SCALE * self._drop(seen))
        numbers = self.dense((given.numbers - self.mean) / self.scale)
        total = self.bias + there[:, TEXT, None] * text + there[:, PICTURE, None] * picture
        total = total + there[:, NUMBERS, None] * numbers
        return total[:, : self.firsts], total[:, self.firsts :]

    def log_probabilities(
        self, first: Tensor, second: Tensor, temperatures: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits -> log P(first) (n, first) and log P(second) (n, second), the latter summing to the former.

        `temperatures` (n, 2) divide the logits of the two levels; None = 1.
        """
        divisor = torch.ones(len(first), 2) if temperatures is None else temperatures
        of_first = functional.log_softmax(first / divisor[:, :1], dim=1)
        within = second / divisor[:, 1:]
        sums = torch.stack(
            [within[:, [i for i, p in enumerate(self.parents) if p == parent]].logsumexp(1) for parent in self._all()],
            dim=1,
        )
        parents = list(self.parents)
        return of_first, of_first[:, parents] + within - sums[:, parents]

    def siblings(self, second: Tensor, parents: Tensor) -> Tensor:
        """Second-level logits with those far below that are not under the given first levels (n,)."""
        same = torch.tensor(self.parents)[None] == parents[:, None]
        return second.masked_fill(~same, FAR)

    def _all(self) -> range:
        return range(self.firsts)

    def _of_words(self, words: Weighted) -> Tensor:
        return functional.embedding_bag(
            torch.from_numpy(words.bags.rows).long(),
            self.words,
            torch.from_numpy(words.bags.offsets),
            mode="sum",
            per_sample_weights=torch.from_numpy(words.weights),
            include_last_offset=True,
        )

    def _read(self, given: Inputs) -> Tensor:
        """(n, 4 * sequence): mean and maximum over the word pieces of both directions."""
        states = torch.tanh(self.narrow(self._drop(given.pieces)))
        packed = nn.utils.rnn.pack_padded_sequence(
            states, given.lengths.clamp(min=1), batch_first=True, enforce_sorted=False
        )
        read, _ = nn.utils.rnn.pad_packed_sequence(
            self.sequence(packed)[0], batch_first=True, total_length=given.pieces.shape[1]
        )
        inside = (torch.arange(read.shape[1])[None] < given.lengths.clamp(min=1)[:, None])[..., None]
        mean = (read * inside).sum(1) / inside.sum(1)
        most = read.masked_fill(~inside, -1.0).amax(1)  # the units lie in -1 .. 1
        return torch.cat([mean, most], dim=1)

    def _drop(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.dropout, self.training)

    @staticmethod
    def _unit(values: Tensor, centre: Tensor) -> Tensor:
        return functional.normalize(values - centre, dim=1)
