"""Reads partitions from their leaders as runs of records, with one request under way to each broker.

Made for two readers: the group's consumer, and the follower of changelogs. Compared with aiokafka's fetcher, a
partition that is held back (its agent has enough to do) does not slow the others, a fetch costs a fraction of the
Python, and records stay as the C extension made them.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    for_code,
)  # fmt: skip
from faust.types import TP

from streams.errors import ClusterError
from streams.record import Record
from streams.transport.client import KafkaClient, hang_up
from streams.transport.frames import read_in_frames
from streams.transport.offsets import EARLIEST, list_offsets
from streams.transport.records import read_records
from streams.transport.wire import Fetched, FetchRequest, FetchResponse

log = logging.getLogger(__name__)

Deliver = Callable[[TP, Sequence[Record]], Awaitable[None]]
HELD_WAIT_MS = 5  # of a fetch that leaves partitions out: they may be wanted again before it is answered
LOOK_AGAIN_S = 0.5  # for leaders that moved
BACKOFF_S = 0.2
ANSWER_S = 10.0  # a broker that takes longer is not there: the connection is made anew


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Sizes and waits of a fetch. A broker answers when there are `min_bytes` or after `wait_ms`."""

    wait_ms: int
    min_bytes: int = 1
    partition_bytes: int = 256 * 1024
    max_bytes: int = 2 * 1024 * 1024
    committed_only: bool = False
    in_frames: bool = False  # see streams.transport.frames: for fetches of megabytes


@dataclass(frozen=True, slots=True)
class _Run:
    tp: TP
    records: Sequence[Record]
    following: int


class RunFetcher:
    """Fetches from `assign`ed offsets on and awaits `deliver` for each run, in offset order within a partition.

    A partition for which `wanted` is false is left out until `wake` is called. All methods belong to one event loop.
    """

    def __init__(
        self,
        client: KafkaClient,
        options: FetchOptions,
        deliver: Deliver,
        wanted: Callable[[TP], bool] = lambda tp: True,
    ) -> None:
        self._client = client
        self._options = options
        self._deliver = deliver
        self._wanted = wanted
        self._positions: dict[TP, int] = {}
        self._delivered: dict[TP, int] = {}
        self._highwaters: dict[TP, int] = {}
        self._heard: dict[TP, float] = {}
        self._brokers: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._turn = 0
        self._answered_at = time.monotonic()

    def assign(self, offsets: Mapping[TP, int]) -> None:
        """Read these partitions from these offsets on, and no others. What is under way for others is dropped."""
        self._positions = dict(offsets)
        self._delivered = dict(offsets)
        self._heard = dict.fromkeys(offsets, time.monotonic())
        self._highwaters = {tp: known for tp, known in self._highwaters.items() if tp in offsets}
        self._changed.set()
        self.wake()

    def wake(self) -> None:
        """A partition may be wanted again."""
        self._room.set()

    def delivered(self, tp: TP) -> int:
        """All records before this offset were delivered; -1 if the partition is not read."""
        return self._delivered.get(tp, -1)

    def highwater(self, tp: TP) -> int | None:
        """The offset after the partition's last record, as of the last fetch (the last stable one, if asked so)."""
        return self._highwaters.get(tp)

    def silent_s(self) -> float:
        """Seconds since a broker last answered a fetch; 0 while there is nothing to ask."""
        if not any(self._wanted(tp) for tp in list(self._positions)):
            self._answered_at = time.monotonic()
        return time.monotonic() - self._answered_at

    def unheard_s(self) -> dict[TP, float]:
        """Of each partition that is read, the seconds since its leader answered about it; 0 while it is held back."""
        now = time.monotonic()
        for tp in self._positions:
            if not self._wanted(tp):
                self._heard[tp] = now
        return {tp: now - self._heard[tp] for tp in self._positions}

    async def run(self) -> None:
        """Fetch until cancelled. Errors: ClusterError where trying again is no use."""
        try:
            while True:
                self._changed.clear()
                await self._start_brokers()
                changed = asyncio.ensure_future(self._changed.wait())
                done, _ = await asyncio.wait(
                    {changed, *self._brokers.values()}, timeout=LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
                )
                changed.cancel()
                for node, task in list(self._brokers.items()):
                    if task in done:
                        del self._brokers[node]
                        task.result()
        finally:
            for task in self._brokers.values():
                task.cancel()
            await asyncio.gather(*self._brokers.values(), return_exceptions=True)
            self._brokers.clear()

    async def _start_brokers(self) -> None:
        leaders = {self._leader(tp) for tp in self._positions}
        if None in leaders:
            with suppress(KafkaError):
                await asyncio.gather(*(self._client.add_topic(tp.topic) for tp in self._positions))
                await self._client.force_metadata_update()
            leaders = {self._leader(tp) for tp in self._positions}
        for node in leaders - self._brokers.keys():
            if node is not None:
                self._brokers[node] = asyncio.ensure_future(self._read(node))

    def _leader(self, tp: TP) -> int | None:
        leader: int | None = self._client.cluster.leader_for_partition(tp)
        return None if leader is None or leader < 0 else leader

    async def _read(self, node: int) -> None:
        """Fetch from one broker as long as it leads any of our partitions."""
        runs: list[_Run] = []
        while True:
            asked, wait_ms = self._next(node)
            if asked:
                # The broker works on the next fetch while this one's runs are delivered.
                answer = asyncio.ensure_future(self._send(node, asked, wait_ms))
                try:
                    await self._deliver_all(runs)
                    response = await answer
                finally:
                    answer.cancel()
                runs = await self._accept(response, asked)
            else:
                await self._deliver_all(runs)
                runs = []
                if all(self._leader(tp) != node for tp in self._positions):
                    return
                self._room.clear()
                if not self._next(node)[0]:
                    await self._room.wait()

    def _next(self, node: int) -> tuple[dict[TP, int], int]:
        mine = [tp for tp in self._positions if self._leader(tp) == node]
        wanted = [tp for tp in mine if self._wanted(tp)]
        if wanted:  # a broker fills its answer in this order, so each partition comes first in its turn
            self._turn = (self._turn + 1) % len(wanted)
            wanted = wanted[self._turn :] + wanted[: self._turn]
        wait_ms = self._options.wait_ms if len(wanted) == len(mine) else min(HELD_WAIT_MS, self._options.wait_ms)
        return {tp: self._positions[tp] for tp in wanted}, wait_ms

    async def _send(self, node: int, asked: Mapping[TP, int], wait_ms: int) -> FetchResponse | None:
        options = self._options
        request = FetchRequest(
            asked,
            wait_ms=wait_ms,
            min_bytes=options.min_bytes,
            partition_bytes=options.partition_bytes,
            max_bytes=options.max_bytes,
            committed_only=options.committed_only,
        )
        try:
            if options.in_frames:
                await read_in_frames(self._client, node)
            async with asyncio.timeout(ANSWER_S + wait_ms / 1000):
                response: FetchResponse = await self._client.send(node, request)
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("broker %d did not answer a fetch (%r); trying again", node, error)
            hang_up(self._client, node)
            self._client.force_metadata_update()
            await asyncio.sleep(BACKOFF_S)
            return None
        self._answered_at = time.monotonic()
        return response

    async def _accept(self, response: FetchResponse | None, asked: Mapping[TP, int]) -> list[_Run]:
        """The runs of a response; positions move past them."""
        runs: list[_Run] = []
        now = time.monotonic()
        for part in response.partitions() if response else ():
            start = asked[part.tp]
            if self._positions.get(part.tp) != start:
                continue  # reassigned while it was under way
            if part.error_code:
                await self._handle(part, start)
                continue
            self._heard[part.tp] = now
            self._highwaters[part.tp] = part.stable if self._options.committed_only else part.highwater
            if part.records:
                try:
                    records, following = read_records(
                        part.records, start, part.aborted, committed_only=self._options.committed_only
                    )
                except CorruptRecordException as error:
                    log.error("%s[%d]: %s; fetching it again", part.tp.topic, part.tp.partition, error)
                    await asyncio.sleep(BACKOFF_S)
                    continue
                self._positions[part.tp] = following
                runs.append(_Run(part.tp, records, following))
        return runs

    async def _handle(self, part: Fetched, start: int) -> None:
        error = for_code(part.error_code)
        where = f"{part.tp.topic}[{part.tp.partition}]"
        if error is TopicAuthorizationFailedError:
            raise ClusterError(f"this client may not read {part.tp.topic}: give it READ on the topic")
        if error is OffsetOutOfRangeError:
            first = (await list_offsets(self._client, [part.tp], EARLIEST))[part.tp]
            if self._positions.get(part.tp) == start:
                log.warning(
                    "%s has no offset %d any more (retention removed it, or the topic was made anew); going on at %d",
                    where, start, first,
                )  # fmt: skip
                self._positions[part.tp] = self._delivered[part.tp] = first
            return
        log.info("%s: %s; looking for its leader", where, error.__name__)
        await asyncio.sleep(BACKOFF_S)
        with suppress(KafkaError):
            await self._client.force_metadata_update()

    async def _deliver_all(self, runs: Sequence[_Run]) -> None:
        for run in runs:
            if run.records:
                await self._deliver(run.tp, run.records)
            if run.tp in self._delivered:
                self._delivered[run.tp] = run.following
