"""From the scheduled sending of an event to its prediction in a consumer's hands, at 500 events a second offered.

Open loop: event i is due at start + i / 500, whatever came back so far, and its latency counts from then, so a stall
is not hidden by sending less. Sender and consumer are threads of this process on librdkafka; both clocks are this
process's own.
"""

import threading
import time
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks import kafka, shop
from benchmarks.purchases import purchase_events
from benchmarks.setting import BenchmarkFailed, Setting
from schemas.codec import encode
from schemas.topics import DEFAULT_PARTITIONS, USER_BEHAVIOUR, USER_PREDICTIONS

OFFERED = 500
WARM_SECONDS = 5
PATIENCE_SECONDS = 20


def run(setting: Setting) -> dict[str, Any]:
    """Percentiles of the latency in milliseconds, the first seconds left out."""
    opened = shop.open_shop(setting, "latency")
    seconds = WARM_SECONDS + setting.pick(30, 5)
    with opened.worker() as serving:
        serving.wait_ready()
        run = _OpenLoop(setting.bootstrap, opened.topic(USER_BEHAVIOUR.name), opened.topic(USER_PREDICTIONS.name))
        due, sent, seen = run.measure(OFFERED * seconds)
        tail = serving.process.tail()
    missing = int(np.isnan(seen).sum())
    if missing:
        raise BenchmarkFailed(
            f"{missing:,} of {len(seen):,} predictions did not come within {PATIENCE_SECONDS} s\n{tail}"
        )
    counted = slice(WARM_SECONDS * OFFERED, None)
    latency, late = 1e3 * (seen - due)[counted], 1e3 * (sent - due)[counted]
    p10, p50, p90, p99 = np.percentile(latency, (10, 50, 90, 99))
    return {
        "p10_ms": float(p10),
        "p50_ms": float(p50),
        "p90_ms": float(p90),
        "p99_ms": float(p99),
        "max_ms": float(latency.max()),
        "offered_per_second": OFFERED,
        "events": len(latency),
        "sender_late_p99_ms": float(np.percentile(late, 99)),
    }


def broker_alone(setting: Setting, seconds: int) -> float:
    """What the machine and the broker take of p50: milliseconds from the scheduled sending of an event to itself.

    No worker is between; the first half is left out.
    """
    topic = setting.topic("latency-broker")
    kafka.create_topics(setting.bootstrap, {topic: {}}, DEFAULT_PARTITIONS)
    due, _, seen = _OpenLoop(setting.bootstrap, topic, topic).measure(OFFERED * seconds)
    if np.isnan(seen).any():
        raise BenchmarkFailed(f"{int(np.isnan(seen).sum()):,} events did not come back from the broker")
    return float(np.median(1e3 * (seen - due)[len(due) // 2 :]))


class _Numbered(msgspec.Struct):
    """What an event and its prediction have in common."""

    event_id: str


class _OpenLoop:
    """Sends on schedule in one thread while the calling thread consumes."""

    def __init__(self, bootstrap: str, source: str, target: str) -> None:
        self._source = source
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0})
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"latency-{target}",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "fetch.queue.backoff.ms": 1,
            }
        )
        self._consumer.assign([TopicPartition(target, partition, 0) for partition in range(DEFAULT_PARTITIONS)])

    def measure(self, events: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shapes: due, sent and seen (events,) float64 seconds of one clock; seen is nan where nothing came."""
        real = [(event.user_id.encode(), event) for event in islice(purchase_events(events), events)]
        records = []
        for number, (key, event) in enumerate(real):
            event.event_id = str(number)
            records.append((key, encode(event)))
        sent = np.full(len(records), np.nan)
        start = time.monotonic() + 0.5
        due = start + np.arange(len(records)) / OFFERED
        sender = threading.Thread(target=self._send, args=(records, due, sent), daemon=True)
        sender.start()
        seen = self._consume(len(records), due[-1] + PATIENCE_SECONDS)
        sender.join(PATIENCE_SECONDS)
        self._consumer.close()
        return due, sent, seen

    def _send(self, records: list[tuple[bytes, bytes]], due: np.ndarray, sent: np.ndarray) -> None:
        for number, (key, value) in enumerate(records):
            wait = due[number] - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sent[number] = time.monotonic()
            self._producer.produce(self._source, value, key)
            self._producer.poll(0)
        self._producer.flush(PATIENCE_SECONDS)

    def _consume(self, events: int, deadline: float) -> np.ndarray:
        came: list[tuple[float, bytes]] = []
        while len(came) < events and time.monotonic() < deadline:
            message = self._consumer.poll(0.1)
            if message is not None and not message.error():
                came.append((time.monotonic(), message.value() or b""))
        seen = np.full(events, np.nan)
        decode = msgspec.msgpack.Decoder(_Numbered).decode
        for when, value in reversed(came):  # the first of repeated ones counts
            seen[int(decode(value).event_id)] = when
        return seen
