"""What stands still, a model or one partition: the worker says which, ends itself, and the next one answers."""

import pytest

from schemas.topics import USER_BEHAVIOUR
from tests.integration.conftest import StartWorker
from tests.integration.worker_process import Place, Record, wait_until
from tests.unit.streams.making import TP, behaviour

pytestmark = pytest.mark.integration


def send(place: Place, partition: int, offset: int, user: str) -> None:
    """One event, which will lie there."""
    event = behaviour(TP("", partition), offset, user)
    place.send(USER_BEHAVIOUR.name, [Record(partition, event.key, event.value)])


def test_a_worker_that_stands_still_tells_it_ends_itself_and_loses_nothing(
    place: Place, start_worker: StartWorker
) -> None:
    stuck = start_worker(
        "stuck", ("tests.integration.hanging_worker", "worker"), web_stall_timeout_s="2", web_stall_exit_s="3"
    ).wait_ready()
    send(place, 0, 0, "anna")
    wait_until(lambda: stuck.get("/readyz")[0] == 503, "not ready", why=stuck.tail)
    assert "behaviour: 1 records wait and none was answered for" in stuck.get("/readyz")[1]
    assert "shelfstream_stalled 1.0" in stuck.get("/metrics")[1]
    assert stuck.wait(20) == 1
    assert "the worker ends itself" in stuck.tail(400)
    start_worker("next")
    (prediction,) = place.predictions(1)
    assert prediction.user_id == "anna"


def test_one_partition_that_stands_still_is_named_while_the_other_goes_on(
    place: Place, start_worker: StartWorker
) -> None:
    stuck = start_worker(
        "stuck", ("tests.integration.half_stuck_worker", "worker"), web_stall_timeout_s="3", web_stall_exit_s="3"
    ).wait_ready()
    send(place, 1, 0, "berta")
    named = f"{place.topic(USER_BEHAVIOUR.name)}[1]: 1 records wait at offset 0 and none was answered for"
    answered = 0

    def seen() -> bool:
        """Whether it is named; the other partition has something to do all the time."""
        nonlocal answered
        send(place, 0, answered, "anna")
        answered += 1
        return named in stuck.get("/readyz")[1]

    wait_until(seen, "the partition is named", why=stuck.tail)
    assert len(place.predictions(answered)) == answered
    metrics = stuck.get("/metrics")[1]
    assert "shelfstream_stalled 1.0" in metrics
    assert f'partition_still_seconds{{partition="0",topic="{place.topic(USER_BEHAVIOUR.name)}"}} 0.0' in metrics
    assert stuck.wait(30) == 1
    start_worker("next")
    assert {one.user_id for one in place.predictions(answered + 1)} == {"anna", "berta"}


def test_a_worker_that_cannot_end_because_its_model_never_comes_back_is_ended(
    place: Place, start_worker: StartWorker
) -> None:
    stuck = start_worker(
        "stuck", ("tests.integration.hanging_worker", "worker"), web_stall_timeout_s="4", web_stall_exit_s="8"
    ).wait_ready()
    send(place, 0, 0, "anna")
    wait_until(lambda: stuck.get("/readyz")[0] == 503, "the model hangs", why=stuck.tail)
    stuck.terminate()
    assert stuck.wait(40) == 1
    assert "the worker ends itself: the worker has been ending for" in stuck.tail(400)
