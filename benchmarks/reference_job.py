"""The reference job: tokens -> 64-unit LSTM -> 64 classes, state in RocksDB, changelog on, one output per event.

Three workers, one after the other on the same broker, each with one process and 4 partitions: stock Faust as its
documentation teaches, stock Faust batched with `take`, and shelfstream. All read the same sequence of events,
preloaded; the stock workers stop after its beginning, because their rate is steady and the whole would take minutes.
Each rate is measured from outside, as growth of the output topic; each run counts its outputs and compares the users
with the most events against a model stepped one event at a time.
"""

from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np

from benchmarks import kafka
from benchmarks.processes import running
from benchmarks.reference_model import PARTITIONS, Answer, Checked, changelog, check, records, users_and_tokens
from benchmarks.setting import BenchmarkFailed, Setting

CHECKED_USERS = 50
WORKERS = {  # name -> (program, events of a full run, of a quick run)
    "stock_faust_event": ("benchmarks.peers.stock_faust_event", 20_000, 2_000),
    "stock_faust_batched": ("benchmarks.peers.stock_faust_batched", 30_000, 4_000),
    "shelfstream": ("benchmarks.peers.shelfstream_reference", 600_000, 60_000),
}
START_SECONDS, RUN_SECONDS = 60, 180
COMPACTED = {"cleanup.policy": "compact"}


def run(setting: Setting) -> dict[str, Any]:
    """Rates of all three workers and how many times faster ours is."""
    figures: dict[str, Any] = {}
    for name, (program, full, quick) in WORKERS.items():
        figures[name] = one(setting, name, program, setting.pick(full, quick))
    ours = figures["shelfstream"]["events_per_second"]
    figures["times_stock_faust_batched"] = ours / figures["stock_faust_batched"]["events_per_second"]
    figures["times_stock_faust_event"] = ours / figures["stock_faust_event"]["events_per_second"]
    return figures


def one(setting: Setting, name: str, program: str, events: int) -> dict[str, Any]:
    """Preload, run one worker, check its outputs. Errors: BenchmarkFailed."""
    source, target = setting.topic(f"{name}-events"), setting.topic(f"{name}-answers")
    kafka.create_topics(setting.bootstrap, {source: {}, target: {}, changelog(source): COMPACTED}, PARTITIONS)
    users, tokens = users_and_tokens(events)
    kafka.preload(setting.bootstrap, source, records(users, tokens))
    folder = setting.place(name)
    environment = {"BENCH_BROKER": setting.bootstrap, "BENCH_TOPICS": f"{source},{target}", "BENCH_FOLDER": str(folder)}
    ends = kafka.EndOffsets(setting.bootstrap, target, PARTITIONS)
    try:
        arguments = ["-m", program, "worker", "--without-web", "--loglevel", "info"]
        with running(arguments, environment, folder / "worker.log") as worker:
            started = kafka.watch(ends, 1, START_SECONDS, worker.alive, every=0.02)
            cpu_before = worker.cpu_seconds()
            watched = kafka.watch(ends, events, RUN_SECONDS, worker.alive)
            cpu, memory = worker.cpu_seconds() - cpu_before, worker.peak_bytes()
            if watched.outputs < events:
                raise BenchmarkFailed(f"{name}: {watched.outputs:,} of {events:,} outputs\n{worker.tail()}")
    finally:
        ends.close()
    checked = _compare(setting.bootstrap, target, name, users, tokens)
    return {
        "events_per_second": watched.rate,
        "events": events,
        "seconds": watched.seconds,
        "first_output_after_seconds": started.samples[-1][0],
        "longest_pause_seconds": watched.longest_pause,
        "best_second_events": watched.best_second,
        "cpu_seconds": cpu,
        "peak_memory_bytes": memory,
        "checked": asdict(checked),
    }


def _compare(bootstrap: str, target: str, name: str, users: np.ndarray, tokens: np.ndarray) -> Checked:
    most = [user for user, _ in Counter(users.tolist()).most_common(CHECKED_USERS)]
    sequences = {f"user-{user}": tokens[users == user].tolist() for user in most}
    decode, answers, count = msgspec.msgpack.Decoder(Answer).decode, defaultdict(list), 0
    for key, value in kafka.read(bootstrap, target, PARTITIONS):
        count += 1
        user = key.decode()
        if user in sequences:
            answers[user].append(decode(value))
    if count != len(users):
        raise BenchmarkFailed(f"{name}: {count:,} outputs for {len(users):,} events")
    for given in answers.values():
        if [answer.offset for answer in given] != sorted({answer.offset for answer in given}):
            raise BenchmarkFailed(f"{name}: a user's answers are repeated or out of order")
    checked = check(sequences, answers)
    if checked.wrong or checked.answers < CHECKED_USERS:
        raise BenchmarkFailed(
            f"{name}: {checked.wrong} of {checked.answers} checked answers are wrong, by {checked.worst:.3g}"
        )
    return checked
