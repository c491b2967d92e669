"""Records into batches: their order, their partition, and the offset of the last of them."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from streams.errors import ProduceFailed
from streams.transport.batch import Batch
from streams.transport.outbox import Outbox, Outgoing
from streams.transport.records import read_records
from tests.unit.streams.making import NOW_MS


class Producer:
    """Gives each batch the offsets a partition would, or fails from one on."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.batches: list[Batch] = []
        self.places: set[TP] = set()
        self.fails_at = fails_at
        self.offset = 100

    def produce(self, tp: TP, batch: Batch) -> "asyncio.Future[int]":
        """As BatchProducer's; acknowledged at once."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.fails_at is not None and len(self.batches) >= self.fails_at:
            future.set_exception(ProduceFailed("the cluster is gone"))
        else:
            future.set_result(self.offset)
        self.offset += batch.count
        self.batches.append(batch)
        self.places.add(tp)
        return future

    def records(self) -> list[tuple[bytes | None, bytes | None, int]]:
        """Key, value and timestamp of all records that were sent, in order."""
        found = [read_records(batch.encode(1, 0, 0), 0)[0] for batch in self.batches]
        return [(record.key, record.value, record.timestamp) for records in found for record in records]


def send(producer: Any, keys: list[bytes | None], values: list[bytes | None], compression: str = "none") -> int:
    """Send them to outputs[2] and wait until they are acknowledged."""

    async def main() -> int:
        outbox = Outbox(producer, lambda: NOW_MS, compression)
        return await outbox.send(Outgoing("outputs", 2, keys, values)).acknowledged()

    return asyncio.run(main())


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_keep_their_order_keys_and_tombstones_in_one_batch(compression: str) -> None:
    producer = Producer()
    assert send(producer, [b"a", None, b"c"], [b"1", b"2", None], compression) == 102
    assert producer.records() == [(b"a", b"1", NOW_MS), (None, b"2", NOW_MS), (b"c", None, NOW_MS)]
    assert (producer.places, len(producer.batches)) == ({TP("outputs", 2)}, 1)


def test_more_than_a_batch_goes_on_in_the_next_and_the_last_offset_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.transport.outbox.BATCH_BYTES", 1_000)
    producer = Producer()
    keys: list[bytes | None] = [b"%d" % i for i in range(100)]
    assert send(producer, keys, [b"x" * 60] * 100) == 199
    assert [key for key, _, _ in producer.records()] == keys
    assert len(producer.batches) > 5


def test_nothing_to_send_sends_nothing() -> None:
    producer = Producer()
    assert send(producer, [], []) == -1
    assert producer.batches == []


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_any_batch_that_is_not_acknowledged_is_an_error(monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    monkeypatch.setattr("streams.transport.outbox.BATCH_BYTES", 100)
    with pytest.raises(ProduceFailed, match="the cluster is gone"):
        send(Producer(fails_at), [b"a", b"b", b"c"], [b"x" * 90] * 3)
