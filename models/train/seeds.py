"""What makes two runs with equal seeds give equal weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seeded(seed: int) -> np.random.Generator:
    """Seed torch, on every device, and give a generator for everything else that is drawn."""
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of several threads come in no fixed order: one thread makes the weights reproducible."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
