"""Sees predictions come, as any consumer does: how many events are answered, and how soon after a fault it goes on."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.predictions import Source
from schemas.topics import USER_PREDICTIONS
from tests.integration.worker_process import Place


class _Answer(msgspec.Struct):
    """What is read of a prediction here."""

    source: Source


_answer = msgspec.msgpack.Decoder(_Answer).decode


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: its monotonic time, and where each partition of user-predictions ended then."""

    at: float
    ends: tuple[int, ...]


class Watcher:
    """Follows the committed records of a place's user-predictions from a thread of its own."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._seen: defaultdict[int, set[int]] = defaultdict(set)
        self._fresh: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)  # (offset, time) of first answers
        self._ended = threading.Event()
        topic = place.topic(USER_PREDICTIONS.name)
        self._consumer = Consumer({
            "bootstrap.servers": place.kafka, "group.id": f"{place.name}-watcher", "enable.auto.commit": False,
            "isolation.level": "read_committed", "fetch.wait.max.ms": 20,
            "reconnect.backoff.max.ms": 200, "topic.metadata.refresh.interval.ms": 1_000, "log_level": 0,
        })  # fmt: skip
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(place.partitions)])
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    @property
    def answered(self) -> int:
        """Events that have at least one prediction."""
        return sum(map(len, self._seen.values()))

    def mark(self) -> Mark:
        """Now. What was written before is not taken for progress after it, however late it is read."""
        while True:
            try:
                return Mark(time.monotonic(), tuple(self._place.ends(USER_PREDICTIONS.name)))
            except KafkaException:  # a leader is moving
                time.sleep(0.05)

    def recovered(self, mark: Mark, since: float | None = None) -> float | None:
        """The seconds from `since`, or the mark, until every partition had a first answer after it; None until then.

        Partitions go on at different times, and the last one counts.
        """
        begin = max(mark.at, since or mark.at)
        firsts = [self._next(number, mark, begin) for number in range(self._place.partitions)]
        return max(firsts) - begin if all(firsts) else None

    def longest_silence(self, since: Mark) -> float:
        """The most seconds for which a partition had no new answer, from the mark until now."""
        now = time.monotonic()
        silences = []
        for number in range(self._place.partitions):
            times = [since.at, *(at for _, at in list(self._fresh[number]) if at > since.at), now]
            silences += [later - earlier for earlier, later in pairwise(times)]
        return max(silences)

    def close(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()
        self._consumer.close()

    def _next(self, partition: int, mark: Mark, begin: float) -> float:
        """When the first answer after the mark came, 0 if none has."""
        first = 0.0
        for offset, at in reversed(self._fresh[partition]):
            if offset < mark.ends[partition] or at < begin:
                break
            first = at
        return first

    def _watch(self) -> None:
        while not self._ended.is_set():
            messages = self._consumer.consume(500, timeout=0.05)
            now = time.monotonic()
            for message in messages:
                value = message.value()
                if message.error() is not None or value is None:
                    continue  # a broker that is not there: it will be
                source = _answer(value).source
                if source.offset not in self._seen[source.partition]:
                    self._seen[source.partition].add(source.offset)
                    self._fresh[source.partition].append((message.offset(), now))
