"""SIGSTOP beyond the session timeout, then SIGCONT: a worker that does not know that others took over."""

import time

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage

pytestmark = pytest.mark.faults

LABELS = ("one", "two")
TIMES, TIMES_SHORT = 5, 1


@pytest.mark.timeout(600)
def test_a_worker_that_wakes_up_after_others_took_over_changes_nothing(
    make_stage: MakeStage, one_broker: Cluster, delivery: str, judge: Judge, long: bool
) -> None:
    stage = make_stage(one_broker, delivery=delivery, pace=500)  # so that windows are under way when it stops
    for label in LABELS:
        stage.start_worker(label)
    stage.wait_ready()
    stage.tend()  # a worker that wakes up with windows under way ends, rather than write beside the next owner
    stage.load.start()
    recovered = []
    times = TIMES if long else TIMES_SHORT
    for number in range(times):
        label = LABELS[number % 2]
        stage.wait_ready()
        worker = stage.worker(label)
        stage.wait_answered(stage.random.randrange(300, 600))
        time.sleep(stage.random.random() * 0.1)
        worker.stop()
        mark = stage.watcher.mark()
        recovered.append(stage.recovered(mark))
        stage.wait_answered(stage.random.randrange(200, 400))  # the next owner is past what the sleeper holds
        worker.go_on()
        stage.wait_answered(600)
    judge(stage.finish("SIGSTOP past the session, SIGCONT", times, recovered))
