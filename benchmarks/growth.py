"""What an event costs as the users in state grow from 10,000 to 5,000,000, and the partitions from 4 to 64.

For each size: the changelog is filled with one row a user, a worker without local state recovers it, works off what
RocksDB still has to do, and ends. Then, for users drawn evenly from all (the worst case: nothing stays warm) and drawn
as in a shop (Zipf: few users have most of the events), events are preloaded and a worker on that state answers them.
It is the reference job and its row of 272 bytes: 5,000,000 of the shipped model's, of 2 KiB, would be 10 GB of
changelog and as much again of RocksDB, more than a benchmark should ask of a disk; `--users` chooses the sizes.

The cost is time per event from the first tenth of the answers to the last, and the worker's processor time per event.
"""

import shutil
from collections.abc import Sequence
from typing import Any

from benchmarks import kafka, reference_worker, state_rows
from benchmarks.reference_events import PARTITIONS, records
from benchmarks.reference_worker import Job
from benchmarks.serving import Serving
from benchmarks.setting import BenchmarkFailed, Setting
from benchmarks.state_rows import Draw

USERS = (10_000, 100_000, 1_000_000, 5_000_000)
QUICK_USERS = (2_000, 20_000)
MANY_PARTITIONS = (4, 16, 64)
QUICK_PARTITIONS = (4, 16)
USERS_OF_PARTITIONS = 100_000
DRAWS: tuple[Draw, ...] = ("uniform", "zipf")
START_SECONDS, RUN_SECONDS = 60, 120
ROWS_A_SECOND = 20_000  # a recovery slower than this has failed
SETTLE_SECONDS = 30


def run(setting: Setting) -> dict[str, Any]:
    """{"users": {size: figures}, "partitions": {number: figures}, and what the last costs over the first}."""
    sizes = setting.users or (QUICK_USERS if setting.quick else USERS)
    numbers = QUICK_PARTITIONS if setting.quick else MANY_PARTITIONS
    events = setting.pick(400_000, 30_000)
    few = min(USERS_OF_PARTITIONS, max(sizes))
    users = {str(size): _grown(setting, size, PARTITIONS, events, DRAWS) for size in sizes}
    partitions = {str(number): _grown(setting, few, number, events, DRAWS[:1]) for number in numbers}
    return {
        "row_bytes": len(state_rows.reference_rows()[0]),
        "events": events,
        "users": users,
        "partitions": partitions,
        "users_ratio": {draw: _ratios(users, draw) for draw in DRAWS},
        "partitions_ratio": _ratios(partitions, DRAWS[0]),
        "peak_memory_bytes": max(one["peak_memory_bytes"] for one in users.values()),
    }


def _ratios(sizes: dict[str, dict[str, Any]], draw: str) -> dict[str, float]:
    """How many times as much an event costs at the last size as at the first."""
    found = list(sizes.values())
    first, last = found[0][draw], found[-1][draw]
    return {name: last[name] / first[name] for name in ("us_per_event", "cpu_us_per_event")}


def _grown(setting: Setting, users: int, partitions: int, events: int, draws: Sequence[Draw]) -> dict[str, Any]:
    name = f"growth-{users}-{partitions}"
    job = reference_worker.make_job(setting, name, partitions)
    try:
        kafka.preload(setting.bootstrap, job.changelog, state_rows.keyed(state_rows.reference_rows(), users))
        figures = _recovered(job, users)
        for draw in draws:
            figures[draw] = _answered(job, users, events, draw)
    finally:
        job.drop()
        shutil.rmtree(setting.folder / name, ignore_errors=True)
    memory = [figures["memory_of_recovery_bytes"], *(figures[draw]["peak_memory_bytes"] for draw in draws)]
    return {**figures, "peak_memory_bytes": max(memory)}


def _recovered(job: Job, users: int) -> dict[str, Any]:
    """One worker takes all rows from the changelog and leaves them on its disk."""
    with job.worker() as serving:
        serving.wait_ready(START_SECONDS + users / ROWS_A_SECOND)
        serving.wait_idle(SETTLE_SECONDS)
        rows = serving.metric("shelfstream_recovered_rows_total")
        if rows < users:
            raise BenchmarkFailed(f"{rows:,.0f} of {users:,} rows were recovered\n{serving.process.tail()}")
        return {"memory_of_recovery_bytes": serving.process.peak_bytes()}


def _answered(job: Job, users: int, events: int, draw: Draw) -> dict[str, float]:
    """A worker on that state answers events that were there before it."""
    drawn = state_rows.drawn_users(users, events, draw)
    ends = kafka.EndOffsets(job.setting.bootstrap, job.target, job.partitions)
    try:
        before = ends.total()
        kafka.preload(job.setting.bootstrap, job.source, records(drawn, state_rows.drawn_tokens(events)))
        with job.worker() as serving:
            return _watched(serving, ends, before, events)
    finally:
        ends.close()


def _watched(serving: Serving, ends: kafka.Counter, before: int, events: int) -> dict[str, float]:
    process = serving.process
    warm = kafka.watch(ends, before + events // 10, START_SECONDS, process.alive)
    cpu = process.cpu_seconds()
    watched = kafka.watch(ends, before + events, RUN_SECONDS, process.alive)
    cpu = process.cpu_seconds() - cpu
    (began, first), (ended, last) = watched.samples[0], watched.samples[-1]
    if last < before + events or last == first:
        raise BenchmarkFailed(
            f"{last - before:,} of {events:,} answers, {warm.outputs - before:,} of them at first\n{process.tail()}"
        )
    return {
        "events_per_second": (last - first) / (ended - began),
        "us_per_event": 1e6 * (ended - began) / (last - first),
        "cpu_us_per_event": 1e6 * cpu / (last - first),
        "peak_memory_bytes": process.peak_bytes(),
        "resident_bytes": process.resident_bytes(),
    }
