"""Reads changelogs into their stores, on a thread of its own: recovery, standbys, the tables that every worker holds.

It has a client of its own, outside the consumer group, as Kafka Streams has its restore consumer: what it reads can
change at any time without a rebalance, and a long recovery holds up neither the app's event loop nor its heartbeats.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from faust.types import TP

from streams.record import Record
from streams.transport.client import KafkaClient, connect
from streams.transport.fetcher import FetchOptions, RunFetcher
from streams.transport.offsets import LATEST, list_offsets

log = logging.getLogger(__name__)

T = TypeVar("T")
Apply = Callable[[TP, Sequence[Record]], None]
LOOK_S = 0.005
# Only what was committed: a transaction that was aborted must not become state.
OPTIONS = FetchOptions(
    wait_ms=100, partition_bytes=2 * 1024 * 1024, max_bytes=16 * 1024 * 1024, committed_only=True
)  # fmt: skip


class ChangelogReader:
    """Follows changelog partitions and applies their records with `apply`, which runs on the reader's thread.

    `on_failure` is called, on that thread, if reading or applying fails for good.
    """

    def __init__(self, servers: Sequence[str], apply: Apply, on_failure: Callable[[BaseException], None]) -> None:
        self._servers = list(servers)
        self._apply = apply
        self._on_failure = on_failure
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="changelogs", daemon=True)
        self._client: KafkaClient
        self._fetcher: RunFetcher
        self._followed: frozenset[TP] = frozenset()
        self._ready = asyncio.Event()

    def start(self) -> None:
        """Start the thread; it connects when first asked."""
        self._thread.start()

    async def ends(self, tps: Iterable[TP]) -> dict[TP, int]:
        """The offset after the last record of each partition, committed or in a transaction that is still open.

        A reader of committed records reaches it once those transactions are ended, and has all of what they commit.
        """
        return await self._there(self._ends(list(tps)))

    async def follow(self, starts: Mapping[TP, int]) -> None:
        """Read these partitions from these offsets on, and no others; once it returns, no other is applied."""
        await self._there(self._follow(dict(starts)))

    async def keep(self, tps: Iterable[TP]) -> None:
        """Of the partitions that are followed, go on with these only."""
        await self._there(self._keep(frozenset(tps)))

    async def reached(self, ends: Mapping[TP, int]) -> None:
        """Wait until everything before these offsets is applied."""
        await self._there(self._reached(dict(ends)))

    def lags(self) -> dict[TP, int]:
        """How many records each followed partition is behind, as of its last fetch. Any thread."""
        followed, fetcher = self._followed, self._fetcher
        return {tp: max(0, (fetcher.highwater(tp) or 0) - fetcher.delivered(tp)) for tp in followed}

    def close(self) -> None:
        """Stop the thread and wait for it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    # -- on the reader's thread ----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        fetching = loop.create_task(self._fetch())
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        if fetching.done() and self._ready.is_set():
            loop.run_until_complete(self._client.close())
        loop.close()

    async def _fetch(self) -> None:
        try:
            self._client = await connect(self._servers, "shelfstream-changelogs")
            self._fetcher = RunFetcher(self._client, OPTIONS, self._deliver)
            self._ready.set()
            await self._fetcher.run()
        except Exception as error:  # noqa: BLE001  # whatever it is, state would silently fall behind
            self._on_failure(error)

    async def _deliver(self, tp: TP, records: Sequence[Record]) -> None:
        if tp in self._followed:
            self._apply(tp, records)

    async def _ends(self, tps: Sequence[TP]) -> dict[TP, int]:
        await self._ready.wait()
        return await list_offsets(self._client, tps, LATEST) if tps else {}

    async def _follow(self, starts: dict[TP, int]) -> None:
        await self._ready.wait()
        self._followed = frozenset(starts)
        self._fetcher.assign(starts)

    async def _keep(self, tps: frozenset[TP]) -> None:
        await self._ready.wait()
        starts = {tp: self._fetcher.delivered(tp) for tp in tps & self._followed}
        await self._follow(starts)

    async def _reached(self, ends: dict[TP, int]) -> None:
        await self._ready.wait()
        while any(self._fetcher.delivered(tp) < end for tp, end in ends.items()):
            await asyncio.sleep(LOOK_S)

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it on the reader's loop and wait for it on this one."""
        running: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return await asyncio.wrap_future(running)
