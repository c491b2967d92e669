"""A storm of workers that join and leave under load, some of them politely."""

import time

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage
from tests.integration.worker_process import Worker

pytestmark = [pytest.mark.faults, pytest.mark.long]

CHANGES = 20
MOST = 4
FORGOTTEN = 1  # by the group, with windows under way
TERMINATED = -15  # before it had begun


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_counted_twice_in_a_storm_of_joins_and_leaves(
    make_stage: MakeStage, one_broker: Cluster, delivery: str, judge: Judge
) -> None:
    stage = make_stage(one_broker, delivery=delivery)
    chance = stage.random
    asked: list[Worker] = []
    stage.start_worker("w0").wait_ready()
    stage.tend()
    stage.load.start()
    stage.wait_answered(100)
    begin = stage.watcher.mark()
    for change in range(CHANGES):
        here = len(stage.labels)
        if here < MOST and (here == 1 or chance.random() < 0.5):
            stage.start_worker(f"w{change + 1}")
        else:
            worker = stage.release(chance.choice(stage.labels))
            if chance.random() < 0.5:
                worker.close()
            else:
                worker.terminate()
                asked.append(worker)
        time.sleep(0.3 + chance.random() * 3)  # some have their share by then, some have not even joined
        if change % 4 == 3:
            stage.wait_answered(10)
    stage.wait_ready()
    stage.recovered(stage.watcher.mark())
    silence = stage.watcher.longest_silence(begin)
    for worker in asked:
        assert worker.wait(30) in (0, FORGOTTEN, TERMINATED), worker.tail()
    judge(stage.finish("storm of joins and leaves", CHANGES, [silence]))
