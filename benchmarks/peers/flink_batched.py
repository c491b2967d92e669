"""PyFlink in the fastest way found: users in a few buckets, events gathered in ListState, a timer steps them together.

    BENCH_BROKER=... BENCH_TOPICS=events,answers BENCH_FOLDER=... BENCH_WEIGHTS=... BENCH_JARS=... \\
        python -m benchmarks.peers.flink_batched

A keyed process function gets one event at a time, and each access to state crosses between Python and Java. Keyed by
bucket, an event only costs an append, and the users of a bucket are one value that is read and written once a timer.
Both lie in RocksDB and in the checkpoints, so nothing is lost that a program by the book would keep. The prices: an
event waits for the timer, and every write is of all users of the bucket. In thread mode, which was faster here too.
"""

import zlib
from collections.abc import Iterator

import msgspec
import numpy as np
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ListState, ListStateDescriptor, ValueState, ValueStateDescriptor

from benchmarks.peers.flink_job import event_of, run
from benchmarks.peers.model import Model
from benchmarks.reference_events import HALVES, PARTITIONS, Answer

EVERY_MS = 1_000  # more often, and the writing of all users takes more of the time


class Predict(KeyedProcessFunction):
    """Steps all events of a bucket that came since the last timer."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Runs where the function runs: in process mode in another process."""
        self._model = Model()
        self._encode = msgspec.msgpack.Encoder().encode
        kind = Types.PICKLED_BYTE_ARRAY()
        self._waiting: ListState = runtime_context.get_list_state(ListStateDescriptor("waiting", kind))
        self._users: ValueState = runtime_context.get_state(ValueStateDescriptor("users", kind))
        self._due: dict[int, int] = {}

    def process_element(self, value: bytes, context: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Keep the event; the first since the last timer sets the next one."""
        self._waiting.add(value)
        bucket = context.get_current_key()
        if bucket not in self._due:  # after a restart there may be two timers: the second finds nothing
            timers = context.timer_service()
            self._due[bucket] = timers.current_processing_time() + EVERY_MS
            timers.register_processing_time_timer(self._due[bucket])
        return iter(())

    def on_timer(self, timestamp: int, context: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """One answer for each waiting event, in the order in which they came."""
        self._due.pop(context.get_current_key(), None)
        waiting = [event_of(value) for value in self._waiting.get()]
        self._waiting.clear()
        if not waiting:
            return
        places, counts, rows = self._users.value() or ({}, [], b"")
        slots = [places.setdefault(event.user_id, len(places)) for event in waiting]
        states = np.zeros(len(places), HALVES)
        stored = np.frombuffer(rows, HALVES)
        states[: len(stored)] = stored
        counts += [0] * (len(places) - len(counts))
        tokens = np.array([event.product_id for event in waiting])
        answers = []
        found = self._model.many(tokens, np.array(slots), states)
        for event, slot, classes, confidences in zip(waiting, slots, *found, strict=True):
            answers.append(Row(event.user_id.encode(), self._encode(Answer(counts[slot], classes, confidences))))
            counts[slot] += 1
        self._users.update((places, counts, states.tobytes()))
        yield from answers


def bucket(value: bytes) -> int:
    """One of as many buckets as the topic has partitions."""
    return zlib.crc32(event_of(value).user_id.encode()) % PARTITIONS


if __name__ == "__main__":
    run(Predict(), bucket, Types.INT(), {"python.execution-mode": "thread", "pipeline.object-reuse": "true"})
