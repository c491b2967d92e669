"""Bytewax as its documentation teaches: Kafka in, `stateful_map` by user, Kafka out, with recovery switched on.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... BENCH_WEIGHTS=... \\
        python -m benchmarks.peers.bytewax_documented
"""

import os

import msgspec
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow

from benchmarks.peers.bytewax_run import run
from benchmarks.peers.model import Model
from benchmarks.reference_events import Answer, Event

decode, encode = msgspec.msgpack.Decoder(Event).decode, msgspec.msgpack.Encoder().encode
model = Model()


def predict(state: bytes | None, message: KafkaSourceMessage) -> tuple[bytes, KafkaSinkMessage]:
    """Step the user's state and answer."""
    classes, confidences, after = model.one(decode(message.value).product_id, state)
    return after, KafkaSinkMessage(message.key, encode(Answer(message.offset, classes, confidences)))


def dataflow() -> Dataflow:
    """Events keyed by user, one answer for each."""
    source, target = os.environ["BENCH_TOPICS"].split(",")
    brokers = [os.environ["BENCH_BROKER"]]
    flow = Dataflow("reference")
    read = kop.input("events", flow, brokers=brokers, topics=[source])
    op.inspect("errors", read.errs).then(op.raises, "stop")
    keyed = op.key_on("user", read.oks, lambda message: message.key.decode())
    answers = op.key_rm("answer", op.stateful_map("predict", keyed, predict))
    kop.output("answers", answers, brokers=brokers, topic=target)
    return flow


if __name__ == "__main__":
    run(dataflow())
