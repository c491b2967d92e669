"""The state folder is gone: the changelog brings it back, and predictions go on as if nothing had happened."""

import shutil
from pathlib import Path

import pytest

from schemas.topics import USER_PREDICTIONS, USER_STATE
from tests.integration.conftest import StartWorker
from tests.integration.shoppers import Shoppers, assert_all_answered
from tests.integration.worker_process import Place, Worker, wait_until

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
    assert recovered(again) >= 30


def test_with_a_snapshot_only_the_rest_of_the_changelog_is_read(
    place: Place, start_worker: StartWorker, tmp_path: Path
) -> None:
    shared = {"state_snapshot_dir": str(tmp_path / "shared"), "state_snapshot_interval_s": "0.5"}
    shoppers = Shoppers(place, users=30)
    shoppers.send(300)
    worker = start_worker(**shared)
    place.read(USER_PREDICTIONS.name, 300)
    wait_until(lambda: sum(place.committed("user-behaviour")) == 300, "all answered", why=place.logs)
    ends = place.ends(USER_STATE.name)
    folders = [tmp_path / "shared" / place.topic(USER_STATE.name) / str(number) for number in range(place.partitions)]
    wait_until(lambda: [newest_offset(path) + 1 for path in folders] == ends, "snapshots of all rows", why=place.logs)
    worker.kill()

    shoppers.send(100)
    later = start_worker()  # takes none
    place.read(USER_PREDICTIONS.name, 400)
    wait_until(lambda: sum(place.committed("user-behaviour")) == 400, "all answered", why=place.logs)
    later.terminate()
    assert later.wait(10) == 0
    rest = place.count(USER_STATE.name) - sum(ends)
    shutil.rmtree(later.state)

    shoppers.send(100)
    again = start_worker(**shared).wait_ready()
    assert_all_answered(place.predictions(500), shoppers.expected(), once=True)
    assert 0 < recovered(again) == rest < sum(ends), again.tail()
    assert again.tail(400).count("begins from a snapshot") == place.partitions


def recovered(worker: Worker) -> float:
    """Rows of user state that this worker took from the changelog."""
    lines = worker.get("/metrics")[1].splitlines()
    found = [line for line in lines if line.startswith('shelfstream_recovered_rows_total{table="user-state"')]
    return sum(float(line.split()[-1]) for line in found)


def newest_offset(folder: Path) -> int:
    """Of a partition's snapshots, -1 while there is none."""
    return max((int(path.name.split("-")[1]) for path in folder.glob("[0-9]*-*")), default=-1)
