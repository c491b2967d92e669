"""SIGKILL of the only broker, and its start some seconds later: workers wait for it and go on."""

import time

import pytest

from tests.faults.cluster import CONTROLLER, Cluster
from tests.faults.conftest import Judge, MakeStage

pytestmark = pytest.mark.faults

LABELS = ("one", "two")
TIMES, TIMES_SHORT = 4, 1


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_counted_twice_when_the_broker_is_killed_and_started_again(
    make_stage: MakeStage, one_broker: Cluster, delivery: str, judge: Judge, long: bool
) -> None:
    stage = make_stage(one_broker, delivery=delivery)
    for label in LABELS if long else LABELS[:1]:
        stage.start_worker(label)
    stage.wait_ready()
    stage.tend()  # the group may have given a worker up by the time the broker is there
    stage.load.start()
    recovered = []
    times = TIMES if long else TIMES_SHORT
    for _ in range(times):
        stage.wait_answered(stage.random.randrange(100, 400))
        mark = stage.watcher.mark()
        one_broker.nodes[CONTROLLER].kill()
        time.sleep(stage.random.random() * 5)
        back = one_broker.restart(CONTROLLER)
        recovered.append(stage.recovered(mark, back))
        stage.wait_answered(200)
    judge(stage.finish("SIGKILL of the broker, restart", times, recovered))
