"""Scores of every candidate value of a title for every attribute asked.

A unit is the mean of the encoder's states of its word pieces, beside a convolution over its characters, which unlike
the encoder sees upper and lower case (Ma and Hovy 2016, https://arxiv.org/abs/1603.01354); a BiLSTM reads the units in
both directions. A span is its two ends, its mean and its length (Lee et al. 2017, https://arxiv.org/abs/1707.07045).
An attribute is a vector of its own plus what the encoder makes of its name, so a name that training never saw has a
vector too. The score is their product plus what the gazetteer says; one more score stands for "not in this title".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.spans.gazetteer import FEATURES
from models.spans.units import MAX_LENGTH, REACH

LETTERS = 128  # characters by code point, all above in one
UNIT_LETTERS = 10  # of a unit that are read
ENCODER = 384  # width of the encoder's states


@dataclass(frozen=True, slots=True)
class Size:
    """Widths of the layers."""

    entry: int = 128
    letters: int = 32
    reader: int = 96  # in each direction
    span: int = 128


@dataclass(frozen=True, slots=True)
class Questions:
    """n titles of at most u units, each asked for a attributes; candidates lie in a grid of u by REACH."""

    states: Tensor  # (n, u, ENCODER) float32
    letters: Tensor  # (n, u, UNIT_LETTERS) int64, 0 = none
    counts: Tensor  # (n,) int64 units
    present: Tensor  # (n, u * REACH) bool: which candidates there are
    labels: Tensor  # (n, a) int64, -1 for a name that training never saw
    names: Tensor  # (n, a, ENCODER) float32: the names' embeddings
    known_where: Tensor  # (k,) int64 into (n, a, u * REACH), flat: what the gazetteer knows
    known_what: Tensor  # (k, FEATURES) float32


class SpanNetwork(nn.Module):
    """Titles and attribute names to scores."""

    def __init__(self, size: Size, attributes: int) -> None:
        super().__init__()
        self.entry = nn.Linear(ENCODER, size.entry)
        self.letter = nn.Embedding(LETTERS + 1, 16, padding_idx=0)
        self.convolution = nn.Conv1d(16, size.letters, 3, padding=1)
        self.reader = nn.LSTM(size.entry + size.letters, size.reader, batch_first=True, bidirectional=True)
        both = 2 * size.reader
        self.first = nn.Linear(both, size.span)
        self.last = nn.Linear(both, size.span, bias=False)
        self.mean = nn.Linear(both, size.span, bias=False)
        self.length = nn.Parameter(torch.randn(REACH, size.span) * 0.1)
        self.span = nn.Linear(size.span, size.span)
        self.nothing = nn.Sequential(nn.Linear(2 * both, size.span), nn.GELU(), nn.Linear(size.span, size.span))
        self.label = nn.Embedding(attributes, size.span)
        self.name = nn.Linear(ENCODER, size.span, bias=False)
        self.known = nn.Sequential(nn.Linear(FEATURES, 16), nn.GELU(), nn.Linear(16, 1))
        self.unasked = nn.Linear(size.span, 1)
        nn.init.normal_(self.label.weight, std=0.05)

    def forward(self, asked: Questions, dropout: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of the candidates (n, a, u * REACH), -inf where there is none; of "not in this title" (n, a) where
        somebody asked for the attribute; and the same where all attributes are tried and most are not there."""
        units = self._read(asked, dropout)  # (n, u, both)
        spans = self._spans(functional.dropout(units, dropout, self.training))  # (n, u * REACH, span)
        names = self.name(asked.names) + self.label(asked.labels.clamp(min=0)) * (asked.labels >= 0).unsqueeze(-1)
        scores = names @ spans.transpose(1, 2)  # (n, a, u * REACH)
        known = self.known(asked.known_what).squeeze(-1)
        scores = scores.flatten().index_add(0, asked.known_where, known).view(scores.shape)
        scores = scores.masked_fill(~asked.present.unsqueeze(1), -torch.inf)
        average = units.sum(1) / asked.counts.clamp(min=1).unsqueeze(1)
        text = self.nothing(torch.cat([average, units.amax(1)], dim=1))  # (n, span)
        nothing = (names @ text.unsqueeze(2)).squeeze(2)
        return scores, nothing, nothing + self.unasked(names).squeeze(2)

    def _read(self, asked: Questions, dropout: float) -> Tensor:
        n, longest, _ = asked.letters.shape
        letters = self.letter(asked.letters.flatten(0, 1)).transpose(1, 2)
        shapes = self.convolution(letters).amax(2).view(n, longest, -1)
        given = torch.cat([torch.relu(self.entry(asked.states)), torch.relu(shapes)], dim=2)
        given = functional.dropout(given, dropout, self.training)
        packed = nn.utils.rnn.pack_padded_sequence(
            given, asked.counts.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        read, _ = nn.utils.rnn.pad_packed_sequence(self.reader(packed)[0], batch_first=True, total_length=longest)
        inside = torch.arange(longest, device=read.device) < asked.counts.unsqueeze(1)
        kept: Tensor = read * inside.unsqueeze(-1)
        return kept

    def _spans(self, units: Tensor) -> Tensor:
        first, last = self.first(units), self.last(units)
        sums = functional.pad(self.mean(units).cumsum(1), (0, 0, 1, MAX_LENGTH))  # (n, 1 + u + MAX_LENGTH, span)
        ahead = functional.pad(last, (0, 0, 0, MAX_LENGTH))
        size = units.shape[1]
        grid = []
        for reach in range(REACH):
            length = max(reach, 1)  # a stem is part of one unit
            mean = (sums[:, length : length + size] - sums[:, :size]) / length
            grid.append(first + ahead[:, length - 1 : length - 1 + size] + mean + self.length[reach])
        joined = torch.stack(grid, dim=2).flatten(1, 2)  # (n, u * REACH, span)
        spans: Tensor = self.span(functional.gelu(joined))
        return spans
