"""The producer against made-up brokers that keep Kafka's rules for idempotence: nothing twice, nothing out of order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Coroutine
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7
from aiokafka.record.default_records import DefaultRecordBatch
from faust.types import TP

from streams.errors import ProduceFailed
from streams.transport import producer as module
from streams.transport.batch import make_batches
from streams.transport.producer import BatchProducer
from streams.transport.requests import ProducerIdentity
from streams.transport.wire import ProduceResponse

A, B = TP("outputs", 0), TP("outputs", 1)
LIMIT_S = 10
NOT_LEADER, TOO_LARGE, OUT_OF_ORDER, NOT_ENOUGH_REPLICAS = 6, 10, 45, 19


class Cluster:
    """Brokers 1 and 2, and their logs; stands in for aiokafka's client."""

    def __init__(self) -> None:
        self.leaders = {A: 1, B: 1}
        self.logs: defaultdict[TP, list[bytes]] = defaultdict(list)
        self.recent: defaultdict[TP, list[tuple[int, int]]] = defaultdict(list)  # sequence, offset of the last batches
        self.next: defaultdict[TP, int] = defaultdict(int)
        self.trouble: Callable[[], int | type[Exception] | None] = lambda: None
        self.lines: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.cuts: defaultdict[int, int] = defaultdict(int)
        self.at_once = 0
        self.most_at_once = 0
        self.requests = 0
        self.topics: set[str] = set()
        self.known: set[str] = {"outputs"}
        self.updating = False
        self.cluster = SimpleNamespace(leader_for_partition=self._leader)
        self._conns: dict[Any, Any] = {}

    def add_topic(self, topic: str) -> None:
        """Asked for with the next update that begins, as in aiokafka's client."""
        self.topics.add(topic)

    def force_metadata_update(self) -> None:
        """Begin an update unless one is under way."""
        if not self.updating:
            self.updating = True
            asyncio.get_running_loop().call_later(0.005, self._update, set(self.topics))

    def _update(self, topics: set[str]) -> None:
        self.updating = False
        self.known |= topics

    def _leader(self, tp: TP) -> int | None:
        return self.leaders.get(tp) if tp.topic in self.known else None

    async def close(self) -> None:
        """Nothing to close."""

    async def send(self, node: int, request: Any) -> Any:
        """Append the batches that this broker leads, unless there is trouble before or after it."""
        read = ProduceRequest_v7.decode(BytesIO(request.prepare({0: (7, 7)}).encode()))
        self.requests += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        connection = self.cuts[node]
        try:
            async with self.lines[node]:  # a broker answers the requests of a connection one after the other
                if self.cuts[node] != connection:
                    raise KafkaConnectionError("the line was cut with others on it")
                parts = await self._answer(node, read)
        finally:
            self.at_once -= 1
        return ProduceResponse.decode(
            ProduceResponse_v7([("outputs", [(n, code, at, -1, 0) for n, code, at in parts])], 0).encode()
        )

    async def _answer(self, node: int, read: Any) -> list[tuple[int, int, int]]:
        before, after = self.trouble(), self.trouble()
        await asyncio.sleep(0.001)
        if isinstance(before, type):
            self.cuts[node] += 1
            raise before("the line was cut before")
        parts = [
            (number, *self._append(TP(topic, number), raw, node, before))
            for topic, given in read.topics
            for number, raw in given
        ]
        if isinstance(after, type):
            self.cuts[node] += 1
            raise after("the line was cut after")
        return parts

    def _append(self, tp: TP, raw: bytes, node: int, code: int | None) -> tuple[int, int]:
        if code:
            return code, -1
        if self.leaders[tp] != node:
            return NOT_LEADER, -1
        batch = DefaultRecordBatch(raw)
        assert batch.validate_crc()
        for sequence, offset in self.recent[tp]:
            if sequence == batch.base_sequence:
                return 0, offset
        if batch.base_sequence != self.next[tp]:
            return OUT_OF_ORDER, -1
        offset = len(self.logs[tp])
        self.logs[tp] += [record.value for record in batch]
        self.next[tp] = len(self.logs[tp])
        self.recent[tp] = [*self.recent[tp][-4:], (batch.base_sequence, offset)]
        return 0, offset


def run(cluster: Cluster, scene: Callable[[BatchProducer], Coroutine[Any, Any, None]]) -> None:
    """Play the scene with a started producer, within a limit, so that a hang is a failure."""

    async def main() -> None:
        producer = BatchProducer([])
        producer._client = cluster  # type: ignore[assignment]
        producer._identity = ProducerIdentity(7, 0)
        producer._sender = asyncio.ensure_future(producer._send())
        try:
            await scene(producer)
        finally:
            await producer.close()

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))


def produce(producer: BatchProducer, tp: TP, *values: bytes) -> "asyncio.Future[int]":
    """One batch of these values."""
    (batch,) = make_batches([b"k"] * len(values), values, 1, 1 << 20)
    return producer.produce(tp, batch)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", 0.002)


def test_batches_come_in_the_order_of_the_calls_with_their_offsets() -> None:
    cluster = Cluster()

    async def scene(producer: BatchProducer) -> None:
        futures = [produce(producer, A, b"%d" % i, b"%d!" % i) for i in range(20)]
        assert await asyncio.gather(*futures) == list(range(0, 40, 2))
        assert await produce(producer, B, b"x") == 0

    run(cluster, scene)
    assert cluster.logs[A] == [b"%d%s" % (i, end) for i in range(20) for end in (b"", b"!")]


def test_partitions_of_a_broker_share_a_request_and_requests_overlap_within_the_bound() -> None:
    cluster = Cluster()

    async def scene(producer: BatchProducer) -> None:
        await asyncio.gather(*(produce(producer, tp, b"v") for _ in range(12) for tp in (A, B)))

    run(cluster, scene)
    assert cluster.requests == 12
    assert 1 < cluster.most_at_once <= module.IN_FLIGHT


@pytest.mark.parametrize("seed", range(20))
def test_whatever_passes_is_tried_again_and_nothing_is_lost_doubled_or_reordered(seed: int) -> None:
    cluster, dice = Cluster(), random.Random(seed)
    kinds: list[int | type[Exception] | None] = [NOT_LEADER, NOT_ENOUGH_REPLICAS, KafkaConnectionError, TimeoutError]
    cluster.trouble = lambda: dice.choice(kinds) if dice.random() < 0.3 else None

    async def scene(producer: BatchProducer) -> None:
        futures = []
        for i in range(60):
            futures += [produce(producer, tp, b"%d" % i) for tp in (A, B)]
            if dice.random() < 0.1:
                cluster.leaders[dice.choice([A, B])] = dice.choice([1, 2])
            if dice.random() < 0.3:
                await asyncio.sleep(0.002)
        offsets = await asyncio.gather(*futures)
        assert offsets[::2] == offsets[1::2] == list(range(60))

    run(cluster, scene)
    assert cluster.logs[A] == cluster.logs[B] == [b"%d" % i for i in range(60)]


def test_it_is_closed_though_something_new_comes_at_the_same_moment_and_nothing_may_be_sent() -> None:
    cluster = Cluster()

    async def scene(producer: BatchProducer) -> None:
        producer.may_send = lambda: False
        waiting = produce(producer, A, b"1")
        await asyncio.sleep(0.01)
        new = produce(producer, B, b"2")
        await producer.close()
        for future in (waiting, new):
            with pytest.raises(ProduceFailed, match="closed"):
                await future

    run(cluster, scene)
    assert cluster.logs[A] == cluster.logs[B] == []


def test_a_refusal_that_stays_fails_this_and_everything_behind_it() -> None:
    cluster = Cluster()
    codes = iter([None, None, TOO_LARGE])
    cluster.trouble = lambda: next(codes, None)

    async def scene(producer: BatchProducer) -> None:
        assert await produce(producer, A, b"1") == 0
        refused = produce(producer, A, b"2")
        with pytest.raises(ProduceFailed, match=r"outputs\[0\] were refused: MessageSizeTooLargeError.*max.message"):
            await refused
        with pytest.raises(ProduceFailed):
            await produce(producer, B, b"3")

    run(cluster, scene)
    assert cluster.logs == {A: [b"1"], B: []} or cluster.logs == {A: [b"1"]}


def test_a_cluster_that_stays_away_is_an_error_after_the_delivery_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELIVERY_S", 0.05)
    cluster = Cluster()
    cluster.trouble = lambda: KafkaConnectionError

    async def scene(producer: BatchProducer) -> None:
        with pytest.raises(ProduceFailed, match="were not acknowledged within"):
            await produce(producer, A, b"1")

    run(cluster, scene)


def test_a_partition_without_a_leader_waits_for_one_and_does_not_hold_up_the_other() -> None:
    cluster = Cluster()
    cluster.leaders[A] = -1

    async def scene(producer: BatchProducer) -> None:
        waiting = produce(producer, A, b"1")
        assert await produce(producer, B, b"2") == 0
        assert not waiting.done()
        cluster.leaders[A] = 2
        assert await waiting == 0

    run(cluster, scene)


def test_a_topic_that_is_first_named_while_the_cluster_is_being_asked_is_learnt_all_the_same() -> None:
    cluster = Cluster()
    cluster.known.clear()

    async def scene(producer: BatchProducer) -> None:
        cluster.force_metadata_update()  # under way, without the topic
        assert await produce(producer, A, b"1") == 0

    run(cluster, scene)


def test_nothing_is_sent_while_it_may_not_and_all_of_it_in_order_afterwards() -> None:
    cluster = Cluster()

    async def scene(producer: BatchProducer) -> None:
        allowed = False
        producer.may_send = lambda: allowed
        sent = [produce(producer, A, b"%d" % i) for i in range(3)]
        await asyncio.sleep(3 * module.BACKOFF_S)
        assert not cluster.requests
        allowed = True
        assert await asyncio.gather(*sent) == [0, 1, 2]

    run(cluster, scene)
    assert cluster.logs[A] == [b"0", b"1", b"2"]


def test_a_request_is_taken_back_if_it_may_no_longer_be_sent_by_the_time_it_would_be_written() -> None:
    cluster = Cluster()

    async def scene(producer: BatchProducer) -> None:
        answers = iter([True, False])  # as the request is made, and as it is written
        producer.may_send = lambda: next(answers, False)
        sent = produce(producer, A, b"0")
        await asyncio.sleep(3 * module.BACKOFF_S)
        assert not cluster.requests
        producer.may_send = lambda: True
        assert await sent == 0

    run(cluster, scene)
    assert cluster.logs[A] == [b"0"]
