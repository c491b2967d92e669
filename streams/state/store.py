"""The store of one table: a RocksDB per partition (one for all, if the table is global), read and written in bulk."""

import shutil
import threading
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faust.stores.base import Store
from faust.types import TP
from rocksdict import Checkpoint, Rdict, WriteBatch

from streams.errors import ConfigError, StateDamaged
from streams.record import Record
from streams.state.options import Rocks, unlogged
from streams.state.order import UNKNOWN, SourceOffsets, newest

OFFSET_KEY = b"\x00shelfstream.changelog-offset"  # starts with NUL, so no UTF-8 id of a producer comes to it by chance
FLUSH_BYTES = 256 * 1024  # of recovery in one WriteBatch; one of 8 MiB, past the processor's cache, costs twice that


class RowStore(Store[bytes, bytes]):
    """Rows of bytes by key, with the changelog offset they reach up to, in the same atomic write.

    With `source_offsets`, recovery keeps the row that reaches further in the source (streams.state.order).
    """

    def __init__(
        self,
        rocks: Rocks,
        folder: Path,
        *args: Any,
        on_recovered: Callable[[int], None],
        source_offsets: SourceOffsets | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._rocks = rocks
        self._folder = folder
        self._on_recovered = on_recovered
        self._source_offsets = source_offsets
        self._databases: dict[int, Rdict] = {}
        self._copying = threading.Lock()  # no database is closed while a snapshot is made of it
        self._highest: dict[int, int] = {}  # source offset in each partition's rows
        self._unlogged = unlogged()

    # -- the engine's side ---------------------------------------------------------------------------------------------

    def read(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """One multi-get: the stored row of each key, None where there is none. Any thread.

        Errors: StateDamaged if RocksDB cannot read.
        """
        if not keys:
            return []
        try:
            rows: list[bytes | None] = self._database(partition).get(list(keys))  # type: ignore[assignment]
        except Exception as error:  # rocksdict raises plain Exception
            raise self._damaged(partition, "read", error) from error
        return rows

    def keys_of(self, partition: int) -> list[bytes]:
        """The key of every stored row of the partition. Any thread. Errors: StateDamaged."""
        try:
            found: list[bytes] = list(self._database(partition).keys())  # type: ignore[arg-type]  # bytes, in raw mode
        except Exception as error:  # rocksdict raises plain Exception
            raise self._damaged(partition, "read", error) from error
        return [key for key in found if not key.startswith(OFFSET_KEY)]

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Rows of a global table whose keys begin so, by key. Any thread. Errors: StateDamaged."""
        assert self.table.is_global, "of other tables not all partitions are here"
        found: list[tuple[bytes, bytes]] = []
        try:
            for key, row in self._database(0).items(from_key=prefix):
                if not bytes(key).startswith(prefix):  # type: ignore[arg-type]  # bytes, in raw mode
                    break
                found.append((key, row))  # type: ignore[arg-type]
        except Exception as error:  # rocksdict raises plain Exception
            raise self._damaged(0, "read", error) from error
        return found

    def page(self, partition: int, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Up to `limit` stored rows of a partition whose keys come behind `after`, by key. Any thread.

        Errors: StateDamaged.
        """
        found: list[tuple[bytes, bytes]] = []
        try:
            for key, row in self._database(partition).items(from_key=after or None):
                if key != after and not bytes(key).startswith(OFFSET_KEY):  # type: ignore[arg-type]  # bytes: raw mode
                    found.append((key, row))  # type: ignore[arg-type]
                if len(found) == limit:
                    break
        except Exception as error:  # rocksdict raises plain Exception
            raise self._damaged(partition, "read", error) from error
        return found

    def write(self, partition: int, keys: Iterable[bytes], rows: Iterable[bytes | None], offset: int) -> None:
        """Rows (None deletes) and the changelog offset of the last of them, in one WriteBatch. Any thread.

        Errors: StateDamaged if RocksDB cannot write (a full disk, a damaged file).
        """
        given = list(rows)
        if self._source_offsets is not None and given:
            self._raise(partition, max(self._source_offsets(given)))
        batch = WriteBatch(raw_mode=True)
        for key, row in zip(keys, given, strict=True):
            if row is None:
                batch.delete(key)
            else:
                batch.put(key, row)
        if offset >= 0:
            batch.put(self._offset_key(partition), self._position(partition, offset))
        self._apply(partition, batch)

    def close(self) -> None:
        """Flush and close every partition."""
        for number in list(self._databases):
            self._close(number)

    # -- the table manager's side --------------------------------------------------------------------------------------

    def persisted_offset(self, tp: TP) -> int | None:
        """The changelog offset up to which the partition is on disk. A copy that cannot tell is set aside: None."""
        try:
            return self._stored_position(tp.partition)[0]
        except Exception as error:  # rocksdict raises plain Exception
            if "corruption" not in str(error).lower():
                raise self._damaged(tp.partition, "read", error) from error
            self.start_anew(tp.partition, str(error))
            return None

    def apply(self, partition: int, records: Sequence[Record]) -> None:
        """Rows of the changelog, in WriteBatches with their offset. Any one thread."""
        kept, highest = records, -1
        if self._source_offsets is not None:
            before = self._highest_of(partition)
            kept, highest = newest(records, before, self._source_offsets, lambda keys: self.read(partition, keys))
        batch, size = WriteBatch(raw_mode=True), 0
        for record in kept:
            key, value = record.key, record.value
            if key is None:
                continue  # no row of ours: a changelog is compacted, and takes no record without a key
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
                size += len(value)
            if size >= FLUSH_BYTES:
                self._apply(partition, batch)
                batch, size = WriteBatch(raw_mode=True), 0
        self._raise(partition, highest)
        # With the last rows only: a crash before it reads the whole run again, from the same highest offset.
        batch.put(self._offset_key(partition), self._position(partition, records[-1].offset))
        self._apply(partition, batch)
        self._on_recovered(len(records))

    def keep(self, partitions: Container[int]) -> None:
        """Close the databases of all other partitions. A global table is one database and stays open."""
        if not self.table.is_global:
            for number in [number for number in self._databases if number not in partitions]:
                self._close(number)

    def start_anew(self, partition: int, reason: str) -> None:
        """Set the partition's local copy aside; recovery rebuilds it from the changelog. (All of a global table.)"""
        number, path = self._place(partition)
        self._close(number)
        self._rocks.set_aside(path, reason)

    # -- snapshots -----------------------------------------------------------------------------------------------------

    @contextmanager
    def checkpoint(self, partition: int) -> Iterator[tuple[Path, int] | None]:
        """A copy of the partition's database while the block lasts, and the changelog offset that it reaches or passes.

        It takes no space: tables are hard links. None if the partition is not open, or has no offset yet. Any thread.
        Errors: StateDamaged.
        """
        number, path = self._place(partition)
        copy = path.with_name(f"{path.name}.checkpoint")
        shutil.rmtree(copy, ignore_errors=True)  # of a worker that died
        try:
            offset = self._copy(number, partition, copy)
            yield None if offset is None else (copy, offset)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def _copy(self, number: int, partition: int, copy: Path) -> int | None:
        with self._copying:
            database = self._databases.get(number)
            if database is None:
                return None
            try:
                offset = self._stored_position(partition)[0]
                if offset is not None:
                    # Flushed first: a checkpoint would do it too, but hold the interpreter meanwhile.
                    database.flush()
                    Checkpoint(database).create_checkpoint(str(copy))
                return offset
            except Exception as error:  # rocksdict raises plain Exception
                raise self._damaged(partition, "copied", error) from error

    def adopt(self, partition: int, copy: Path) -> None:
        """Take this copy of a database for the partition's own, which has nothing that the changelog has not."""
        number, path = self._place(partition)
        self._close(number)
        shutil.rmtree(path, ignore_errors=True)
        copy.rename(path)

    def place_for_copy(self, partition: int) -> Path:
        """A folder that does not exist, from which `adopt` takes. What earlier ones left is removed."""
        path = self._place(partition)[1]
        for left in path.parent.glob(f"{path.name}.copy-*"):
            shutil.rmtree(left, ignore_errors=True)
        return path.with_name(f"{path.name}.copy-{uuid.uuid4().hex}")

    # -- Faust's side --------------------------------------------------------------------------------------------------

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Remember a changelog offset without rows."""
        self.write(tp.partition, (), (), offset)

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Refused: see `apply`. Errors: NotImplementedError."""
        raise NotImplementedError("changelogs are applied by streams.state.tables, outside the consumer group")

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

    # -- inside --------------------------------------------------------------------------------------------------------

    def _apply(self, partition: int, batch: WriteBatch) -> None:
        try:
            self._database(partition).write(batch, self._unlogged)
        except Exception as error:  # rocksdict raises plain Exception
            raise self._damaged(partition, "written", error) from error

    def _damaged(self, partition: int, done: str, error: Exception) -> StateDamaged:
        if isinstance(error, StateDamaged):
            return error
        path = self._place(partition)[1]
        if "corruption" in str(error).lower():
            self._rocks.mark_damaged(path, str(error))
        return StateDamaged(f"{self.table_name}[{partition}] in {path} cannot be {done}: {error}")

    def _close(self, number: int) -> None:
        with self._copying:
            database = self._databases.pop(number, None)
            if database is not None:
                database.close()
        self._highest.pop(number, None)
        if self.table.is_global:
            self._highest.clear()

    def _highest_of(self, partition: int) -> int:
        if partition not in self._highest:
            self._highest[partition] = self._stored_position(partition)[1]
        return self._highest[partition]

    def _raise(self, partition: int, source_offset: int) -> None:
        if self._source_offsets is not None:
            self._highest[partition] = max(self._highest_of(partition), source_offset)

    def _position(self, partition: int, offset: int) -> bytes:
        """The changelog offset and, where rows tell, the highest source offset up to it."""
        return b"%d" % offset if self._source_offsets is None else b"%d %d" % (offset, self._highest_of(partition))

    def _stored_position(self, partition: int) -> tuple[int | None, int]:
        value = self._database(partition).get(self._offset_key(partition))
        if value is None:
            return None, -1
        offset, *highest = map(int, value.split())
        return offset, highest[0] if highest else UNKNOWN

    def _offset_key(self, partition: int) -> bytes:
        return b"%b-%d" % (OFFSET_KEY, partition)

    def _place(self, partition: int) -> tuple[int, Path]:
        return (0, self._folder / "all") if self.table.is_global else (partition, self._folder / str(partition))

    def _database(self, partition: int) -> Rdict:
        number, path = self._place(partition)
        database = self._databases.get(number)
        if database is None:
            database = self._databases[number] = self._rocks.open(path)
        return database
