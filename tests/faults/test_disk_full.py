"""The disk under RocksDB is full: the worker ends, and with more room the next one goes on from what is there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.predict import load_behaviour
from models.registry import shipped
from tests.faults.cluster import Cluster
from tests.faults.conftest import Judge, MakeStage
from tests.faults.small_disk import SmallDisk

pytestmark = [pytest.mark.faults, pytest.mark.long]

MIB = 24
MORE_MIB = 512
MANY = {"users": 5_000, "pace": 2_000}  # rows enough to be written while the worker runs: a new user with each event
SMALL_MEMORY = {"state_write_buffer_bytes": str(8 * 2**20), "state_row_cache_bytes": "0", "batch_max_events": "512"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk for the state folder of the worker `one`."""
    try:
        made = SmallDisk(tmp_path / "one" / "state", MIB)
    except OSError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_counted_twice_when_the_disk_is_full(
    make_stage: MakeStage, one_broker: Cluster, judge: Judge, disk: SmallDisk
) -> None:
    model = load_behaviour()
    stage = make_stage(one_broker, models={model.info.version: model}, artifact=shipped("behaviour"), **MANY)
    worker = stage.start_worker(prefix=disk.prefix, **SMALL_MEMORY).wait_ready()
    stage.load.start()
    stage.wait_answered(500)
    disk.fill()
    assert worker.wait(120) == 1
    assert "No space left on device" in worker.tail()
    stage.load.pace = 200
    disk.enlarge(MORE_MIB)
    mark = stage.watcher.mark()
    stage.start_worker(prefix=disk.prefix, **SMALL_MEMORY)
    recovered = stage.recovered(mark)
    judge(stage.finish("disk full under RocksDB", 1, [recovered]))
