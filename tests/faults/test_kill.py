"""SIGKILL of workers under load, at any moment: at work, with windows under way, or not yet recovered."""

import time

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage
from tests.faults.stage import AT_LEAST_ONCE, DELIVERIES, EXACTLY_ONCE, Stage

pytestmark = pytest.mark.faults

KILLS = 50
KILLS_SHORT = {AT_LEAST_ONCE: 6, EXACTLY_ONCE: 3}
PACE = 100  # workers start for most of the time, and the load goes on
EARLY = 0.2  # share of kills that do not wait until the worker is ready
LABELS = ("one", "two")


def start(stage: Stage, label: str) -> None:
    """With an id of its own: the group keeps its partitions for it."""
    stage.start_worker(label, kafka_instance_id=label, batch_max_events=stage.random.choice(("4", "16", "64")))


@pytest.mark.parametrize("delivery", DELIVERIES, indirect=True)  # both in the short run too
@pytest.mark.timeout(900)
def test_nothing_is_lost_or_counted_twice_when_workers_are_killed(
    make_stage: MakeStage, one_broker: Cluster, delivery: str, judge: Judge, long: bool
) -> None:
    stage = make_stage(one_broker, delivery=delivery, pace=PACE)
    for label in LABELS:
        start(stage, label)
    stage.tend()
    stage.load.start()
    stage.wait_ready()
    marks = []
    kills = KILLS if long else KILLS_SHORT[delivery]
    for number in range(kills):
        label = LABELS[number % 2]
        if stage.random.random() >= EARLY:
            stage.wait_ready(label)
            stage.wait_answered(stage.random.randrange(20, 100))
        time.sleep(stage.random.random() * 0.5)  # anywhere in its work
        stage.release(label).close()
        marks.append(stage.watcher.mark())
        start(stage, label)
    recovered = [stage.recovered(mark) for mark in marks]
    judge(stage.finish("SIGKILL of a worker", kills, recovered))
