"""Batches of a task that carries a state: pieces of sequences in lanes, side by side, one after the other.

A batch is a piece with all its lanes, and a row is a lane of it; so a process of a team, which takes every n-th row,
has the same lanes in every piece, and what they carry stays with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import TrainingError
from models.train.team import Rows, Team

Piece = tuple[list[NDArray[np.int64]], NDArray[np.bool_]]  # events of each lane; whether a sequence begins there


@dataclass(frozen=True, slots=True)
class Share:
    """What one process has of a piece."""

    piece: Piece  # the lanes of others are empty
    whole: NDArray[np.int64]  # events of all lanes: their targets are what the loss is a mean over
    weight: float  # that makes the mean over rows of a sum over events; 0 = nothing is left for this process


class LaneBatches:
    """The pieces of an epoch, and the state of `lanes` lanes."""

    def __init__(self, lanes: int, team: Team | None = None) -> None:
        """Errors: TrainingError when the team has more processes than there are lanes."""
        if team is not None and team.size > lanes:
            raise TrainingError(f"{team.size} processes cannot share {lanes} lanes; start at most {lanes}")
        self._lanes = lanes
        self._pieces: Sequence[Piece] = []
        self.carried = torch.empty(0)  # (2, lanes, hidden)

    def begin(self, pieces: Sequence[Piece], blank: Tensor) -> list[Rows]:
        """The batches of an epoch, which begins with the state `blank`."""
        self._pieces, self.carried = pieces, blank
        return list(np.arange(len(pieces) * self._lanes).reshape(-1, self._lanes))

    def share(self, rows: Rows) -> Share:
        """The lanes `rows`; the state of all others is forgotten."""
        pieces, begins = self._pieces[int(rows[0]) // self._lanes]
        own = np.zeros(self._lanes, bool)
        own[rows % self._lanes] = True
        self.carried = self.carried * torch.from_numpy(own).to(self.carried)[None, :, None]
        mine = [piece if kept else piece[:0] for piece, kept in zip(pieces, own, strict=True)]
        weight = self._lanes / len(rows)
        if not any(map(len, mine)):  # gradients are averaged over all processes: it takes part with what counts nothing
            weight, busy = 0.0, next(lane for lane, piece in enumerate(pieces) if len(piece))
            mine[busy] = pieces[busy]
        return Share((mine, begins), np.concatenate(pieces), weight)

    def carry(self, share: Share, state: Tensor) -> None:
        """Keep the state after a share for the next piece."""
        if share.weight:
            self.carried = state.detach()
