"""Sends records on schedule, whatever comes back, and notes when the answer to each is in a consumer's hands.

Record i is due at start + i / rate. Its latency counts from then and not from when it was sent, so neither a stall of
the worker nor one of the sender is hidden by sending less (no coordinated omission). Sender and consumer are threads of
this process on librdkafka; both clocks are this process's own.
"""

import gc
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from benchmarks.histogram import Durations

PATIENCE_SECONDS = 20.0
LEAD_SECONDS = 0.5
# Above this rate the sender wakes once a millisecond and sends what is due by then: a sleep for each record would cost
# more of the shared cores than the sending does. The wait counts as latency all the same.
TICK_SECONDS = 0.001

OffsetOf = Callable[[Message], int]


@dataclass(frozen=True)
class Load:
    """What is sent: these records over and over, `rate` a second, `events` in all. `offset_of` tells which source
    offset an answer belongs to; its partition is the source's."""

    records: Sequence[tuple[bytes, bytes]]
    rate: float
    events: int
    offset_of: OffsetOf


@dataclass(frozen=True)
class Outcome:
    """Shapes: due, sent and seen (events,) float64 seconds of the monotonic clock, partition (events,) int64.

    `seen` is nan where no answer came, and the first of repeated ones.
    """

    due: np.ndarray
    sent: np.ndarray
    seen: np.ndarray
    partition: np.ndarray

    @property
    def missing(self) -> int:
        """Events without an answer."""
        return int(np.isnan(self.seen).sum())

    def latency(self, first: int = 0) -> Durations:
        """From due to seen, without the first ones and those without an answer."""
        found = Durations()
        late = (self.seen - self.due)[first:]
        found.extend(late[~np.isnan(late)].tolist())
        return found

    def lateness(self, first: int = 0) -> Durations:
        """From due to sent: what the sender itself adds."""
        found = Durations()
        found.extend((self.sent - self.due)[first:].tolist())
        return found


class OpenLoop:
    """One source topic, to which nobody else writes, and the topic where the answers come.

    The sender waits `linger_ms` for more to go in one request; that is part of the latency.
    """

    def __init__(self, bootstrap: str, source: str, target: str, partitions: int, linger_ms: float = 0) -> None:
        self._source, self._partitions = source, partitions
        settings = {"bootstrap.servers": bootstrap}
        # Idempotent, as the Java client is by default: a record that is sent again keeps its place, so that the place
        # of each in its partition is known beforehand.
        self._producer = Producer({**settings, "linger.ms": linger_ms, "enable.idempotence": True})
        self._consumer = Consumer(
            {
                **settings,
                "group.id": f"open-loop-{target}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "fetch.queue.backoff.ms": 1,
            }
        )
        places = [TopicPartition(target, number) for number in range(partitions)]
        ends = [self._consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
        self._consumer.assign([TopicPartition(target, number, end) for number, end in enumerate(ends)])
        self._next = [
            self._consumer.get_watermark_offsets(TopicPartition(source, number), timeout=10)[1]
            for number in range(partitions)
        ]

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def run(self, load: Load, patience_seconds: float = PATIENCE_SECONDS) -> Outcome:
        """Send everything; wait for the answers until `patience_seconds` after the last was due."""
        of_record = np.array([zlib.crc32(key) % self._partitions for key, _ in load.records], np.int64)
        partition = np.resize(of_record, load.events)
        sent = np.full(load.events, np.nan)
        due = time.monotonic() + LEAD_SECONDS + np.arange(load.events) / load.rate
        numbers = [np.flatnonzero(partition == number).tolist() for number in range(self._partitions)]
        sender = threading.Thread(target=self._send, args=(load, of_record.tolist(), due, sent), daemon=True)
        with _calm_collector():
            sender.start()
            seen = self._consume(load, numbers, float(due[-1]) + patience_seconds)
            sender.join(patience_seconds)
        self._next = [first + len(of) for first, of in zip(self._next, numbers, strict=True)]
        return Outcome(due, sent, seen, partition)

    def _send(self, load: Load, partitions: list[int], due: np.ndarray, sent: np.ndarray) -> None:
        producer, source, count = self._producer, self._source, len(load.records)
        tick = TICK_SECONDS if load.rate * TICK_SECONDS > 1 else 0.0
        schedule = due.tolist()
        number = 0
        while number < load.events:
            now = time.monotonic()
            if schedule[number] > now:
                time.sleep(max(tick, schedule[number] - now))
                now = time.monotonic()
            while number < load.events and schedule[number] <= now:
                key, value = load.records[number % count]
                try:
                    producer.produce(source, value, key, partitions[number % count])
                except BufferError:  # the broker takes nothing: this record waits, and its latency with it
                    producer.poll(TICK_SECONDS)
                    break
                sent[number] = now
                number += 1
            producer.poll(0)
        producer.flush(PATIENCE_SECONDS)

    def _consume(self, load: Load, numbers: list[list[int]], deadline: float) -> np.ndarray:
        seen: list[float | None] = [None] * load.events
        poll, offset_of, firsts = self._consumer.poll, load.offset_of, self._next
        left = load.events
        while left and time.monotonic() < deadline:
            message = poll(0.1)
            if message is None or message.error():
                continue
            now = time.monotonic()
            partition = message.partition() or 0
            place = offset_of(message) - firsts[partition]
            if place < 0:
                continue  # the answer to an earlier event, sent once more
            number = numbers[partition][place]
            if seen[number] is None:  # the first answer counts
                seen[number] = now
                left -= 1
        return np.array(seen, np.float64)  # None becomes nan


@contextmanager
def _calm_collector() -> Iterator[None]:
    """A collection of garbage in the middle would look like a slow worker."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
