"""Quix Streams as its documentation teaches: a stateful `apply` on the events, `to_topic` for the answers.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... BENCH_WEIGHTS=... \\
        python -m benchmarks.peers.quix_documented

State is in RocksDB with a changelog topic; that is its default, and so is every setting here.
"""

import os
from typing import Any

import msgspec
from quixstreams import Application, State, message_context

from benchmarks.peers.model import Model
from benchmarks.reference_events import Answer, Event

decode, encode = msgspec.msgpack.Decoder(Event).decode, msgspec.msgpack.Encoder().encode
model = Model()


def predict(value: bytes, state: State) -> bytes:
    """Read the user's state, step the model, keep the state; `state` is that of the message's key."""
    classes, confidences, after = model.one(decode(value).product_id, state.get_bytes("lstm"))
    state.set_bytes("lstm", after)
    return encode(Answer(message_context().offset, classes, confidences))


def main(**settings: Any) -> None:
    """Run until SIGTERM. `settings`: what else the application is told."""
    source, target = os.environ["BENCH_TOPICS"].split(",")
    app = Application(
        broker_address=os.environ["BENCH_BROKER"],
        consumer_group=f"quix-{source}",
        auto_offset_reset="earliest",
        state_dir=os.environ["BENCH_FOLDER"],
        **settings,
    )
    events = app.topic(source, key_deserializer="bytes", value_deserializer="bytes")
    answers = app.topic(target, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(events).apply(predict, stateful=True).to_topic(answers)
    app.run()


if __name__ == "__main__":
    main()
