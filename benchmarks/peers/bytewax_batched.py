"""Bytewax in the fastest way found: the users of a partition are one key, whose state is one table in memory.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... BENCH_WEIGHTS=... \\
        python -m benchmarks.peers.bytewax_batched

Keyed by partition, `stateful_batch` hands over thousands of events at once, so that one step of the model does for all
users that are different. The price: a snapshot writes all users of the partition each time, not only the changed ones,
and all of them must fit into memory.
"""

import os

import msgspec
import numpy as np
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow

from benchmarks.peers.bytewax_run import run
from benchmarks.peers.model import Model
from benchmarks.reference_events import HALVES, Answer, Event

BATCH = 10_000  # ten times the default, since the sink waits for its acknowledgements after every batch
decode, encode = msgspec.msgpack.Decoder(Event).decode, msgspec.msgpack.Encoder().encode
model = Model()


class Partition(op.StatefulBatchLogic):
    """All users of one partition."""

    def __init__(self, stored: "tuple[dict[bytes, int], bytes] | None") -> None:
        places, rows = stored or ({}, b"")
        self._places = places
        self._rows = np.frombuffer(rows, HALVES).copy()  # longer than there are users: it grows by doubling

    def on_batch(self, values: list[KafkaSourceMessage]) -> tuple[list[KafkaSinkMessage], bool]:
        """One answer for each event, in order; the state is kept."""
        places = self._places
        slots = np.array([places.setdefault(message.key, len(places)) for message in values])
        if len(places) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(len(places), HALVES)])
        tokens = np.array([decode(message.value).product_id for message in values])
        answers = zip(values, *model.many(tokens, slots, self._rows), strict=True)
        return [
            KafkaSinkMessage(message.key, encode(Answer(message.offset, classes, confidences)))
            for message, classes, confidences in answers
        ], op.StatefulBatchLogic.RETAIN

    def snapshot(self) -> tuple[dict[bytes, int], bytes]:
        """Everything: Bytewax pickles it into its recovery store."""
        return dict(self._places), self._rows.tobytes()


def dataflow() -> Dataflow:
    """Events keyed by partition, one answer for each."""
    source, target = os.environ["BENCH_TOPICS"].split(",")
    brokers = [os.environ["BENCH_BROKER"]]
    flow = Dataflow("reference")
    read = op.input("events", flow, KafkaSource(brokers, [source], batch_size=BATCH))
    keyed = op.key_on("partition", read, lambda message: str(message.partition))
    answers = op.key_rm("answer", op.stateful_batch("predict", keyed, Partition))
    op.output("answers", answers, KafkaSink(brokers, target, add_config={"linger.ms": 5}))
    return flow


if __name__ == "__main__":
    run(dataflow())
