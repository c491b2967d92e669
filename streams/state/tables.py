"""Faust's table manager, with a recovery of its own: state is made ready while the group waits for nothing.

Faust recovers tables through the group's consumer, one event at a time, in a dance of paused partitions, seeks and
flags that a second rebalance can leave half done. Here it is three steps: stop applying, open what is ours, read to the
end.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from faust.tables import TableManager
from faust.types import TP

from streams.errors import StateDamaged
from streams.record import Record
from streams.state.changelog import ChangelogReader
from streams.state.store import RowStore
from streams.state.table import RowTableBase
from streams.transport.client import servers_of

log = logging.getLogger(__name__)


class RowTables(TableManager):
    """Registers tables as Faust's does; `take_over` makes those of an assignment ready."""

    reader: ChangelogReader

    async def on_start(self) -> None:
        """Start the changelog reader. No more tables can be added."""
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        loop = asyncio.get_running_loop()

        def failed(error: BaseException) -> None:
            loop.call_soon_threadsafe(self._failed, error)

        self.reader = ChangelogReader(servers_of(self.app.conf.broker), self._apply, failed)
        self.reader.start()
        self._tables_registered.set()

    async def take_over(self, sources: Iterable[TP], standbys: Iterable[TP]) -> None:
        """Make the state of these source partitions ready, and follow what else this worker keeps.

        `standbys` are changelog partitions to keep warm; of a global table all partitions are followed. May be
        cancelled at any point and called anew. Errors: StateDamaged.
        """
        await self.reader.follow({})  # whatever was read until now is applied, and nothing after it
        owned = set(sources)
        active, passive = self._changelogs_of(owned, set(standbys))
        for table in self._row_tables():
            topic = table.changelog
            table.rows.forget()
            table.store.keep({tp.partition for tp in active | passive if tp.topic == topic})
        ends = await self.reader.ends(active | passive)
        for tp, end in ends.items():
            self._refuse_newer(tp, end)
        starts = {tp: self._start(tp) for tp in ends}
        behind = {tp: ends[tp] for tp in active if starts[tp] < ends[tp]}
        if behind:
            log.info("recovering %d rows of state", sum(end - starts[tp] for tp, end in behind.items()))
        await self.reader.follow(starts)
        await self.reader.reached(behind)
        await self.reader.keep(passive)
        if behind:
            log.info("state is recovered")

    async def on_stop(self) -> None:
        """Stop reading, write what is durable, then close the tables."""
        self.reader.close()
        for table in self._row_tables():
            with suppress(StateDamaged):  # told already, and the changelog has it
                table.rows.flush()
        for table in self.values():
            await table.stop()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Nothing: `take_over` closes what is no longer ours."""

    def _row_tables(self) -> list[RowTableBase]:
        return [table for table in self.values() if isinstance(table, RowTableBase)]

    def _changelogs_of(self, owned: set[TP], standbys: set[TP]) -> tuple[set[TP], set[TP]]:
        """The changelog partitions that our sources write, and those that others write and we follow."""
        active: set[TP] = set()
        passive = {tp for tp in standbys if tp.topic in self._changelogs}  # Faust names standbys of sources too
        for table in self._row_tables():
            active |= {TP(table.changelog, tp.partition) for tp in owned if tp.topic == table.source}
            if table.is_global:
                passive |= {TP(table.changelog, number) for number in range(table.partitions or 0)}
        return active, passive - active

    def _refuse_newer(self, tp: TP, end: int) -> None:
        """State that knows more than its changelog belongs to another topic, or to one that lost records."""
        offset = self._store(tp).persisted_offset(tp)
        if offset is not None and offset >= end:
            self._store(tp).start_anew(
                tp.partition, f"it reaches offset {offset} of {tp.topic}[{tp.partition}], which ends at {end}"
            )

    def _start(self, tp: TP) -> int:
        offset = self._store(tp).persisted_offset(tp)
        return 0 if offset is None else offset + 1

    def _apply(self, tp: TP, records: Any) -> None:
        applied: list[Record] = records
        self._store(tp).apply(tp.partition, applied)

    def _store(self, tp: TP) -> RowStore:
        table = self._changelogs[tp.topic]
        assert isinstance(table, RowTableBase)
        return table.store

    def _failed(self, error: BaseException) -> None:
        self.add_future(self.crash(error))
