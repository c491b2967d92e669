"""How RocksDB is opened: one block cache and one memtable budget for all partitions, whatever their number."""

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


class Rocks:
    """Opens databases that share memory. Faust's own default is a 2 GiB block cache per partition."""

    def __init__(self, cache_bytes: int, write_buffer_bytes: int) -> None:
        self._cache = Cache(cache_bytes)
        self._memtables = WriteBufferManager(write_buffer_bytes, False)
        self._memtable_bytes = write_buffer_bytes // 2  # of one partition; the budget of all is the manager's

    def open(self, path: Path) -> Rdict:
        """Open or create the database in that folder. Errors: StateDamaged, with the folder to remove."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return Rdict(str(path), self._options())
        except Exception as error:  # rocksdict raises plain Exception
            raise StateDamaged(
                f"the state in {path} cannot be opened: {error}. Another worker may be using it; "
                "if not, remove the folder and the worker rebuilds it from the changelog"
            ) from error

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
