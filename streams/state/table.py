"""Faust tables whose rows are bytes in a `RowStore`: assigned like Faust's own, read and written in bulk."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import faust
from faust.tables.globaltable import GlobalTable
from faust.tables.table import Table

from streams.state.options import Rocks
from streams.state.order import SourceOffsets
from streams.state.rows import Rows
from streams.state.store import RowStore


class RowTableBase(Table[bytes, bytes]):
    def __init__(
        self,
        *args: Any,
        rocks: Rocks,
        folder: Path,
        source: str,
        row_cache_bytes: int,
        on_recovered: Callable[[int], None],
        source_offsets: SourceOffsets | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, key_type=bytes, value_type=bytes, **kwargs)
        self.source = source
        self._rocks = rocks
        self._folder = folder
        self._on_recovered = on_recovered
        self._source_offsets = source_offsets
        self._row_cache_bytes = row_cache_bytes

    def _new_store(self) -> RowStore:
        folder = self._folder / self.name
        return RowStore(
            self._rocks, folder, "rocksdb://", self.app, self,
            on_recovered=self._on_recovered, source_offsets=self._source_offsets,
        )  # fmt: skip

    def _changelog_topic_name(self) -> str:
        name: str = self.changelog_topic.get_topic_name()  # Faust's assignor asks here, not the topic itself
        return name

    @property
    def changelog(self) -> str:
        """The cluster's name of the changelog topic."""
        return self._changelog_topic_name()

    @property
    def store(self) -> RowStore:
        """RocksDB."""
        assert isinstance(self.data, RowStore)
        return self.data

    @cached_property
    def rows(self) -> Rows:
        """What the engine reads and writes."""
        store = self.store
        return Rows(
            store.read,
            store.write,
            self._row_cache_bytes,
            shared=self.is_global,
            scan=store.scan,
            keys=store.keys_of,
            page=store.page,
        )


class RowTable(RowTableBase):
    """Rows of the partitions that this worker is assigned."""


class GlobalRowTable(RowTableBase, GlobalTable):
    """Rows of all partitions, on every worker."""


def declare(
    app: faust.App, table: type[RowTableBase], name: str, source: str, changelog: str, *,
    partitions: int, rocks: Rocks, folder: Path, row_cache_bytes: int, on_recovered: Callable[[int], None],
    source_offsets: SourceOffsets | None = None,
) -> Any:  # fmt: skip
    """Register a table that the agent of the topic `source` writes.

    Its changelog topic must exist and have as many partitions as the source.
    With `source_offsets`, recovery keeps the row that reaches further in the source, whichever is last.
    """
    is_global = issubclass(table, GlobalTable)
    made = table(
        app,
        name=name,
        rocks=rocks,
        folder=folder,
        source=source,
        row_cache_bytes=row_cache_bytes,
        on_recovered=on_recovered,
        source_offsets=source_offsets,
        partitions=partitions,
        is_global=is_global,
        changelog_topic=app.topic(
            changelog, partitions=partitions, key_type=bytes, value_type=bytes, key_serializer="raw",
            value_serializer="raw", compacting=True, deleting=False, acks=False, internal=True,
        ),
    )  # fmt: skip
    return app.tables.add(made)
