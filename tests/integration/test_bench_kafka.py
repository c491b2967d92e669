"""What the benchmarks count and time on a broker: committed records only, and every event of an open loop."""

import os
import time

import pytest
from confluent_kafka import Producer

from benchmarks import kafka as bench
from benchmarks.open_loop import Load, OpenLoop

pytestmark = pytest.mark.integration
PARTITIONS = 2


def topic(servers: str, name: str) -> str:
    made = f"bench-test-{name}-{os.getpid()}"
    bench.create_topics(servers, {made: {}}, PARTITIONS)
    return made


def test_only_committed_records_are_counted_and_read(kafka: str) -> None:
    name = topic(kafka, "committed")
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": name})
    producer.init_transactions(30)
    for number in range(4):
        producer.begin_transaction()
        for _ in range(5):
            producer.produce(name, b"value", b"%d" % number, partition=number % PARTITIONS)
        producer.flush(30)
        if number == 3:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    counter = bench.CommittedRecords(kafka, name, PARTITIONS)
    watched = bench.watch(counter, 15, 30, lambda: True)
    time.sleep(0.2)  # what is aborted would come by now; a later count shows it
    assert (watched.outputs, counter.total()) == (15, 15)
    counter.close()
    assert sorted(key for key, _ in bench.read(kafka, name, PARTITIONS)) == [b"0"] * 5 + [b"1"] * 5 + [b"2"] * 5


def test_an_open_loop_sees_every_event_after_it_was_due_twice_over(kafka: str) -> None:
    name = topic(kafka, "loop")
    loop = OpenLoop(kafka, name, name, PARTITIONS)
    load = Load([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], 2_000, 1_000, lambda message: message.offset() or 0)
    try:
        for _ in range(2):  # offsets go on where the first run ended
            outcome = loop.run(load)
            assert outcome.missing == 0
            assert (outcome.sent >= outcome.due).all()
            assert (outcome.seen >= outcome.sent).all()
            assert outcome.latency(100).summary()["events"] == 900
    finally:
        loop.close()


def test_answers_that_do_not_come_are_missing(kafka: str) -> None:
    source, target = topic(kafka, "asked"), topic(kafka, "silent")
    loop = OpenLoop(kafka, source, target, PARTITIONS)
    try:
        outcome = loop.run(Load([(b"a", b"1")], 100, 10, lambda message: 0), patience_seconds=0.5)
    finally:
        loop.close()
    assert outcome.missing == 10
    assert sum(1 for _ in bench.read(kafka, source, PARTITIONS)) == 10


def test_deleted_topics_are_gone(kafka: str) -> None:
    name = topic(kafka, "deleted")
    bench.delete_topics(kafka, [name])
    with pytest.raises(RuntimeError, match=name):
        bench.delete_topics(kafka, [name])
