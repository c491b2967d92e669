"""How each kind of network reads a text, with a share for every piece of it: what integrated gradients move along.

A share of 0 for every piece is a text that says nothing, 1 is the text as it is. A tower joins the explanations by a
reader of its own: shares in, pooled vectors out, and the way back from shares to letters.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.encoder.bert import pooled
from models.encoder.member import EncoderMember
from models.explain.chance import POWER, Sums
from models.explain.places import Places
from models.text.committee import Member
from models.text.ngrams import Ngrams

Floats = NDArray[np.float64]


class Reader(Protocol):
    """One text as one network reads it."""

    @property
    def pieces(self) -> int:
        """How many shares there are; 0 when the network knows nothing of the text."""

    def pool(self, shares: Tensor) -> Tensor:
        """(s, pieces) shares from 0 to 1 -> (s, width) of the network, differentiable."""

    def letters(self, weights: Floats, length: int) -> Floats:
        """(pieces,) weights -> (length,) by code point of the text; their sum is kept."""


class BagReader:
    """A title network: the pieces are the n-grams that it knows, the text that says nothing has none."""

    def __init__(self, member: Member, features: Ngrams, where: Places) -> None:
        sums = Sums([member], features)
        self._network = member.network
        self._known = np.flatnonzero(sums.rows[0] >= 0)
        self._where = where
        rows = torch.from_numpy(sums.rows[0][self._known])
        self._rows = member.network.table.detach()[rows] * sums.scales[0]  # (pieces, width)

    @property
    def pieces(self) -> int:
        """See `Reader.pieces`."""
        return len(self._known)

    def pool(self, shares: Tensor) -> Tensor:
        """See `Reader.pool`. The sum over the columns of a row's attributions is, by the chain rule, its share's."""
        found: Tensor = self._network.norm(shares**POWER @ self._rows)
        return found

    def letters(self, weights: Floats, length: int) -> Floats:
        """See `Reader.letters`."""
        by_feature = np.zeros(len(self._where.first))
        by_feature[self._known] = weights
        found = np.zeros(length)
        for number, (begin, end) in enumerate(self._where.words):
            found[begin:end] += _word_letters(self._where, number, by_feature, end - begin)
        return found


class TokenReader:
    """The encoder tower: the pieces are its tokens, the text that says nothing has as many empty embeddings.

    The marks at both ends are no pieces: they stand in every text.
    """

    def __init__(self, member: EncoderMember, text: str) -> None:
        ((_, ids, self._mask),) = member.encoder.batches([text])
        self._network = member.network
        _, _, offsets = member.encoder.hidden([text])
        # A token may begin with the space before it, which is no letter of it.
        spaces = [len(text[begin:end]) - len(text[begin:end].lstrip()) for begin, end in offsets[0]]
        self._offsets = offsets[0] + np.stack([spaces, np.zeros(len(spaces))], axis=1).astype(np.int64)  # (l, 2)
        self._own = np.flatnonzero(self._offsets[:, 1] > self._offsets[:, 0])
        with torch.no_grad():
            self._words = member.network.bert.words(ids)[0]  # (l, width)

    @property
    def pieces(self) -> int:
        """See `Reader.pieces`."""
        return len(self._own)

    def pool(self, shares: Tensor) -> Tensor:
        """See `Reader.pool`."""
        every = shares.new_ones(len(shares), len(self._words))
        every[:, torch.from_numpy(self._own)] = shares**POWER  # the same line as that of the n-grams
        mask = self._mask.expand(len(shares), -1)
        states = self._network.bert.encode(every.unsqueeze(2) * self._words, mask)
        found: Tensor = self._network.norm(torch.cat([pooled(states, mask), states[:, 0]], dim=1))
        return found

    def letters(self, weights: Floats, length: int) -> Floats:
        """See `Reader.letters`."""
        found = np.zeros(length)
        for weight, (begin, end) in zip(weights, self._offsets[self._own], strict=True):
            found[begin:end] += weight / (end - begin)
        return found


def _word_letters(where: Places, number: int, weights: Floats, length: int) -> Floats:
    """(length,) the weight of each code point of a word: that of its n-grams, shared out evenly among their letters."""
    first, last = where.letters[number]
    read = np.zeros(last - first)  # by letter as read
    whole = where.begins < 0
    for side in (where.first, where.second):  # a word that is no pair is both sides: half and half is all of it
        read += weights[whole & (side == number)].sum() / 2 / len(read)
    for run in np.flatnonzero(~whole & (where.first == number)):
        begin, end = where.begins[run] - first, where.ends[run] - first
        read[begin:end] += weights[run] / (end - begin)
    if len(read) == length:
        return read
    # A letter as given may be read as several or, with its marks, as part of one: shared out over the word by place.
    places = np.minimum(np.arange(len(read)) * length // len(read), length - 1)
    return np.bincount(places, read, length).astype(np.float64)
