"""`delivery = "exactly-once"`: a reader of committed records sees each prediction once, whatever happens to workers."""

import pytest

from schemas.topics import USER_BEHAVIOUR
from tests.integration.conftest import StartWorker, kill_in_mid_stream
from tests.integration.shoppers import Shoppers, assert_all_answered, assert_first_answers_in_order
from tests.integration.worker_process import Place, wait_until

pytestmark = pytest.mark.integration

EVENTS = 500
SETTINGS = {"delivery": "exactly-once", "batch_max_events": "16", "kafka_transaction_timeout_s": "2"}


def seen(place: Place) -> int:
    """Predictions that are committed."""
    return len(place.predictions())


def test_each_prediction_is_seen_once_though_the_worker_is_killed_in_mid_transaction(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place)
    kill_in_mid_stream(place, shoppers, start_worker, **SETTINGS)
    expected = shoppers.expected()
    wait_until(lambda: seen(place) >= len(expected), "the rest", why=place.logs)
    found = place.predictions()
    assert_all_answered(found, expected, once=True)
    assert_first_answers_in_order(found)


def test_a_worker_that_wakes_up_after_its_session_is_refused_and_doubles_nothing(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place)
    sleeper = start_worker("sleeper", **SETTINGS).wait_ready()
    shoppers.send(EVENTS)
    wait_until(lambda: seen(place) >= EVENTS // 5, "answers", why=place.logs)
    sleeper.stop()
    shoppers.send(EVENTS)
    other = start_worker("other", **SETTINGS)
    wait_until(lambda: seen(place) >= 2 * EVENTS, "answers of the other", why=place.logs)
    sleeper.go_on()
    shoppers.send(EVENTS)
    wait_until(lambda: seen(place) >= 3 * EVENTS, "answers of both", why=place.logs)
    assert_all_answered(place.predictions(), shoppers.expected(), once=True)
    assert other.alive()


def test_a_clean_end_leaves_no_transaction_and_commits_all_offsets(place: Place, start_worker: StartWorker) -> None:
    shoppers = Shoppers(place)
    worker = start_worker(**SETTINGS).wait_ready()
    shoppers.send(EVENTS)
    wait_until(lambda: seen(place) >= EVENTS, "answers", why=place.logs)
    worker.terminate()
    assert worker.wait(10) == 0
    assert place.committed(USER_BEHAVIOUR.name) == place.ends(USER_BEHAVIOUR.name)
    assert_all_answered(place.predictions(), shoppers.expected(), once=True)
