"""The reference job: tokens -> 64-unit LSTM -> 64 classes, state per user kept by the engine, one output per event.

Here with stock Faust as its documentation teaches, stock Faust batched with `take`, and shelfstream, one after the
other on the same broker, each with one process and 4 partitions; `other_engines` adds those that are not Faust. All
read the same sequence of events, preloaded; the slower ones stop after its beginning, because their rate is steady and
the whole would take minutes. Each rate is measured from outside, as growth of the output topic; each run counts its
outputs and compares the users with the most events against a model stepped one event at a time.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks import kafka
from benchmarks.processes import running
from benchmarks.reference_model import (
    PARTITIONS,
    Answer,
    Checked,
    changelog,
    check,
    job_environment,
    records,
    users_and_tokens,
)
from benchmarks.setting import BenchmarkFailed, Setting

CHECKED_USERS = 50
START_SECONDS, RUN_SECONDS = 120, 180  # Flink takes half a minute to its first output, more on a busy machine
COMPACTED = {"cleanup.policy": "compact"}
FAUST = ("worker", "--without-web", "--loglevel", "info")


@dataclass(frozen=True)
class Program:
    """A worker that does the job, and how many events a full and a quick run give it."""

    module: str
    full: int
    quick: int
    arguments: tuple[str, ...] = ()
    python: Path | None = None  # of an environment of its own
    environment: dict[str, str] = field(default_factory=dict)
    answers: bool = True  # False: its outputs are only counted


PROGRAMS = {
    "stock_faust_event": Program("benchmarks.peers.stock_faust_event", 20_000, 2_000, FAUST),
    "stock_faust_batched": Program("benchmarks.peers.stock_faust_batched", 30_000, 4_000, FAUST),
    "shelfstream": Program("benchmarks.peers.shelfstream_reference", 600_000, 60_000),
}


def run(setting: Setting) -> dict[str, Any]:
    """Rates of all three workers and how many times faster ours is."""
    figures: dict[str, Any] = {}
    for name, program in PROGRAMS.items():
        figures[name] = one(setting, name, program, setting.pick(program.full, program.quick))
    ours = figures["shelfstream"]["events_per_second"]
    figures["times_stock_faust_batched"] = ours / figures["stock_faust_batched"]["events_per_second"]
    figures["times_stock_faust_event"] = ours / figures["stock_faust_event"]["events_per_second"]
    return figures


def one(
    setting: Setting, name: str, program: Program, events: int, counter: Callable[..., kafka.Counter] = kafka.EndOffsets
) -> dict[str, Any]:
    """Preload, run one worker, check its outputs. Errors: BenchmarkFailed.

    `counter` makes what tells the number of outputs, from broker, topic and partitions.
    """
    source, target = setting.topic(f"{name}-events"), setting.topic(f"{name}-answers")
    kafka.create_topics(setting.bootstrap, {source: {}, target: {}, changelog(source): COMPACTED}, PARTITIONS)
    users, tokens = users_and_tokens(events)
    kafka.preload(setting.bootstrap, source, records(users, tokens))
    folder = setting.place(name)
    environment = job_environment(setting.bootstrap, source, target, folder) | program.environment
    ends = counter(setting.bootstrap, target, PARTITIONS)
    try:
        arguments = ["-m", program.module, *program.arguments]
        with running(arguments, environment, folder / "worker.log", program.python) as worker:
            started = kafka.watch(ends, 1, START_SECONDS, worker.alive, every=0.02)
            cpu_before = worker.cpu_seconds()
            watched = kafka.watch(ends, events, RUN_SECONDS, worker.alive)
            cpu, memory = worker.cpu_seconds() - cpu_before, worker.peak_bytes()
            if watched.outputs < events:
                raise BenchmarkFailed(f"{name}: {watched.outputs:,} of {events:,} outputs\n{worker.tail()}")
    finally:
        ends.close()
    checked = _compare(setting.bootstrap, target, name, users, tokens, answers=program.answers)
    return {
        "events_per_second": watched.rate,
        "events": events,
        "seconds": watched.seconds,
        "first_output_after_seconds": started.samples[-1][0],
        "longest_pause_seconds": watched.longest_pause,
        "best_second_events": watched.best_second,
        "cpu_seconds": cpu,
        "peak_memory_bytes": memory,
        "checked": None if checked is None else asdict(checked),
    }


def _compare(
    bootstrap: str, target: str, name: str, users: np.ndarray, tokens: np.ndarray, *, answers: bool
) -> Checked | None:
    """Count the outputs, and compare those of the users with the most events. Errors: BenchmarkFailed."""
    most = [user for user, _ in Counter(users.tolist()).most_common(CHECKED_USERS)] if answers else []
    sequences = {f"user-{user}": tokens[users == user].tolist() for user in most}
    decode, given, count = msgspec.msgpack.Decoder(Answer).decode, defaultdict(list), 0
    for key, value in kafka.read(bootstrap, target, PARTITIONS):
        count += 1
        user = key.decode()
        if user in sequences:
            given[user].append(decode(value))
    if count != len(users):
        raise BenchmarkFailed(f"{name}: {count:,} outputs for {len(users):,} events")
    if not answers:
        return None
    for one_user in given.values():
        if [answer.offset for answer in one_user] != sorted({answer.offset for answer in one_user}):
            raise BenchmarkFailed(f"{name}: a user's answers are repeated or out of order")
    checked = check(sequences, given)
    if checked.wrong or checked.answers < CHECKED_USERS:
        raise BenchmarkFailed(
            f"{name}: {checked.wrong} of {checked.answers} checked answers are wrong, by {checked.worst:.3g}"
        )
    return checked
