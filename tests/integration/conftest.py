"""Places on the shared broker, and workers that are gone when their test is."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.topics import USER_PREDICTIONS
from tests.integration.shoppers import Shoppers
from tests.integration.worker_process import Place, Worker, wait_until

StartWorker = Callable[..., Worker]
WORKER = ("streams.cli.main", "worker")
KILLS = 3
EVENTS = 500  # before each kill
_numbers = itertools.count()


@pytest.fixture
def place(kafka: str, request: pytest.FixtureRequest) -> Place:
    """Topics of two partitions and a group, of this test alone."""
    made = Place(kafka, f"{request.module.__name__.rpartition('_')[2]}-{os.getpid()}-{next(_numbers)}")
    made.create_topics()
    return made


@pytest.fixture
def start_worker(place: Place, tmp_path: Path, behaviour_artifact: Path) -> Iterator[StartWorker]:
    """Starts workers of the place: each `label` has a state folder of its own, which a second start finds again."""
    started: list[Worker] = []

    def start(label: str = "worker", program: tuple[str, ...] = WORKER, **settings: str) -> Worker:
        variables = {f"SHELFSTREAM_{name.upper()}": value for name, value in settings.items()}
        variables.setdefault("SHELFSTREAM_MODELS_BEHAVIOUR", str(behaviour_artifact))
        worker = Worker(place, tmp_path / label, variables, program)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close()


def kill_in_mid_stream(place: Place, shoppers: Shoppers, start_worker: StartWorker, **settings: str) -> None:
    """SIGKILL, again and again, of workers that have answered some of what was sent; the last one lives."""
    for _ in range(KILLS):
        before = place.count(USER_PREDICTIONS.name)
        shoppers.send(EVENTS)
        worker = start_worker(**settings)
        wait_until(lambda: place.count(USER_PREDICTIONS.name) >= before + EVENTS // 5, "answers", why=place.logs)  # noqa: B023
        worker.kill()
    shoppers.send(100)
    start_worker(**settings)
