"""Standbys and static membership: what another worker has ready when one dies, and what it does not notice."""

import pytest

from schemas.topics import USER_PREDICTIONS, USER_STATE
from tests.integration.conftest import StartWorker
from tests.integration.shoppers import Shoppers, assert_all_answered
from tests.integration.worker_process import Place, Worker, wait_until

pytestmark = pytest.mark.integration


def recovered(worker: Worker) -> float:
    """Rows of user state that this worker took from the changelog."""
    return sum(samples(worker, 'shelfstream_recovered_rows_total{table="user-state"'))


def samples(worker: Worker, beginning: str) -> list[float]:
    """The values of metrics whose lines begin so."""
    lines = worker.get("/metrics")[1].splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith(beginning)]


def both(place: Place, start_worker: StartWorker, **settings: str) -> tuple[Worker, Worker]:
    """Two workers, each with one of the two partitions."""
    first = start_worker("first", **settings).wait_ready()
    second = start_worker("second", **settings)
    wait_until(
        lambda: all("gives this worker 2 partitions" in one.tail(400) for one in (first, second)),
        "a share for each",
        why=place.logs,
    )
    return first.wait_ready(), second.wait_ready()


def test_a_standby_has_the_dead_workers_rows_before_it_takes_over(place: Place, start_worker: StartWorker) -> None:
    shoppers = Shoppers(place)
    first, second = both(place, start_worker, state_standbys="1")
    shoppers.send(400)
    place.read(USER_PREDICTIONS.name, 400)
    wait_until(lambda: sum(place.committed("user-behaviour")) == 400, "all rows written", why=place.logs)
    written = place.count(USER_STATE.name)
    wait_until(lambda: recovered(first) + recovered(second) >= written, "warm standbys", why=place.logs)
    lag, topic = "shelfstream_changelog_lag_records", place.topic(USER_STATE.name)
    lags = [samples(second, f'{lag}{{partition="{number}",topic="{topic}"') for number in range(place.partitions)]
    assert sorted(lags) == [[], [0]]  # its standby; what it owns it does not follow
    warm = recovered(second)
    first.kill()
    shoppers.send(200)
    assert_all_answered(place.predictions(600), shoppers.expected())
    assert recovered(second) - warm <= 10  # nothing of what the first had written was left to read


def test_a_worker_with_an_instance_id_comes_back_without_the_other_noticing(
    place: Place, start_worker: StartWorker
) -> None:
    settings = {"kafka_session_timeout_s": "30"}
    first = start_worker("first", kafka_instance_id="one", **settings).wait_ready()
    second = start_worker("second", kafka_instance_id="two", **settings)
    wait_until(lambda: "gives this worker 2 partitions" in second.tail(400), "its share", why=place.logs)
    wait_until(lambda: "gives this worker 2 partitions" in first.tail(400), "its share", why=place.logs)
    second.wait_ready()
    shoppers = Shoppers(place)
    shoppers.send(200)
    place.read(USER_PREDICTIONS.name, 200)
    generations = first.tail(400).count("gives this worker")
    second.terminate()
    assert second.wait(10) == 0
    shoppers.send(100)
    start_worker("second", kafka_instance_id="two", **settings).wait_ready()
    assert_all_answered(place.predictions(300), shoppers.expected(), once=True)
    assert first.tail(400).count("gives this worker") == generations
