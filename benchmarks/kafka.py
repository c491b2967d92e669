"""What the benchmarks do with a broker: make topics, preload events, watch end offsets, read answers back."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

POLL_SECONDS = 0.05
LEADER_SECONDS = 30


def create_topics(bootstrap: str, topics: dict[str, dict[str, str]], partitions: int) -> None:
    """Make the topics, each with its own settings, and wait until every partition has a leader.

    Errors: RuntimeError when the broker refuses one, TimeoutError.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 4})
    wanted = [NewTopic(name, partitions, 1, config=config) for name, config in topics.items()]
    for name, made in admin.create_topics(wanted, operation_timeout=20).items():
        try:
            made.result(timeout=30)
        except Exception as error:
            raise RuntimeError(f"topic {name} was not made: {error}") from error
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "watch-leaders"})
    try:
        _wait_for_leaders(consumer, [TopicPartition(name, number) for name in topics for number in range(partitions)])
    finally:
        consumer.close()


def _wait_for_leaders(consumer: Consumer, places: list[TopicPartition]) -> None:
    deadline = time.monotonic() + LEADER_SECONDS
    for place in places:
        while True:
            try:
                consumer.get_watermark_offsets(place, timeout=5)
                break
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{place.topic}[{place.partition}] has no leader: {error}") from error
                time.sleep(POLL_SECONDS)


def delete_topics(bootstrap: str, topics: list[str]) -> None:
    """Delete the topics with all that is in them. Errors: RuntimeError when the broker refuses one."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 4})
    for name, gone in admin.delete_topics(topics, operation_timeout=20).items():
        try:
            gone.result(timeout=30)
        except Exception as error:
            raise RuntimeError(f"topic {name} was not deleted: {error}") from error


def preload(bootstrap: str, topic: str, records: Iterable[tuple[bytes, bytes]]) -> int:
    """Write records with Kafka's default partitioner and wait until each is acknowledged; tells how many there were."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "batch.size": 262_144,
            "queue.buffering.max.messages": 200_000,
            # Without it a batch that is sent again, as to a partition without a leader yet, comes after those behind
            # it, and a worker that answers each user's events in the topic's order is told that it answers wrong.
            "enable.idempotence": True,
        }
    )
    failed: list[KafkaError] = []
    count = 0

    def keep_failure(error: KafkaError | None, message: object) -> None:
        if error is not None:
            failed.append(error)

    for key, value in records:
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=keep_failure)
                break
            except BufferError:
                producer.poll(0.05)
        count += 1
        if count % 10_000 == 0:
            producer.poll(0)
    if producer.flush(60) or failed:
        raise RuntimeError(f"{topic}: not every one of {count:,} events was acknowledged: {failed[:1]}")
    return count


class Counter(Protocol):
    """Tells how many records a topic has had."""

    def total(self) -> int:
        """All of them, in all partitions."""

    def close(self) -> None:
        """Leave the broker."""


class EndOffsets:
    """How many records a topic has had, by the end offsets as a consumer sees them; the cheapest way to know."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"watch-{topic}"})
        self._places = [TopicPartition(topic, partition) for partition in range(partitions)]

    def total(self) -> int:
        """Sum of the end offsets of all partitions."""
        return sum(self._consumer.get_watermark_offsets(place, timeout=10)[1] for place in self._places)

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


class CommittedRecords:
    """How many records of committed transactions a topic has had, by reading them.

    Transactions take offsets of their own for their ends, so end offsets tell too many.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"count-{topic}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        self._count = 0

    def total(self) -> int:
        """Records read by now."""
        while messages := self._consumer.consume(10_000, 0):
            self._count += sum(message.error() is None for message in messages)
        return self._count

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


@dataclass
class Watched:
    """(seconds, records in the output topic) as seen while a worker ran; the clock is this process's own."""

    samples: list[tuple[float, int]] = field(default_factory=list)

    @property
    def outputs(self) -> int:
        """Records seen at the end."""
        return self.samples[-1][1] if self.samples else 0

    @property
    def seconds(self) -> float:
        """From the first sample with an output to the first with the last one."""
        return self._last[0] - self._first[0]

    @property
    def rate(self) -> float:
        """Outputs a second, the ones of the first sample with outputs not counted, since their time is not known."""
        return (self._last[1] - self._first[1]) / self.seconds if self.seconds > 0 else 0.0

    @property
    def best_second(self) -> float:
        """The highest rate over any window of at least a second, to tell a stall from slowness."""
        rates = [
            (n2 - n1) / (t2 - t1)
            for i, (t1, n1) in enumerate(self.samples)
            for t2, n2 in self.samples[i : i + 80]
            if t2 - t1 >= 1
        ]
        return max(rates, default=0.0)

    @property
    def longest_pause(self) -> float:
        """The longest time without a new output between the first and the last one, seconds."""
        changes = [t for (_, a), (t, b) in pairwise(self.samples) if b != a]
        return max((later - earlier for earlier, later in pairwise(changes)), default=0.0)

    @property
    def _first(self) -> tuple[float, int]:
        return next((sample for sample in self.samples if sample[1]), (0.0, 0))

    @property
    def _last(self) -> tuple[float, int]:
        return next((sample for sample in self.samples if sample[1] == self.outputs), (0.0, 0))


def watch(
    ends: Counter, until: int, limit_seconds: float, alive: Callable[[], bool], every: float = POLL_SECONDS
) -> Watched:
    """Sample the end offsets until there are `until` records, the time is up, or the worker is gone."""
    watched, began = Watched(), time.monotonic()
    while True:
        now = time.monotonic()
        watched.samples.append((now - began, ends.total()))
        if watched.outputs >= until or now - began > limit_seconds or not alive():
            return watched
        time.sleep(every)


def read(bootstrap: str, topic: str, partitions: int, limit_seconds: float = 120) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of every committed record that is in the topic now. Errors: TimeoutError."""
    group = f"read-{topic}-{threading.get_ident()}"
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}
    consumer = Consumer({**settings, "isolation.level": "read_committed", "enable.partition.eof": True})
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        left = set(range(partitions))
        deadline = time.monotonic() + limit_seconds
        while left:
            for message in consumer.consume(10_000, timeout=0.2):
                error = message.error()
                if error is None:
                    yield message.key() or b"", message.value() or b""
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise RuntimeError(f"{topic}: {error}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: {len(left)} partitions were not read to the end in {limit_seconds:g} s")
    finally:
        consumer.close()
