"""SIGTERM, and a cluster that is not there: what the worker finishes, says and returns."""

import socket
import threading
import time
from pathlib import Path

import pytest

from schemas.topics import USER_BEHAVIOUR, USER_PREDICTIONS
from streams import broker
from tests.integration.conftest import WORKER, StartWorker
from tests.integration.shoppers import Shoppers, assert_all_answered
from tests.integration.worker_process import Place, Record, Worker, wait_until

pytestmark = pytest.mark.integration

EVENTS = 1_200


class Forwarder:
    """A port that leads to the broker from the moment it is opened, as if the broker had just come up."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"

    def open(self) -> None:
        """Begin to answer."""
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Free the port."""
        self._server.close()

    def _accept(self) -> None:
        host, port = self._target.split(":")
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection((host, int(port)))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with source, sink:
            try:
                while data := source.recv(65_536):
                    sink.sendall(data)
            except OSError:
                return


def test_sigterm_in_mid_stream_finishes_commits_and_leaves_nothing_to_repeat(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place)
    shoppers.send(EVENTS)
    worker = start_worker(batch_max_events="4")
    wait_until(lambda: place.count(USER_PREDICTIONS.name) >= EVENTS // 10, "answers", why=place.logs)
    began = time.monotonic()
    worker.terminate()
    assert worker.wait(10) == 0
    assert time.monotonic() - began < 10
    answered = place.count(USER_PREDICTIONS.name)
    assert sum(place.committed(USER_BEHAVIOUR.name)) == answered

    start_worker()
    assert_all_answered(place.predictions(EVENTS), shoppers.expected(), once=True)


def test_told_to_stop_while_its_cluster_is_away_it_does_not_wait_for_it(
    tmp_path: Path, behaviour_artifact: Path
) -> None:
    with broker.start(tmp_path / "kafka", show_progress=False) as running:
        place = Place(running.bootstrap_servers, "away")
        place.create_topics()
        worker = Worker(place, tmp_path / "worker", {"SHELFSTREAM_MODELS_BEHAVIOUR": str(behaviour_artifact)}, WORKER)
        worker.wait_ready()
        Shoppers(place).send(EVENTS)
        wait_until(lambda: place.count(USER_PREDICTIONS.name) > 0, "answers", why=place.logs)
    try:
        worker.terminate()
        assert worker.wait(20) == 0 or "the next start answers their records again" in worker.tail()
    finally:
        worker.close()


def test_a_cluster_that_is_not_there_is_named_and_the_worker_gives_up_after_its_time(
    place: Place, start_worker: StartWorker
) -> None:
    nowhere = Forwarder(place.kafka)
    worker = start_worker(kafka_bootstrap_servers=nowhere.address, kafka_connect_timeout_s="5")
    assert worker.wait(60) == 1
    nowhere.close()
    said = worker.tail()
    assert f"no Kafka answers at {nowhere.address} yet; trying again" in said
    assert f"no Kafka answered at {nowhere.address} within 5 s" in said
    assert "Traceback" not in said


def test_a_worker_that_waited_for_its_cluster_works_when_it_comes(place: Place, start_worker: StartWorker) -> None:
    shoppers = Shoppers(place)
    shoppers.send(50)
    late = Forwarder(place.kafka)
    worker = start_worker(kafka_bootstrap_servers=late.address)
    wait_until(lambda: "trying again" in worker.tail(), "a word about it", why=worker.tail)
    late.open()
    assert_all_answered(place.predictions(50), shoppers.expected(), once=True)
    late.close()


def test_missing_topics_are_named_with_the_command_that_makes_them(place: Place, start_worker: StartWorker) -> None:
    worker = start_worker(topics_prefix="not-made-")
    assert worker.wait(60) == 1
    assert "not-made-user-behaviour" in worker.tail()
    assert "shelfstream topics create" in worker.tail()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"letters_max_per_minute": "20"}, "letters.max_per_minute is 20"),
        ({"letters_max_share": "0.3", "letters_share_of": "40"}, "letters.max_share is 0.3"),
    ],
    ids=["number", "share"],
)
def test_too_many_dead_letters_stop_the_worker_with_exit_code_3_and_nothing_is_committed(
    place: Place, start_worker: StartWorker, settings: dict[str, str], said: str
) -> None:
    place.send(USER_BEHAVIOUR.name, [Record(0, b"u", b"\xc1 no event") for _ in range(50)])
    worker = start_worker(**settings)
    assert worker.wait(60) == 3
    assert said in worker.tail()
    assert place.committed(USER_BEHAVIOUR.name)[0] < 50
