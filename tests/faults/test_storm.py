"""A storm of workers that join and leave under load, some of them politely."""

import time

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage
from tests.integration.worker_process import Worker

pytestmark = [pytest.mark.faults, pytest.mark.long]

CHANGES = 20
MOST = 4
BORN_S = 1.0  # younger than this, a process has not yet come to handle signals
TERMINATED = -15


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_counted_twice_in_a_storm_of_joins_and_leaves(
    make_stage: MakeStage, one_broker: Cluster, delivery: str, judge: Judge
) -> None:
    stage = make_stage(one_broker, delivery=delivery)
    chance = stage.random
    here: dict[str, Worker] = {"w0": stage.start_worker("w0").wait_ready()}
    asked: list[Worker] = []
    stage.load.start()
    stage.wait_answered(100)
    begin = stage.watcher.mark()
    for change in range(CHANGES):
        leaves = len(here) == MOST or (len(here) > 1 and chance.random() < 0.5)
        if leaves:
            worker = here.pop(chance.choice(sorted(here)))
            if chance.random() < 0.5:
                worker.kill()
            else:
                worker.terminate()
                asked.append(worker)
        else:
            label = f"w{change + 1}"
            here[label] = stage.start_worker(label)
        time.sleep(0.3 + chance.random() * 3)  # some have their share by then, some have not even joined
        if change % 4 == 3:
            stage.wait_answered(10)
    for worker in here.values():
        worker.wait_ready()
    stage.recovered(stage.watcher.mark())
    silence = stage.watcher.longest_silence(begin)
    for worker in asked:
        assert worker.wait(30) in (0, TERMINATED), worker.tail()  # the second: before it had begun
    judge(stage.finish("storm of joins and leaves", CHANGES, [silence]))
