"""The store of one table: a RocksDB per partition (one for all, if the table is global), read and written in bulk."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from faust.stores.base import Store
from faust.types import TP, EventT
from rocksdict import Rdict, WriteBatch

from streams.errors import ConfigError, StateDamaged
from streams.state.options import Rocks, unlogged
from streams.transport.runs import RecordRun, run_of

OFFSET_KEY = b"\x00shelfstream.changelog-offset"  # starts with NUL, so no UTF-8 id of a producer comes to it by chance
FLUSH_BYTES = 8 * 1024 * 1024  # of recovery in one WriteBatch: bounds its memory


class RowStore(Store[bytes, bytes]):
    """Rows of bytes by key, with the changelog offset they reach up to, in the same atomic write."""

    def __init__(
        self, rocks: Rocks, folder: Path, source: str, *args: Any, on_recovered: Callable[[int], None], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._rocks = rocks
        self._folder = folder
        self._on_recovered = on_recovered
        self._databases: dict[int, Rdict] = {}
        self._unlogged = unlogged()
        self._source = source
        self._written_here: set[int] = set()

    # -- the engine's side -------------------------------------------------------------------------------------------

    def read(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """One multi-get: the stored row of each key, None where there is none. Any thread."""
        rows: list[bytes | None] = self._database(partition).get(list(keys)) if keys else []  # type: ignore[assignment]
        return rows

    def write(self, partition: int, keys: Iterable[bytes], rows: Iterable[bytes | None], offset: int) -> None:
        """Rows (None deletes) and the changelog offset of the last of them, in one WriteBatch. Any thread.

        Errors: StateDamaged if RocksDB cannot write (a full disk, a damaged file).
        """
        batch = WriteBatch(raw_mode=True)
        for key, row in zip(keys, rows, strict=True):
            if row is None:
                batch.delete(key)
            else:
                batch.put(key, row)
        if offset >= 0:
            batch.put(self._offset_key(partition), b"%d" % offset)
        self._apply(partition, batch)

    def close(self) -> None:
        """Flush and close every partition."""
        while self._databases:
            self._databases.popitem()[1].close()

    # -- Faust's side ------------------------------------------------------------------------------------------------

    def persisted_offset(self, tp: TP) -> int | None:
        """The changelog offset up to which the partition is on disk."""
        value = self._database(tp.partition).get(self._offset_key(tp.partition))
        return None if value is None else int(value)

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Remember a changelog offset without rows."""
        self.write(tp.partition, (), (), offset)

    def apply_changelog_batch(
        self, batch: Iterable[EventT[Any]], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Runs of the changelog, each in few WriteBatches with their offset. A worker's own writes are left out."""
        for event in batch:
            run = run_of(event.message)
            if run.tp.partition in self._written_here and not self.app.in_recovery:
                continue  # echoed by Kafka after we wrote it; applying it could put an older row over a newer one
            self._apply_run(run)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Close what we no longer own; what is new opens when it is first read."""
        self._written_here = {tp.partition for tp in assigned if tp.topic == self._source}
        if not self.table.is_global:
            held = {tp.partition for tp in assigned if tp.topic in self.table.changelog_topic.topics}
            for partition in [number for number in self._databases if number not in held]:
                self._databases.pop(partition).close()

    async def need_active_standby_for(self, tp: TP) -> bool:
        """Always: each worker has a state folder of its own."""
        return True

    async def on_stop(self) -> None:
        """Flush and close."""
        self.close()

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Refused: the changelog is the backup. Errors: ConfigError."""
        raise ConfigError(f"{self.table_name} is not backed up locally; its changelog topic holds every row")

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Refused: remove the state folder and the worker rebuilds it. Errors: ConfigError."""
        raise ConfigError(f"{self.table_name} has no local backup; remove {self._folder} to rebuild it")

    def reset_state(self) -> None:
        """Remove the local copy; the changelog keeps the rows."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _apply_run(self, run: RecordRun) -> None:
        batch, size = WriteBatch(raw_mode=True), 0
        for record in run.records:
            if record.value is None:
                batch.delete(record.key)
            else:
                batch.put(record.key, record.value)
                size += len(record.value)
            if size >= FLUSH_BYTES:
                batch.put(self._offset_key(run.tp.partition), b"%d" % record.offset)
                self._apply(run.tp.partition, batch)
                batch, size = WriteBatch(raw_mode=True), 0
        batch.put(self._offset_key(run.tp.partition), b"%d" % run.records[-1].offset)
        self._apply(run.tp.partition, batch)
        self._on_recovered(len(run.records))

    def _apply(self, partition: int, batch: WriteBatch) -> None:
        try:
            self._database(partition).write(batch, self._unlogged)
        except Exception as error:  # rocksdict raises plain Exception
            where = f"{self.table_name}[{partition}] in {self._folder}"
            raise StateDamaged(f"{where} cannot be written: {error}") from error

    def _offset_key(self, partition: int) -> bytes:
        return b"%b-%d" % (OFFSET_KEY, partition)

    def _database(self, partition: int) -> Rdict:
        number = 0 if self.table.is_global else partition
        database = self._databases.get(number)
        if database is None:
            name = "all" if self.table.is_global else str(partition)
            database = self._databases[number] = self._rocks.open(self._folder / name)
        return database
