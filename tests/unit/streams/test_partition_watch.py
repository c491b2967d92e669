"""Partitions that stand still, from one look to the next."""

import time

import pytest
from faust.types import TP
from prometheus_client import REGISTRY

from streams.metrics.partitions import PartitionWatch, Standing

A, B = TP("events", 0), TP("events", 1)
LIMIT_S = 10.0


class World:
    """How far partitions are and what the time is, as the test sets it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.standing: dict[TP, Standing] = {}
        self.watch = PartitionWatch(lambda: self.standing)

    def after(self, seconds: float, **standing: tuple[int, int, float]) -> list[str]:
        """What is said that much later, when a and b stand so: done, waiting, silent."""
        self.now += seconds
        self.standing = {{"a": A, "b": B}[name]: Standing(*its) for name, its in standing.items()}
        self.watch.look()
        return list(self.watch.still(LIMIT_S))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made


def seconds(tp: TP) -> float | None:
    """What the metric says."""
    labels = {"topic": tp.topic, "partition": str(tp.partition)}
    return REGISTRY.get_sample_value("shelfstream_partition_still_seconds", labels)


def test_a_partition_that_stands_still_while_another_goes_on_is_named(world: World) -> None:
    assert world.after(0, a=(5, 3, 0), b=(7, 1, 0)) == []
    assert world.after(9, a=(5, 4, 0), b=(8, 1, 0)) == []
    assert world.after(3, a=(5, 9, 0), b=(9, 1, 0)) == [
        "events[0]: 9 records wait at offset 5 and none was answered for 12 s"
    ]
    assert (seconds(A), seconds(B)) == (12, 0)


def test_an_answer_ends_it(world: World) -> None:
    world.after(0, a=(5, 3, 0))
    assert world.after(20, a=(5, 3, 0))
    assert world.after(1, a=(6, 2, 0)) == []


def test_time_without_anything_to_do_does_not_count(world: World) -> None:
    world.after(0, a=(5, 0, 0))
    assert world.after(1_000, a=(5, 2, 0)) == []
    assert world.after(9, a=(5, 2, 0)) == []
    assert world.after(2, a=(5, 2, 0))


def test_a_partition_whose_leader_is_silent_is_named(world: World) -> None:
    assert world.after(0, a=(5, 0, 11.0)) == ["events[0]: no leader has answered a fetch of it for 11 s"]
    assert seconds(A) == 11


def test_a_partition_that_was_given_up_is_forgotten(world: World) -> None:
    world.after(0, a=(5, 3, 0))
    assert world.after(50) == []
    assert seconds(A) is None
    assert world.after(1, a=(5, 3, 0)) == []
