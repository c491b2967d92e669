"""A failover lasts until the slowest partition answers events that were due after the kill."""

import numpy as np
import pytest

from benchmarks.failover import back_after
from benchmarks.open_loop import Outcome
from benchmarks.setting import BenchmarkFailed


def outcome(seen: list[float]) -> Outcome:
    """Events of partitions 0 and 1 in turn, due every second from 0 on."""
    due = np.arange(len(seen), dtype=float)
    return Outcome(due, due, np.array(seen), np.arange(len(seen)) % 2)


def test_the_slowest_partition_counts_and_answers_to_earlier_events_do_not() -> None:
    # Killed at 2.5. Partition 1: the event of 1 is answered at 4, the first one due after the kill at 9.
    assert back_after(outcome([0.1, 4.0, 2.1, 9.0, 4.1, 9.1, 6.1, 9.2]), 2.5) == 6.5


def test_a_partition_that_never_comes_back_is_an_error() -> None:
    nan = float("nan")
    with pytest.raises(BenchmarkFailed, match="partition 1"):
        back_after(outcome([0.1, 1.1, 2.1, nan, 4.1, nan]), 2.5)
