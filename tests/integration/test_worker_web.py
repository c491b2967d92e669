"""What the worker tells over HTTP, while it starts and while it works."""

import re

import pytest

from schemas.topics import PRODUCT_CATEGORIES, PRODUCT_UPSERT, USER_BEHAVIOUR, USER_PREDICTIONS
from streams.metrics import declared
from tests.integration.conftest import StartWorker
from tests.integration.worker_process import START_S, Place, Record, Worker, wait_until
from tests.unit.streams.making import TP, behaviour, product

HOW = ("predicted", "unchanged")
pytestmark = pytest.mark.integration


def sample(text: str, metric: str, **labels: str) -> float:
    """Value of a sample whose labels include these; 0 when there is none."""
    for line in text.splitlines():
        found = re.fullmatch(rf"{metric}(?:{{(.*)}})? (\S+)", line)
        if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
            return float(found[2])
    return 0.0


def looked(worker: Worker, answers: list[tuple[int, str]]) -> int:
    """Ask once whether it is ready, and keep the answer."""
    assert worker.alive(), worker.tail()
    answers.append(worker.get("/readyz"))
    return answers[-1][0]


def test_pages_tell_the_truth_before_and_after_assignment_and_metrics_move(
    place: Place, start_worker: StartWorker
) -> None:
    worker = start_worker()
    early: list[tuple[int, str]] = []
    wait_until(lambda: looked(worker, early) == 200, "ready", START_S, worker.tail)
    answered = [(status, text) for status, text in early if status not in (0, 200)]
    assert answered, "the worker was ready the moment it answered"
    assert {status for status, _ in answered} == {503}
    assert "assigned" in answered[0][1] or "recovered" in answered[0][1]
    assert worker.get("/healthz")[0] == 200
    assert worker.get("/nothing")[0] == 404

    before = worker.get("/metrics")[1]
    for metric in declared.ALL:
        assert f"# TYPE {metric._name}" in before, metric._name
    assert sample(before, "shelfstream_ready") == 1
    assert sample(before, "shelfstream_model_info", agent="behaviour", name="behaviour-lstm") == 1
    assert sample(before, "shelfstream_model_info", agent="products") == 1

    goods = [product(TP("", 0), i, f"p{i}", "Nike Men Blue Shoes") for i in range(6)]
    events = [behaviour(TP("", i % 2), i, f"u{i % 2}", product_id="p1") for i in range(10)]
    place.send(PRODUCT_UPSERT.name, [Record(0, one.key, one.value) for one in goods])
    place.send(USER_BEHAVIOUR.name, [*(Record(e.partition, e.key, e.value) for e in events), Record(0, b"u", b"\xc1")])
    place.read(PRODUCT_CATEGORIES.name, 6)
    place.read(USER_PREDICTIONS.name, 10)
    wait_until(
        lambda: sample(worker.get("/metrics")[1], "shelfstream_dead_letters_total", agent="behaviour") == 1, "letter"
    )
    after = worker.get("/metrics")[1]
    assert sample(after, "shelfstream_events_total", agent="behaviour", result="predicted") == 10
    results = [sample(after, "shelfstream_events_total", agent="products", result=how) for how in HOW]
    assert sum(results) == 6
    assert sample(after, "shelfstream_event_types_total", type="purchase") == 10
    assert sample(after, "shelfstream_dead_letters_total", agent="behaviour", reason="undecodable") == 1
    assert sample(after, "shelfstream_window_events_sum", agent="behaviour") == 11
    assert sample(after, "shelfstream_inference_seconds_count", agent="products") >= 1
    assert sample(after, "shelfstream_state_writes_total", agent="behaviour") >= 2
    assert sample(after, "shelfstream_state_reads_total", agent="behaviour") >= 2
    wait_until(
        lambda: sample(worker.get("/metrics")[1], "shelfstream_end_to_end_seconds_count", agent="behaviour") >= 1,
        "end to end seconds",
    )
