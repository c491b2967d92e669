"""A worker that is stopped for longer than its session, as in a pause of its machine, and wakes beside its successor.

At least once: it may repeat outputs that were on their way, with equal content; it writes no row after its successor's.
"""

import numpy as np
import pytest

from schemas.state import ROW_HEADER, ROW_HEADER_BYTES
from schemas.topics import USER_PREDICTIONS, USER_STATE
from tests.integration.conftest import StartWorker
from tests.integration.shoppers import Shoppers, assert_all_answered
from tests.integration.worker_process import Place, wait_until

pytestmark = pytest.mark.integration

EVENTS = 1_000
SMALL_WINDOWS = {"batch_max_events": "4"}  # many, so that the pause finds some of them under way


def offsets_of_rows(place: Place) -> dict[bytes, list[int]]:
    """By user, the source offsets that the rows of the changelog count as done, in the order they were written."""
    found: dict[bytes, list[int]] = {}
    for record in place.read(USER_STATE.name):
        (offset,) = np.frombuffer((record.value or b"")[:ROW_HEADER_BYTES], ROW_HEADER)["offset"].tolist()
        found.setdefault(record.key or b"", []).append(offset)
    return found


def test_it_writes_no_row_after_its_successor_and_all_is_answered(place: Place, start_worker: StartWorker) -> None:
    shoppers = Shoppers(place)
    sleeper = start_worker("sleeper", **SMALL_WINDOWS).wait_ready()
    shoppers.send(EVENTS)
    wait_until(lambda: place.count(USER_PREDICTIONS.name) >= EVENTS // 5, "answers", why=place.logs)
    sleeper.stop()
    other = start_worker("other", **SMALL_WINDOWS)
    shoppers.send(EVENTS)
    wait_until(lambda: len({p.prediction_id for p in place.predictions()}) == 2 * EVENTS, "the rest", why=place.logs)
    sleeper.go_on()
    shoppers.send(100)
    wait_until(
        lambda: len({p.prediction_id for p in place.predictions()}) == 2 * EVENTS + 100, "the last", why=place.logs
    )
    assert_all_answered(place.predictions(), shoppers.expected())
    for offsets in offsets_of_rows(place).values():
        assert offsets == sorted(set(offsets)), f"{offsets}\n{place.logs()}"
    assert other.alive()
