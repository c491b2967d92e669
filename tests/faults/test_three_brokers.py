"""Three brokers, every topic on all of them, two of which must have a record before it is acknowledged."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.cluster import CONTROLLER, Cluster
from tests.faults.conftest import Judge, MakeStage
from tests.faults.stage import Stage

pytestmark = [pytest.mark.faults, pytest.mark.long]

TIMES = 4
TOPICS = {"replicas": 3, "config": {"min.insync.replicas": "2"}}


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of three. The first holds the metadata, so the other two are those that are killed."""
    cluster = Cluster(tmp_path_factory.mktemp("three-brokers"), nodes=3)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


def start(stage: Stage) -> None:
    """Two workers at work."""
    for label in ("one", "two"):
        stage.start_worker(label)
    stage.wait_ready()
    stage.tend()
    stage.load.start()


@pytest.mark.timeout(600)
def test_nothing_is_lost_when_leaders_are_killed(
    make_stage: MakeStage, three_brokers: Cluster, delivery: str, judge: Judge
) -> None:
    stage = make_stage(three_brokers, delivery=delivery, **TOPICS)
    start(stage)
    recovered = []
    for number in range(TIMES):
        three_brokers.wait_in_sync()
        three_brokers.elect_preferred()
        stage.wait_answered(stage.random.randrange(100, 400))
        victim = CONTROLLER + 1 + number % 2
        assert three_brokers.leads(victim, stage.place.topic("user-predictions"))
        mark = stage.watcher.mark()
        three_brokers.nodes[victim].kill()
        recovered.append(stage.recovered(mark))
        three_brokers.restart(victim)
    judge(stage.finish("SIGKILL of a leader, of three brokers", TIMES, recovered))


@pytest.mark.timeout(600)
def test_nothing_is_lost_while_replicas_are_not_enough(
    make_stage: MakeStage, three_brokers: Cluster, judge: Judge
) -> None:
    stage = make_stage(three_brokers, **TOPICS)
    start(stage)
    recovered = []
    others = [number for number in three_brokers.nodes if number != CONTROLLER]
    times = TIMES // 2
    for _ in range(times):
        three_brokers.wait_in_sync()
        stage.wait_answered(stage.random.randrange(100, 400))
        mark = stage.watcher.mark()
        for number in others:
            three_brokers.nodes[number].kill()
        time.sleep(6 + stage.random.random() * 4)
        back = max(three_brokers.restart(number) for number in others)
        recovered.append(stage.recovered(mark, back))
    judge(stage.finish("NOT_ENOUGH_REPLICAS: two of three down", times, recovered))
