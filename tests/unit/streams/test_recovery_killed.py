"""SIGKILL amid a recovery: what is on disk is a beginning of the changelog, and reading on makes it whole."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.state import ROW_FORMAT, source_offsets
from streams.state.options import Rocks
from streams.state.store import RowStore
from tests.unit.streams.making import record

MIB = 1024 * 1024
LOG = TP("user-state", 0)
RUNS, RUN_ROWS, KEYS = 150, 200, 5_000


def open_store(folder: Path) -> RowStore:
    """With memtables of 4 MiB, so that some are flushed before the kill."""
    table: Any = SimpleNamespace(is_global=False, name="rows")
    app: Any = SimpleNamespace(conf=SimpleNamespace(), loop=None)
    return RowStore(
        Rocks(8 * MIB, 8 * MIB), folder, "rocksdb://", app, table,
        on_recovered=lambda _: None, source_offsets=source_offsets,
    )  # fmt: skip


def changelog() -> list[ConsumerRecord]:
    """Rows of 2 KB, a tenth of them deletions, a few of a zombie: older than what is before them."""
    random, found = Random(7), []
    for offset in range(RUNS * RUN_ROWS):
        key, drawn = b"user-%d" % random.randrange(KEYS), random.random()
        source = offset if drawn > 0.02 else max(0, offset - 1_000)
        row = bytes((ROW_FORMAT, 0, 0, 0)) + b"mod." + source.to_bytes(8, "little") + random.randbytes(2_000)
        found.append(record(LOG, offset, key, None if drawn > 0.9 else row))
    return found


def runs(records: Sequence[ConsumerRecord], start: int) -> Iterator[Sequence[ConsumerRecord]]:
    """From this offset on, as fetches bring them."""
    for first in range(start, len(records), RUN_ROWS):
        yield records[first : first + RUN_ROWS]


def expected(records: Sequence[ConsumerRecord]) -> dict[bytes, bytes | None]:
    """The rows after all of it, each looked at."""
    found: dict[bytes, bytes | None] = {}
    for one in records:
        before, after = source_offsets([found.get(one.key), one.value])
        if after < 0 or after >= before:
            found[one.key] = one.value
    return found


@pytest.mark.parametrize("killed_after", [40, 90, 140])
def test_reading_on_after_a_kill_gives_every_row(tmp_path: Path, killed_after: int) -> None:
    with subprocess.Popen([sys.executable, "-m", __name__, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= killed_after:
                break
        child.send_signal(signal.SIGKILL)
    records, store = changelog(), open_store(tmp_path / "rows")
    reached = store.persisted_offset(LOG)
    assert reached is not None
    assert killed_after * RUN_ROWS // 2 < reached < len(records) - 1
    for run in runs(records, reached + 1):
        store.apply(0, run)
    rows = expected(records)
    assert dict(zip(rows, store.read(0, list(rows)), strict=True)) == rows
    store.close()


if __name__ == "__main__":
    child_store = open_store(Path(sys.argv[1]) / "rows")
    for number, run in enumerate(runs(changelog(), 0)):
        child_store.apply(0, run)
        print(number, flush=True)
    time.sleep(60)
