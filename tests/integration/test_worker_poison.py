"""Records that end the process: a supervisor that starts it again and again gets past them, and loses nothing else."""

import signal

import msgspec
import pytest

from schemas.letters import DeadLetter
from schemas.topics import DEAD_LETTERS, USER_BEHAVIOUR
from streams.attempts.journal import DEATHS
from tests.integration.conftest import StartWorker
from tests.integration.shoppers import Shoppers, assert_all_answered, assert_first_answers_in_order
from tests.integration.worker_process import Place, Worker, wait_until

pytestmark = pytest.mark.integration

PROGRAM = ("tests.integration.poisoned_worker", "worker")


def send_with(shoppers: Shoppers, product: str) -> tuple[int, int]:
    """Events, one of them about that product, more events; that one's partition and offset. It is not expected."""
    shoppers.send(60)
    shoppers.send(1, product_id=product)
    bad = shoppers.sent.pop()
    shoppers.send(60)
    return bad.partition, bad.offset


def supervise(start_worker: StartWorker, place: Place, answers: int, **settings: str) -> tuple[Worker, list[int]]:
    """Start the worker again whenever it has ended, until there are so many answers; and its exit codes."""
    ended: list[int] = []
    settings["kafka_instance_id"] = "poisoned"  # its partitions come back at once
    worker = start_worker("poisoned", PROGRAM, **settings)

    def answered() -> bool:
        nonlocal worker
        if not worker.alive():
            ended.append(worker.wait(1))
            worker = start_worker("poisoned", PROGRAM, **settings)
        return len({one.prediction_id for one in place.predictions()}) >= answers

    wait_until(answered, "all answers", timeout_s=150, why=place.logs)
    return worker, ended


def letters(place: Place) -> list[tuple[int, int, str, int]]:
    """Partition, offset, reason and attempts of each dead letter."""
    found = [msgspec.msgpack.decode(one.value or b"", type=DeadLetter) for one in place.read(DEAD_LETTERS.name)]
    return [(one.source.partition, one.source.offset, one.reason, one.attempts) for one in found]


def test_a_record_that_aborts_the_process_is_a_letter_after_three_deaths_and_all_others_are_answered(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place)
    bad = send_with(shoppers, "product-abort")
    expected = shoppers.expected()
    worker, ended = supervise(start_worker, place, len(expected))
    found = place.predictions()
    assert_all_answered(found, expected)
    assert_first_answers_in_order(found)
    wait_until(lambda: place.committed(USER_BEHAVIOUR.name) == place.ends(USER_BEHAVIOUR.name), "all committed")
    assert letters(place) == [(*bad, "crashed_worker", DEATHS)]
    assert ended == [-signal.SIGABRT] * DEATHS
    assert worker.alive()
    assert worker.tail(10_000).count("it becomes a dead letter") == 1
    assert 'dead_letters_total{agent="behaviour",reason="crashed_worker"}' in worker.get("/metrics")[1]


def test_a_record_at_which_the_model_never_comes_back_is_a_letter_after_the_watchdog_ended_three_workers(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place)
    bad = send_with(shoppers, "product-hang")
    expected = shoppers.expected()
    worker, ended = supervise(start_worker, place, len(expected), web_stall_timeout_s="2", web_stall_exit_s="2")
    assert_all_answered(place.predictions(), expected)
    wait_until(lambda: letters(place) == [(*bad, "crashed_worker", DEATHS)], "the letter", why=place.logs)
    assert set(ended) == {1}
    assert worker.tail(10_000).count("died while the model had") == DEATHS
