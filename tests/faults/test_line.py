"""The line between the workers and the broker: slow, cut, half open; a proxy at the address that the broker gives."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage
from tests.faults.proxy import Proxies
from tests.faults.stage import SESSION_S

pytestmark = [pytest.mark.faults, pytest.mark.long]

LABELS = ("one", "two")
TIMES = 3
GIVEN_UP_S = 60  # a client that waited for a request's whole time on a dead connection would need 90


@pytest.fixture(scope="module")
def proxies() -> Iterator[Proxies]:
    """The line, open."""
    made = Proxies()
    yield made
    made.close()


@pytest.fixture(scope="module")
def far_broker(proxies: Proxies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker that workers reach through the line only; the test's own clients do not."""
    cluster = Cluster(tmp_path_factory.mktemp("far-broker"), advertised=proxies.port_for)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.mark.timeout(300)
def test_a_slow_line_only_delays(make_stage: MakeStage, far_broker: Cluster, proxies: Proxies, judge: Judge) -> None:
    stage = make_stage(far_broker)
    workers = [stage.start_worker(label) for label in LABELS]
    stage.wait_ready()
    stage.load.start()
    recovered = []
    for _ in range(TIMES):
        stage.wait_answered(200)
        proxies.slow(stage.random.choice((0.1, 0.3, 0.6)))
        stage.wait_answered(300)
        proxies.open()
        recovered.append(stage.recovered(stage.watcher.mark()))
    assert all(worker.alive() for worker in workers), stage.place.logs()
    judge(stage.finish("slow line (0.1 to 0.6 s each way)", TIMES, recovered))


@pytest.mark.parametrize("kind", ["cut", "half open"])
@pytest.mark.timeout(600)
def test_a_line_that_was_gone_changes_nothing(
    kind: str, make_stage: MakeStage, far_broker: Cluster, proxies: Proxies, judge: Judge, delivery: str
) -> None:
    stage = make_stage(far_broker, delivery=delivery)
    for label in LABELS:
        stage.start_worker(label)
    stage.wait_ready()
    stage.tend()  # a worker that has lost its session with windows under way ends
    stage.load.start()
    recovered = []
    for number in range(TIMES):
        stage.wait_answered(stage.random.randrange(200, 400))
        (proxies.cut if kind == "cut" else proxies.half_open)()
        mark = stage.watcher.mark()
        # Once shorter than a session, once longer.
        time.sleep(SESSION_S * (0.3 if number % 2 else 1.5) * (1 + stage.random.random() / 4))
        proxies.open()
        back = time.monotonic()
        recovered.append(stage.recovered(mark, back))
    judge(stage.finish(f"line {kind}", TIMES, recovered))
    assert max(recovered) < GIVEN_UP_S
