"""SIGKILL in mid-stream, again and again: nothing is lost, and no user's state counts an event twice."""

import pytest

from schemas.topics import DEAD_LETTERS
from tests.integration.conftest import StartWorker, kill_in_mid_stream
from tests.integration.shoppers import Shoppers, assert_all_answered, assert_first_answers_in_order
from tests.integration.worker_process import Place, wait_until

pytestmark = pytest.mark.integration

SMALL_WINDOWS = {"batch_max_events": "4"}  # many, so that a kill finds some of them under way


def test_every_event_is_predicted_and_counted_once_though_the_worker_is_killed_in_mid_stream(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place)
    kill_in_mid_stream(place, shoppers, start_worker, **SMALL_WINDOWS)
    expected = shoppers.expected()
    wait_until(lambda: len({p.prediction_id for p in place.predictions()}) >= len(expected), "the rest", why=place.logs)
    found = place.predictions()
    assert_all_answered(found, expected)
    assert_first_answers_in_order(found)
    assert place.count(DEAD_LETTERS.name) == 0  # none of them was to blame
