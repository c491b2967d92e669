"""Sends many records to one partition as few batches."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from faust.types import TP

from streams.clock import Clock
from streams.transport.batch import make_batches
from streams.transport.producer import BatchProducer

BATCH_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Records for one partition of one topic, in the order to be written; a None value is a tombstone."""

    topic: str
    partition: int
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Sent:
    """Batches on their way: the future offset of each one's first record, and how many records it has."""

    batches: list[tuple["asyncio.Future[int]", int]]

    async def acknowledged(self) -> int:
        """Wait for the cluster; the offset of the last record, -1 if there was none. Errors: ProduceFailed."""
        last = -1
        for first, count in self.batches:
            offset = await first
            last = offset + count - 1 if offset >= 0 else -1
        return last


class Outbox:
    """Makes batches and hands them to the producer, in the order of calls."""

    def __init__(self, producer: BatchProducer, clock: Clock, compression: str = "none") -> None:
        self._producer = producer
        self._clock = clock
        self._compression = compression

    def send(self, what: Outgoing) -> Sent:
        """Queue all records, in order."""
        tp = TP(what.topic, what.partition)
        batches = make_batches(what.keys, what.values, self._clock(), BATCH_BYTES, self._compression)
        return Sent([(self._producer.produce(tp, batch), batch.count) for batch in batches])
