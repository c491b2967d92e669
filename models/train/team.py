"""Several processes that train one network: `torchrun --nproc-per-node 2 -m streams.cli.main train products ...`.

Every process draws the same batches and computes its share of each; DistributedDataParallel averages the gradients
(Li et al. 2020, arXiv:2006.15704). So a batch is that of one process, however many share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Team:
    """The place of this process among all; by default it is alone."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def share(self, rows: Rows) -> tuple[Rows, float]:
        """This process' rows of a batch, and the weight that makes the mean over processes the mean over the batch."""
        own = rows[self.rank :: self.size]
        if len(own) == 0:  # fewer rows than processes: it must take part in the averaging all the same
            return rows[:1], 0.0
        return own, len(own) * self.size / len(rows)

    def wrap(self, step: nn.Module, *, some_unused: bool) -> nn.Module:
        """A module whose gradients are averaged over all processes; `step` itself when alone."""
        if self.size == 1:
            return step
        return DistributedDataParallel(step, find_unused_parameters=some_unused)

    def mean(self, value: float) -> float:
        """The mean of the processes' values, in every process."""
        if self.size == 1:
            return value
        summed = torch.tensor([value], dtype=torch.float64, device=_device())
        distributed.all_reduce(summed)
        return float(summed.item()) / self.size

    def agree(self, value: float) -> float:
        """The first process' value, in every process."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=_device())
        distributed.broadcast(shared, src=0)
        return float(shared.item())

    def sum(self, values: Tensor) -> Tensor:
        """The sum of the processes' tensors, in every process."""
        if self.size == 1:
            return values
        summed = values.clone()
        distributed.all_reduce(summed)
        return summed

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The first process alone, then all others at once: for work that leaves files which the others can read."""
        if not self.first:
            self.agree(0.0)
        yield
        if self.first:
            self.agree(0.0)


@contextmanager
def joined() -> Iterator[Team]:
    """The team that torchrun started, left at the end; a team of one without torchrun, or inside another `joined`."""
    if not distributed.is_torchelastic_launched():
        yield Team()
    elif distributed.is_initialized():
        yield Team(distributed.get_rank(), distributed.get_world_size())
    else:
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        if torch.cuda.is_available():
            torch.cuda.set_device(distributed.get_node_local_rank())
        try:
            yield Team(distributed.get_rank(), distributed.get_world_size())
        finally:
            distributed.destroy_process_group()


def _device() -> str:
    return "cuda" if distributed.get_backend() == "nccl" else "cpu"
