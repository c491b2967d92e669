"""Batches of lanes: each process has the same lanes in every piece; one that has none left takes part all the same."""

import numpy as np
import pytest
import torch

from models.errors import TrainingError
from models.train.lane_batches import LaneBatches, Piece
from models.train.team import Team

LANES = 3
FULL: Piece = ([np.arange(0, 4), np.arange(4, 6), np.arange(6, 7)], np.array([True, True, True]))
ENDING: Piece = ([np.arange(7, 9), np.arange(0), np.arange(0)], np.array([False, False, False]))


def begun() -> tuple[LaneBatches, list[np.ndarray]]:
    batches = LaneBatches(LANES)
    return batches, list(batches.begin([FULL, ENDING], torch.zeros(2, LANES, 5)))


def test_alone_a_process_has_every_lane_and_the_loss_is_the_mean() -> None:
    batches, rows = begun()
    share = batches.share(Team().share(rows[0])[0])
    assert [part.tolist() for part in share.piece[0]] == [[0, 1, 2, 3], [4, 5], [6]]
    assert share.weight == 1.0


def test_the_shares_of_two_are_the_piece_and_their_mean_is_its_loss() -> None:
    events, loss = [], 0.0
    for rank in range(2):
        batches, rows = begun()
        own, weight = Team(rank, 2).share(rows[0])
        share = batches.share(own)
        mine = np.concatenate(share.piece[0])
        events.append(mine.tolist())
        loss += float(mine.sum()) / len(share.whole) * share.weight * weight / 2
    assert events == [[0, 1, 2, 3, 6], [4, 5]]
    assert loss == pytest.approx(np.arange(7).mean())


def test_each_carries_its_own_lanes_and_together_they_carry_all() -> None:
    carried = []
    for rank in range(2):
        batches, rows = begun()
        own, _ = Team(rank, 2).share(rows[0])
        batches.carry(batches.share(own), torch.ones(2, LANES, 5))
        batches.share(Team(rank, 2).share(rows[1])[0])
        carried.append(batches.carried[0, :, 0].tolist())
    assert carried == [[1, 0, 1], [0, 1, 0]]


def test_without_events_of_its_own_a_process_counts_nothing_and_carries_nothing() -> None:
    batches, rows = begun()
    own, _ = Team(1, 2).share(rows[1])
    share = batches.share(own)
    assert [part.tolist() for part in share.piece[0]] == [[7, 8], [], []]
    assert share.weight == 0.0
    batches.carry(share, torch.ones(2, LANES, 5))
    assert not batches.carried.any()


def test_more_processes_than_lanes_are_refused() -> None:
    with pytest.raises(TrainingError, match="4 processes cannot share 3 lanes"):
        LaneBatches(LANES, Team(0, 4))
