"""Sends many records to one partition as few batches."""

import asyncio
from collections.abc import Callable, Sequence
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


def route(
    topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None], place: Callable[[bytes | None], int]
) -> list[Outgoing]:
    """Records as one Outgoing for each partition that `place` names, in order."""
    parts: dict[int, tuple[list[bytes | None], list[bytes | None]]] = {}
    for key, value in zip(keys, values, strict=True):
        mine = parts.setdefault(place(key), ([], []))
        mine[0].append(key)
        mine[1].append(value)
    return [Outgoing(topic, partition, *records) for partition, records in parts.items()]


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
