"""How RocksDB is opened: one block cache and one memtable budget for all partitions, whatever their number."""

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBufferManager,
    WriteOptions,
)  # fmt: skip

from streams.errors import StateDamaged

log = logging.getLogger(__name__)
DAMAGED = "DAMAGED"  # a file of this name in the folder says so
NOT_DAMAGE = ("lock", "no space", "permission", "too many open files", "read-only")


class Rocks:
    """Opens databases that share memory. Faust's own default is a 2 GiB block cache per partition."""

    def __init__(self, cache_bytes: int, write_buffer_bytes: int) -> None:
        self._cache = Cache(cache_bytes)
        self._memtables = WriteBufferManager(write_buffer_bytes, False)
        self._memtable_bytes = write_buffer_bytes // 2  # of one partition; the budget of all is the manager's

    def open(self, path: Path) -> Rdict:
        """Open or create the database in that folder; one that is damaged is set aside, and a new one is made.

        Errors: StateDamaged if another process has it open, or the folder cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if (path / DAMAGED).exists():
            self.set_aside(path, (path / DAMAGED).read_text())
        try:
            return Rdict(str(path), self._options())
        except Exception as error:  # rocksdict raises plain Exception
            if not path.exists() or any(cause in str(error).lower() for cause in NOT_DAMAGE):
                raise StateDamaged(
                    f"the state in {path} cannot be opened, and nothing says that it is damaged: {error}. "
                    "Another worker may be using it, or the disk may be full"
                ) from error
            self.set_aside(path, str(error))
        try:
            return Rdict(str(path), self._options())
        except Exception as error:
            raise StateDamaged(f"no state can be written in {path}: {error}") from error

    def set_aside(self, path: Path, reason: str) -> None:
        """Rename the folder of a database that cannot be used, and say so."""
        aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
        path.rename(aside)
        log.error("the state in %s cannot be used (%s): kept as %s, rebuilt from the changelog", path, reason, aside)

    @staticmethod
    def mark_damaged(path: Path, reason: str) -> None:
        """Have the next `open` set this database aside: it is open now, and damage shows only when it is read."""
        with suppress(OSError):
            (path / DAMAGED).write_text(reason)

    def _options(self) -> Options:
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self._cache)
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_bloom_filter(10, False)
        blocks.set_block_size(16 * 1024)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(blocks)
        options.set_write_buffer_manager(self._memtables)
        options.set_write_buffer_size(self._memtable_bytes)
        options.set_level_zero_file_num_compaction_trigger(8)  # recovery is twice as fast as with 4
        options.set_max_background_jobs(2)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_min_level_to_compress(2)  # what is young is rewritten soon; compressing it slows recovery
        options.set_max_open_files(256)
        options.set_keep_log_file_num(2)
        return options


def unlogged() -> WriteOptions:
    """Write options without a write-ahead log, as Kafka Streams writes: the changelog already is one.

    A crash loses what was not flushed, rows and changelog offset alike, and recovery reads it again from that offset.
    """
    options = WriteOptions()
    options.disable_wal = True  # type: ignore[method-assign, assignment]  # a property that the stub calls a method
    return options
