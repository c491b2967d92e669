"""Records into producer batches: real batches of the Kafka client, built but not sent."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from streams.errors import ProduceFailed
from streams.transport.outbox import Outbox, Outgoing
from tests.unit.streams.making import NOW_MS

BATCH_BYTES = 1_000


class Producer:
    """The client's producer: builds real batches, and gives each the offsets a partition would."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.places: list[tuple[str, int]] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.offset = 100
        self.refuses: KafkaError | None = None
        self.fails_at: int | None = None

    def create_batch(self) -> BatchBuilder:
        """As AIOKafkaProducer's."""
        return BatchBuilder(BATCH_BYTES, 0, is_transactional=0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        """As AIOKafkaProducer's; acknowledged at once."""
        if self.refuses:
            raise self.refuses
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.fails_at == len(self.batches):
            future.set_exception(KafkaTimeoutError())
        else:
            future.set_result(SimpleNamespace(offset=self.offset))
        self.offset += batch.record_count()
        self.batches.append(bytes(batch._build()))
        self.places.append((topic, partition))
        self.futures.append(future)
        return future

    def records(self) -> list[tuple[bytes | None, bytes | None, int]]:
        """Key, value and timestamp of all records that were sent, in order."""
        return [
            (record.key, record.value, record.timestamp) for raw in self.batches for record in DefaultRecordBatch(raw)
        ]


def send(producer: Producer, keys: list[bytes | None], values: list[bytes | None]) -> int:
    """Send them to outputs[2] and wait until they are acknowledged."""

    async def main() -> int:
        outbox = Outbox(lambda: producer, lambda: NOW_MS)  # type: ignore[arg-type, return-value]
        return await (await outbox.send(Outgoing("outputs", 2, keys, values))).acknowledged()

    coroutine: Coroutine[Any, Any, int] = main()
    return asyncio.run(coroutine)


def test_records_keep_their_order_keys_and_tombstones_in_one_batch() -> None:
    producer = Producer()
    assert send(producer, [b"a", None, b"c"], [b"1", b"2", None]) == 102
    assert producer.records() == [(b"a", b"1", NOW_MS), (None, b"2", NOW_MS), (b"c", None, NOW_MS)]
    assert producer.places == [("outputs", 2)]


def test_more_than_a_batch_goes_on_in_the_next_and_the_last_offset_is_told() -> None:
    producer = Producer()
    keys: list[bytes | None] = [b"%d" % i for i in range(100)]
    assert send(producer, keys, [b"x" * 60] * 100) == 199
    assert [key for key, _, _ in producer.records()] == keys
    assert len(producer.batches) > 5


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_record_larger_than_a_batch_goes_in_one_of_its_own(place: int) -> None:
    producer = Producer()
    values: list[bytes | None] = [b"1", b"2", b"3"]
    values[place] = b"x" * (3 * BATCH_BYTES)
    assert send(producer, [b"a", b"b", b"c"], values) == 102
    assert [value for _, value, _ in producer.records()] == values


def test_nothing_to_send_sends_nothing() -> None:
    producer = Producer()
    assert send(producer, [], []) == -1
    assert producer.batches == []


@pytest.mark.parametrize("error", [KafkaTimeoutError(), MessageSizeTooLargeError()])
def test_a_batch_that_is_refused_is_produce_failed_with_its_place(error: KafkaError) -> None:
    producer = Producer()
    producer.refuses = error
    with pytest.raises(ProduceFailed, match=r"1 records for outputs\[2\] were not taken by Kafka"):
        send(producer, [b"a"], [b"1"])


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_any_batch_that_is_not_acknowledged_is_produce_failed(fails_at: int) -> None:
    producer = Producer()
    producer.fails_at = fails_at
    with pytest.raises(ProduceFailed):
        send(producer, [b"a"] * 40, [b"x" * 60] * 40)
