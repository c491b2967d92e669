"""How fast state comes back: rows a second from the changelog, beside stock Faust, and a failover to a standby.

Our rate is that of `million_users`, which runs before this one: rows of the shipped model over the time from the last
moment without one to the moment with all. Stock Faust's table in RocksDB is given rows of the same bytes. It does not
say how far it is, so its time is that from its start to the answer to an event, less the same without any rows.
"""

import time
from typing import Any

from benchmarks import failover, kafka, state_rows
from benchmarks.processes import running
from benchmarks.reference_events import PARTITIONS, records, users_and_tokens
from benchmarks.reference_model import job_environment
from benchmarks.setting import BenchmarkFailed, Setting

MODULE = "benchmarks.peers.stock_faust_batched"
APP = "stock-faust-batched"  # as that program names itself; Faust names the changelog for it
LIMIT_SECONDS = 150
POLL_SECONDS = 0.02


def run(setting: Setting) -> dict[str, Any]:
    """Rates of both, how many times faster ours is, and the failover."""
    ours = setting.found.get("million_users", {}).get("recovered_rows_per_second")
    stock = stock_faust(setting, setting.pick(100_000, 30_000))
    figures: dict[str, Any] = {"stock_faust": stock, "failover": failover.measure(setting)}
    if ours is not None:
        figures["recovered_rows_per_second"] = ours
        figures["times_stock_faust"] = ours / stock["recovered_rows_per_second"]
    return figures


def stock_faust(setting: Setting, rows: int) -> dict[str, float]:
    """Rows a second of stock Faust's recovery. Errors: BenchmarkFailed."""
    without = _start_to_answer(setting, "stock-empty", 0)
    taken = _start_to_answer(setting, "stock-recovery", rows)
    if taken <= without:
        raise BenchmarkFailed(f"{rows:,} rows took {taken:.1f} s, and none took {without:.1f} s: too few rows to tell")
    return {
        "recovered_rows_per_second": rows / (taken - without),
        "recovered_rows": rows,
        "start_to_answer_seconds": taken,
        "start_to_answer_without_rows_seconds": without,
    }


def _start_to_answer(setting: Setting, name: str, rows: int) -> float:
    """Seconds from the start of a worker with so many rows in its changelog to its answer to one event."""
    source, target = setting.topic(f"{name}-events"), setting.topic(f"{name}-answers")
    changelog = f"{APP}-{source}-state-changelog"
    topics = {source: {}, target: {}, changelog: {"cleanup.policy": "compact"}}
    kafka.create_topics(setting.bootstrap, topics, PARTITIONS)
    if rows:
        real = state_rows.shipped_rows(setting.pick(30_000, 10_000))
        kafka.preload(setting.bootstrap, changelog, state_rows.keyed(real, rows))
    users, tokens = users_and_tokens(1)
    kafka.preload(setting.bootstrap, source, records(users + rows, tokens))  # a user without a row
    folder = setting.place(name)
    environment = job_environment(setting.bootstrap, source, target, folder)
    ends = kafka.EndOffsets(setting.bootstrap, target, PARTITIONS)
    try:
        began = time.monotonic()
        arguments = ["-m", MODULE, "worker", "--without-web", "--loglevel", "info"]
        with running(arguments, environment, folder / "worker.log") as worker:
            watched = kafka.watch(ends, 1, LIMIT_SECONDS, worker.alive, every=POLL_SECONDS)
            if not watched.outputs:
                raise BenchmarkFailed(f"stock Faust did not recover {rows:,} rows\n{worker.tail()}")
            return time.monotonic() - began
    finally:
        ends.close()
        kafka.delete_topics(setting.bootstrap, list(topics))
