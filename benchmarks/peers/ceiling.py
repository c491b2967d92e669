"""The ceiling: a client that only reads, decodes, encodes and writes, with no state and no model.

    BENCH_BROKER=... BENCH_TOPICS=events,answers python -m benchmarks.peers.ceiling

What a Python program on librdkafka can do at most with these messages on this machine: nothing that does the job can
be faster. Its answers have the right size and key and nothing else.
"""

import os

import msgspec
from confluent_kafka import Consumer, Producer

from benchmarks.reference_events import TOP, Answer, Event

BATCH = 10_000
CLASSES, CONFIDENCES = list(range(60, 60 + TOP)), [0.123456] * TOP


def main() -> None:
    """Run until SIGTERM ends the process."""
    source, target = os.environ["BENCH_TOPICS"].split(",")
    broker = {"bootstrap.servers": os.environ["BENCH_BROKER"]}
    consumer = Consumer(
        {
            **broker,
            "group.id": f"ceiling-{source}",
            "auto.offset.reset": "earliest",
            "queued.min.messages": 1_000_000,
            "fetch.message.max.bytes": 8 * 1024 * 1024,
        }
    )
    producer = Producer(
        {
            **broker,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "batch.size": 1024 * 1024,
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    decode, encode = msgspec.msgpack.Decoder(Event).decode, msgspec.msgpack.Encoder().encode
    consumer.subscribe([source])
    while True:
        messages = consumer.consume(BATCH, 0.05)
        answers = []
        for message in messages:
            decode(message.value())
            answers.append({"key": message.key(), "value": encode(Answer(message.offset(), CLASSES, CONFIDENCES))})
        if answers:
            producer.produce_batch(target, answers)
        producer.poll(0)


if __name__ == "__main__":
    main()
