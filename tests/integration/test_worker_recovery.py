"""The state folder is gone: the changelog brings it back, and predictions go on as if nothing had happened."""

import shutil

import pytest

from schemas.topics import USER_PREDICTIONS
from tests.integration.conftest import StartWorker
from tests.integration.shoppers import Shoppers, assert_all_answered
from tests.integration.worker_process import Place

pytestmark = pytest.mark.integration


def test_predictions_go_on_from_the_changelog_when_the_state_folder_was_lost(
    place: Place, start_worker: StartWorker
) -> None:
    shoppers = Shoppers(place, users=30)
    shoppers.send(300)
    worker = start_worker()
    place.read(USER_PREDICTIONS.name, 300)
    worker.terminate()
    assert worker.wait(10) == 0
    shutil.rmtree(worker.state)

    shoppers.send(300)
    again = start_worker().wait_ready()
    assert_all_answered(place.predictions(600), shoppers.expected(), once=True)
    recovered = [line for line in again.get("/metrics")[1].splitlines() if "recovered_rows_total{" in line]
    assert any('table="user-state"' in line and float(line.split()[-1]) >= 30 for line in recovered), recovered
