"""Places on the shared broker, and workers that are gone when their test is."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.worker_process import Place, Worker
from tests.unit.streams.making_models import save_small_behaviour

StartWorker = Callable[..., Worker]
WORKER = ("streams.cli.main", "worker")
_numbers = itertools.count()


@pytest.fixture(scope="session")
def behaviour_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small behaviour model, wide enough apart that a lost or doubled event shows in every later prediction."""
    path = tmp_path_factory.mktemp("behaviour")
    save_small_behaviour(path)
    return path


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
