"""A worker's clock that jumps, hours ahead and back."""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage

pytestmark = [pytest.mark.faults, pytest.mark.long]

HOUR_S = 3_600
RIDDEN_OUT = (0.7 * HOUR_S, -5 * HOUR_S, 0.0, -30 * HOUR_S, 0.0)
REFUSED = 3 * HOUR_S  # a broker takes no record that is more than an hour ahead of its own clock
PROGRAM = ("tests.faults.jumping_worker", "worker")


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_counted_twice_when_the_clock_jumps(
    make_stage: MakeStage, one_broker: Cluster, judge: Judge
) -> None:
    stage = make_stage(one_broker)
    worker = stage.start_worker(program=PROGRAM).wait_ready()
    clock = worker.state.parent / "clock"
    stage.load.start()
    recovered = []
    for ahead_s in RIDDEN_OUT:
        stage.wait_answered(stage.random.randrange(100, 300))
        mark = stage.watcher.mark()
        clock.write_text(str(ahead_s))
        recovered.append(stage.recovered(mark))
        stage.wait_answered(200)
        assert worker.alive(), worker.tail()

    clock.write_text(str(REFUSED))
    assert worker.wait(60) == 1
    assert "InvalidTimestamp" in worker.tail()
    clock.write_text("0")
    mark = stage.watcher.mark()
    stage.start_worker(program=PROGRAM)
    recovered.append(stage.recovered(mark))
    judge(stage.finish("clock jumps by hours", len(RIDDEN_OUT) + 1, recovered))
