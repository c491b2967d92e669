"""A model that never comes back: the worker says so, ends itself, and the next one answers."""

import pytest

from schemas.topics import USER_BEHAVIOUR
from tests.integration.conftest import StartWorker
from tests.integration.worker_process import Place, Record, wait_until
from tests.unit.streams.making import TP, behaviour

pytestmark = pytest.mark.integration


def test_a_worker_that_stands_still_tells_it_ends_itself_and_loses_nothing(
    place: Place, start_worker: StartWorker
) -> None:
    stuck = start_worker(
        "stuck", ("tests.integration.hanging_worker", "worker"), web_stall_timeout_s="2", web_stall_exit_s="3"
    ).wait_ready()
    event = behaviour(TP("", 0), 0, "anna")
    place.send(USER_BEHAVIOUR.name, [Record(0, event.key, event.value)])
    wait_until(lambda: stuck.get("/readyz")[0] == 503, "not ready", why=stuck.tail)
    assert "behaviour: 1 records wait and none was answered for" in stuck.get("/readyz")[1]
    assert "shelfstream_stalled 1.0" in stuck.get("/metrics")[1]
    assert stuck.wait(20) == 1
    assert "the worker ends itself" in stuck.tail(400)
    start_worker("next")
    (prediction,) = place.predictions(1)
    assert prediction.user_id == "anna"
