"""The fetcher between a made-up cluster and a reader: order, held partitions, moved leaders, lost offsets."""

import asyncio
import struct
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest_v10, FetchResponse_v10
from aiokafka.protocol.offset import OffsetResponse_v1
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.types import TP

from streams.errors import ClusterError
from streams.record import Record
from streams.transport.fetcher import FetchOptions, RunFetcher
from streams.transport.wire import FetchResponse

A, B = TP("events", 0), TP("events", 1)
LIMIT_S = 5
OUT_OF_RANGE, NOT_LEADER, NOT_AUTHORIZED = 1, 6, 29


class Cluster:
    """Logs of a few records, two at most in an answer, and what can go wrong on the way; stands in for the client."""

    def __init__(self, *tps: TP) -> None:
        self.logs = {tp: list(range(10)) for tp in tps}
        self.leaders = dict.fromkeys(tps, 1)
        self.first = dict.fromkeys(tps, 0)
        self.errors: dict[TP, list[int]] = {tp: [] for tp in tps}
        self.drops = 0
        self.asked: Counter[TP] = Counter()
        self.cluster = SimpleNamespace(
            leader_for_partition=self.leaders.get, partitions_for_topic=lambda topic: {tp.partition for tp in tps}
        )
        self._conns: dict[Any, Any] = {}

    async def add_topic(self, topic: str) -> None:
        """Known already."""

    def force_metadata_update(self) -> "asyncio.Future[bool]":
        """At once."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done

    async def send(self, node: int, request: Any) -> Any:
        """Answer a fetch or a question for offsets."""
        if request.API_KEY == 2:
            topics = [("events", [(number, 0, -1, self.first[TP("events", number)]) for number, _ in parts])
                      for _, parts in request._topics]  # fmt: skip
            return OffsetResponse_v1(topics)
        read = FetchRequest_v10.decode(BytesIO(request.prepare({1: (10, 10)}).encode()))
        if self.drops:
            self.drops -= 1
            raise KafkaConnectionError("the line was cut")
        await asyncio.sleep(0.001)
        parts = [
            self._answer(TP(topic, number), offset) for topic, asked in read.topics for number, _, offset, *_ in asked
        ]
        return FetchResponse.decode(FetchResponse_v10(0, 0, 0, [("events", parts)]).encode())

    def _answer(self, tp: TP, offset: int) -> tuple[Any, ...]:
        self.asked[tp] += 1
        code = self.errors[tp].pop(0) if self.errors[tp] else 0
        if not code and offset < self.first[tp]:
            code = OUT_OF_RANGE
        values = [] if code else self.logs[tp][offset : offset + 2]
        return (tp.partition, code, len(self.logs[tp]), len(self.logs[tp]), 0, [], _batch(offset, values))


def _batch(first: int, values: Sequence[int]) -> bytes | None:
    if not values:
        return None
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, 0, 1 << 16)
    for i, value in enumerate(values):
        builder.append(i, timestamp=1, key=b"k", value=b"%d" % value, headers=[])
    raw = bytearray(builder.build())
    raw[:8] = struct.pack(">q", first)
    return bytes(raw)


class Reader:
    """Runs a fetcher and keeps what it delivers."""

    def __init__(self, cluster: Cluster, wanted: Callable[[TP], bool] = lambda tp: True) -> None:
        self.got: dict[TP, list[int]] = {tp: [] for tp in cluster.logs}
        self.fetcher = RunFetcher(cluster, FetchOptions(wait_ms=1), self.deliver, wanted)  # type: ignore[arg-type]

    async def deliver(self, tp: TP, records: Sequence[Record]) -> None:
        """As an agent."""
        self.got[tp] += [record.offset for record in records]


def run(scene: Callable[[Reader], Coroutine[Any, Any, None]], reader: Reader) -> None:
    """Play the scene while the fetcher runs, within a limit, so that a hang is a failure."""

    async def main() -> None:
        fetching = asyncio.ensure_future(reader.fetcher.run())
        playing = asyncio.ensure_future(scene(reader))
        done, _ = await asyncio.wait({fetching, playing}, return_when=asyncio.FIRST_COMPLETED)
        for task in (fetching, playing):
            if task not in done:
                task.cancel()
        await asyncio.gather(*done)

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    while not condition():
        await asyncio.sleep(0.001)


ALL = list(range(10))


def test_every_record_comes_once_and_in_order_from_where_it_was_asked() -> None:
    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0, B: 7})
        await until(lambda: reader.got == {A: ALL, B: [7, 8, 9]})
        assert (reader.fetcher.delivered(A), reader.fetcher.highwater(A)) == (10, 10)

    run(scene, Reader(Cluster(A, B)))


def test_a_held_partition_is_left_out_without_slowing_the_other_and_comes_when_it_is_wanted() -> None:
    held = {A}
    cluster = Cluster(A, B)

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0, B: 0})
        await until(lambda: reader.got[B] == ALL)
        assert (reader.got[A], cluster.asked[A]) == ([], 0)
        held.clear()
        reader.fetcher.wake()
        await until(lambda: reader.got[A] == ALL)

    run(scene, Reader(cluster, lambda tp: tp not in held))


def test_while_nothing_is_wanted_nothing_is_asked() -> None:
    cluster = Cluster(A)

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0})
        await asyncio.sleep(0.05)
        assert cluster.asked[A] == 0

    run(scene, Reader(cluster, lambda tp: False))


def test_what_was_under_way_for_a_partition_that_is_taken_away_is_not_delivered_later() -> None:
    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0})
        await until(lambda: len(reader.got[A]) >= 2)
        reader.fetcher.assign({})
        await asyncio.sleep(0.01)  # one run may have been accepted before
        seen = list(reader.got[A])
        await asyncio.sleep(0.02)
        assert reader.got[A] == seen
        assert reader.fetcher.delivered(A) == -1

    run(scene, Reader(Cluster(A)))


def test_assigning_again_reads_again_from_there() -> None:
    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0})
        await until(lambda: reader.got[A] == ALL)
        reader.fetcher.assign({A: 4})
        await until(lambda: reader.got[A] == [*ALL, *ALL[4:]])

    run(scene, Reader(Cluster(A)))


def test_a_partition_whose_leader_moves_goes_on_with_the_new_one() -> None:
    cluster = Cluster(A, B)

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0, B: 0})
        await until(lambda: bool(reader.got[A]))
        cluster.leaders[A] = 2
        cluster.errors[A].append(NOT_LEADER)
        await until(lambda: reader.got == {A: ALL, B: ALL})

    run(scene, Reader(cluster))


def test_a_partition_without_a_leader_waits_for_one() -> None:
    cluster = Cluster(A)
    cluster.leaders[A] = -1

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0})
        await asyncio.sleep(0.02)
        cluster.leaders[A] = 1
        await until(lambda: reader.got[A] == ALL)

    run(scene, Reader(cluster))


def test_a_lost_connection_is_made_again_and_nothing_is_missed() -> None:
    cluster = Cluster(A)
    cluster.drops = 2

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0})
        await until(lambda: reader.got[A] == ALL)

    run(scene, Reader(cluster))


def test_an_offset_that_retention_removed_is_told_and_reading_goes_on_at_the_first_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = Cluster(A)
    cluster.first[A] = 6

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 2})
        await until(lambda: reader.got[A] == [6, 7, 8, 9])

    run(scene, Reader(cluster))
    assert "events[0] has no offset 2 any more" in caplog.text


def test_a_topic_that_may_not_be_read_ends_the_fetcher_with_what_to_do() -> None:
    cluster = Cluster(A)
    cluster.errors[A] = [NOT_AUTHORIZED]

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0})
        await asyncio.sleep(LIMIT_S)

    with pytest.raises(ClusterError, match="give it READ"):
        run(scene, Reader(cluster))


def test_a_partition_without_a_leader_is_the_one_that_is_unheard() -> None:
    cluster = Cluster(A, B)
    cluster.leaders[B] = -1

    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0, B: 0})
        while reader.fetcher.unheard_s()[B] < 0.1:
            await asyncio.sleep(0.001)
        assert len(reader.got[A]) == 10
        unheard_s = reader.fetcher.unheard_s()
        assert unheard_s[A] < unheard_s[B]

    run(scene, Reader(cluster))


def test_a_partition_that_is_held_back_is_not_unheard() -> None:
    async def scene(reader: Reader) -> None:
        reader.fetcher.assign({A: 0, B: 0})
        await asyncio.sleep(0.05)
        assert reader.fetcher.unheard_s()[B] == 0

    run(scene, Reader(Cluster(A, B), lambda tp: tp == A))
