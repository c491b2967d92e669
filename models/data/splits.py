"""The split that every figure of the project uses: by the SHA-1 of a grouping key, never by row.

bucket 0      test
bucket 1      never touched: kept for judging the shipped models from outside
buckets 2-8   training
bucket 9      validation: early stopping, thresholds, calibration
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TEST = 0
KEPT_OUT = 1
TRAIN = (2, 3, 4, 5, 6, 7, 8)
VALIDATION = 9


def bucket(key: str) -> int:
    """The tenth that a grouping key belongs to, 0-9."""
    return int(hashlib.sha1(key.encode()).hexdigest(), 16) % 10


def buckets(keys: Iterable[str]) -> NDArray[np.int8]:
    """(n,) keys -> (n,) buckets; equal keys are hashed once."""
    known: dict[str, int] = {}
    return np.array([known[k] if k in known else known.setdefault(k, bucket(k)) for k in keys], dtype=np.int8)
