"""Where a microsecond goes: the engine's own functions on real records, timed step by step, without a broker.

Windows of records go from the bytes of a fetch to the bytes of a Produce request and to RocksDB, in one thread, through
the functions that a worker uses. What a worker spends besides (event loop, sockets, Faust) is what is missing here to
its processor time per event, which the benchmarks of throughput tell.
"""

import gc
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from faust.types import TP

from benchmarks import reference_logic
from benchmarks.peers.model import Model
from benchmarks.purchases import purchase_events
from benchmarks.purchases import records as purchase_records
from benchmarks.reference_events import Event, records, users_and_tokens
from benchmarks.reference_logic import ReferenceLogic
from benchmarks.reference_model import save_weights
from benchmarks.setting import Setting
from benchmarks.stopwatch import Stopwatch
from models.predict import BehaviourPredictor, load_behaviour
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, PRODUCT_FEATURES, PRODUCT_UPSERT, USER_BEHAVIOUR, USER_STATE, TopicSpec
from streams.app import WorkerBuilder
from streams.batcher.pipeline import FLUSH_BYTES, FLUSH_S
from streams.batcher.window import Window
from streams.collector import calm_collector
from streams.config import load_settings
from streams.device import choose_device
from streams.logic.answer import Logic
from streams.logic.behaviour import BehaviourLogic
from streams.state.rows import Rows
from streams.state.store import RowStore
from streams.transport.batch import Batch, make_batches
from streams.transport.outbox import BATCH_BYTES, Outbox, Outgoing
from streams.transport.records import read_records

WINDOW = 4_096  # events: as large as windows get, which they are whenever a worker is behind
WARM_WINDOWS = 3
STEPS = {  # in the order of an event's path
    "fetch": "bytes of a fetch to records, checksum included",
    "decode": "values to events",
    "rows_in_memory": "rows of users whom the worker has seen lately",
    "rows_of_disk": "rows of the others, RocksDB's multi-get",
    "answer": "group by user, gather and scatter rows, build the answer",
    "model": "the model",
    "encode": "predictions to values",
    "keep": "new rows readable by the next window",
    "outputs": "values to record batches",
    "changelog": "rows to record batches",
    "checksum": "header and checksum of batches",
    "disk": "rows to RocksDB, written behind",
}
# Where the logic's own steps are. The rest of `answer` is what these leave.
WITHIN: tuple[tuple[type | ModuleType, str, str], ...] = (
    (Codec, "decode_batch", "decode"),
    (Rows, "read", "rows_in_memory"),
    (RowStore, "read", "rows_of_disk"),
    (RowStore, "write", "disk"),
    (Model, "step", "model"),
    (reference_logic, "encode", "encode"),
    (BehaviourPredictor, "step", "model"),
    (BehaviourLogic, "_predictions", "encode"),
    (Batch, "encode", "checksum"),
)
Pair = tuple[bytes, bytes]


@dataclass(frozen=True)
class Job:
    """Events as keys and values, and what answers them."""

    source: TopicSpec
    changelog: TopicSpec
    pairs: Callable[[int], Iterable[Pair]]
    logic: Callable[[WorkerBuilder, Path], Logic]
    windows: int
    quick: int


def run(setting: Setting) -> dict[str, Any]:
    """{job: {"us_per_event": {step: microseconds}, "events", "windows"}}."""
    return {
        name: measure(job, setting.place(name), setting.pick(job.windows, job.quick)) for name, job in jobs().items()
    }


def jobs() -> dict[str, Job]:
    """The reference job and the shipped behaviour model."""
    state = TopicSpec("reference-state", "user_id", None, "state of the reference job", "compact")
    events = TopicSpec("reference-events", "user_id", Event, "events of the reference job", "delete")
    return {
        "reference": Job(events, state, _reference_pairs, _reference_logic, 40, 4),
        "shipped": Job(USER_BEHAVIOUR, USER_STATE, _shipped_pairs, _shipped_logic, 12, 2),
    }


def measure(job: Job, folder: Path, windows: int) -> dict[str, Any]:
    """Microseconds of each step for one event, after some windows of warm-up."""
    watch = Stopwatch()
    with _watched(watch), _workers_collector():
        settings = load_settings(overrides={"name": "steps", "state.dir": folder / "state"})
        choose_device("cpu", settings.models.threads)
        builder = WorkerBuilder(settings)
        rows = builder.table(job.source, job.changelog, shared=False)
        path = _Path(watch, job, rows, job.logic(builder, folder), Outbox(_Requests(), builder.clock))  # type: ignore[arg-type]
        fetches = list(_fetches(job.source.name, job.pairs((windows + WARM_WINDOWS) * WINDOW)))
        for number, fetch in enumerate(fetches):
            if number == WARM_WINDOWS:
                watch.seconds.clear()
            path.go(fetch)
        rows.flush()
    events = windows * WINDOW
    return {
        "us_per_event": {step: 1e6 * watch.seconds[step] / events for step in STEPS if watch.seconds[step]},
        "rows_per_event": path.rows_written / len(fetches) / WINDOW,
        "window_events": WINDOW,
        "events": events,
    }


class _Requests:
    """Stands where the producer does: numbers each batch and has its bytes made, and that is as far as it goes."""

    def produce(self, tp: TP, batch: Batch) -> None:
        batch.encode(1, 0, 0)


@dataclass
class _Path:
    watch: Stopwatch
    job: Job
    rows: Rows
    logic: Logic
    outbox: Outbox
    offset: int = 0
    rows_written: int = 0
    flushed: float = field(default_factory=time.monotonic)

    def go(self, fetch: dict[TP, tuple[int, bytes]]) -> None:
        """One window, all the way."""
        window = Window()
        with self.watch.measure("fetch"):
            for tp, (start, data) in fetch.items():
                window.add(tp, read_records(data, start, committed_only=True)[0])
        with self.watch.measure("answer"):
            answer = self.logic.answer(window, self.rows.read)
        with self.watch.measure("keep"):
            for tp, part in answer.partitions.items():
                self.rows.put(tp.partition, part.rows)
        with self.watch.measure("outputs"):
            for tp, part in answer.partitions.items():
                for topic, sent in part.outputs.items():
                    self.outbox.send(Outgoing(topic, tp.partition, sent.keys, sent.values))
        with self.watch.measure("changelog"):
            for tp, part in answer.partitions.items():
                keys, values = list(part.rows.keys()), list(part.rows.values())
                self.outbox.send(Outgoing(self.job.changelog.name, tp.partition, keys, values))
        with self.watch.measure("keep"):
            for tp, part in answer.partitions.items():
                self.offset += len(part.rows)
                self.rows_written += len(part.rows)
                self.rows.durable(tp.partition, self.offset)
        now = time.monotonic()
        if self.rows.waiting_bytes() > FLUSH_BYTES or now - self.flushed >= FLUSH_S:
            with self.watch.measure("disk"):
                self.rows.flush()
            self.flushed = now


def _fetches(topic: str, pairs: Iterable[Pair]) -> Iterator[dict[TP, tuple[int, bytes]]]:
    """Windows as a broker would send them: by partition, the first offset and the bytes of a batch."""
    following = dict.fromkeys(range(DEFAULT_PARTITIONS), 0)
    left = iter(pairs)
    while window := list(islice(left, WINDOW)):
        by_partition: dict[int, list[Pair]] = {}
        for key, value in window:
            by_partition.setdefault(crc32(key) % DEFAULT_PARTITIONS, []).append((key, value))
        fetch = {}
        for partition, mine in by_partition.items():
            start = following[partition]
            fetch[TP(topic, partition)] = (start, _batch(start, mine))
            following[partition] += len(mine)
        yield fetch


def _batch(start: int, pairs: Sequence[Pair]) -> bytes:
    """One batch (or more) from that offset on: a broker writes the first offset of each into its first eight bytes."""
    keys, values = zip(*pairs, strict=True)
    data = b""
    for batch in make_batches(keys, values, 0, BATCH_BYTES):
        data += struct.pack(">q", start) + batch.encode(-1, -1, -1)[8:]
        start += batch.count
    return data


@contextmanager
def _watched(watch: Stopwatch) -> Iterator[None]:
    """The functions in WITHIN are measured until the block is left.

    Errors: AttributeError when one is not there; then its successor belongs into WITHIN.
    """
    with ExitStack() as back:
        for owner, name, step in WITHIN:
            original = owner.__dict__.get(name)
            if original is None:
                raise AttributeError(f"{owner.__name__} has no {name}: say in WITHIN what does the step {step!r} now")
            setattr(owner, name, watch.watching(step, getattr(owner, name)))
            back.callback(setattr, owner, name, original)
        yield


@contextmanager
def _workers_collector() -> Iterator[None]:
    """Garbage is collected as seldom as in a worker."""
    before = gc.get_threshold()
    calm_collector()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _reference_pairs(events: int) -> Iterable[Pair]:
    return records(*users_and_tokens(events))


def _shipped_pairs(events: int) -> Iterable[Pair]:
    return purchase_records(purchase_events(events))


def _reference_logic(builder: WorkerBuilder, folder: Path) -> Logic:
    save_weights(folder / "weights.npz")
    return ReferenceLogic(folder / "weights.npz", clock=builder.clock)


def _shipped_logic(builder: WorkerBuilder, folder: Path) -> Logic:
    features = builder.table(PRODUCT_UPSERT, PRODUCT_FEATURES, shared=True)
    return BehaviourLogic(load_behaviour(), lambda keys: features.read(0, keys), (), builder.clock)
