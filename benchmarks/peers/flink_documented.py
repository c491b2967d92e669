"""PyFlink as its documentation teaches: a keyed process function with ValueState, in either execution mode.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... BENCH_WEIGHTS=... BENCH_JARS=... \\
        [BENCH_MODE=process|thread] python -m benchmarks.peers.flink_documented

Process mode, Flink's default, runs the function in a Python process beside Java; thread mode runs it inside Java.
"""

import os
from collections.abc import Iterator

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueState, ValueStateDescriptor

from benchmarks.peers.flink_job import event_of, run
from benchmarks.peers.model import Model
from benchmarks.reference_events import Answer

COUNT_BYTES = 4  # of the user's events, before the state


class Predict(KeyedProcessFunction):
    """Steps one user's state for one event."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Runs where the function runs: in process mode in another process."""
        self._model = Model()
        self._encode = msgspec.msgpack.Encoder().encode
        kind = Types.PICKLED_BYTE_ARRAY()  # an array of bytes fails in thread mode while there is no state yet
        self._state: ValueState = runtime_context.get_state(ValueStateDescriptor("lstm", kind))

    def process_element(self, value: bytes, context: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Read the user's state, step the model, keep the state, answer."""
        event = event_of(value)
        stored = self._state.value() or bytes(COUNT_BYTES)
        count = int.from_bytes(stored[:COUNT_BYTES], "little")
        classes, confidences, after = self._model.one(event.product_id, stored[COUNT_BYTES:])
        self._state.update((count + 1).to_bytes(COUNT_BYTES, "little") + after)
        yield Row(event.user_id.encode(), self._encode(Answer(count, classes, confidences)))


if __name__ == "__main__":
    mode = os.environ.get("BENCH_MODE", "process")
    run(Predict(), lambda value: event_of(value).user_id, Types.STRING(), {"python.execution-mode": mode})
