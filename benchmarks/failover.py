"""From the death of a worker to the answers of its standby, beyond the session timeout that nobody can be faster than.

Two workers share the reference job, each keeping the other's state warm. Both have all rows; events come at a steady
rate; one worker is killed. For every partition the first answer to an event that was due after the kill tells when it
is served again; the slowest partition counts. The same is done without standbys, where the survivor reads the rows of
the dead worker from the changelog first.
"""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import kafka, reference_worker, state_rows
from benchmarks.open_loop import OpenLoop, Outcome
from benchmarks.reference_events import PARTITIONS
from benchmarks.serving import Serving
from benchmarks.setting import BenchmarkFailed, Setting

SESSION_SECONDS = 6  # the least that a broker grants by default
RATE = 500
BEFORE_SECONDS = 4  # of events, until the kill
AFTER_SECONDS = 14  # of events, after it: longer than the session and what comes then
PATIENCE_SECONDS = 30.0
JOIN_SECONDS, WARM_SECONDS, SETTLE_SECONDS = 60, 120, 20
RECOVERED = "shelfstream_recovered_rows_total"


@dataclass
class _Kill:
    at: float = 0.0


def measure(setting: Setting) -> dict[str, Any]:
    """{"standby": figures, "cold": figures}. Errors: BenchmarkFailed."""
    rows = setting.pick(400_000, 20_000)
    return {name: _failover(setting, name, rows, standbys) for name, standbys in (("standby", 1), ("cold", 0))}


def back_after(outcome: Outcome, killed: float) -> float:
    """Seconds from the kill until the last partition was served again, by the events that were due after it.

    Errors: BenchmarkFailed when a partition was not.
    """
    back = []
    for partition in np.unique(outcome.partition):
        mine = (outcome.partition == partition) & (outcome.due > killed) & ~np.isnan(outcome.seen)
        if not mine.any():
            raise BenchmarkFailed(f"partition {partition} was not served again after its worker was killed")
        back.append(float(outcome.seen[mine].min()) - killed)
    return max(back)


def _failover(setting: Setting, name: str, rows: int, standbys: int) -> dict[str, Any]:
    job = reference_worker.make_job(setting, f"failover-{name}")
    kafka.preload(setting.bootstrap, job.changelog, state_rows.keyed(state_rows.reference_rows(), rows))
    settings = {"STATE_STANDBYS": str(standbys), "KAFKA_SESSION_TIMEOUT_S": str(SESSION_SECONDS)}
    kill = _Kill()
    with ExitStack() as workers:
        doomed, survivor = (workers.enter_context(job.worker(one, **settings)) for one in ("doomed", "survivor"))
        _wait_for_shares(doomed, survivor)
        _wait_for_rows(doomed, survivor, rows, standbys)
        loop = OpenLoop(setting.bootstrap, job.source, job.target, PARTITIONS)
        try:
            killing = threading.Timer(BEFORE_SECONDS, _end, (doomed, kill))
            killing.start()
            load = reference_worker.load(RATE, RATE * (BEFORE_SECONDS + AFTER_SECONDS))
            outcome = loop.run(load, PATIENCE_SECONDS)
            killing.join()
        finally:
            loop.close()
        if outcome.missing:
            raise BenchmarkFailed(f"{outcome.missing:,} events were not answered\n{survivor.process.tail()}")
    job.drop()
    seconds = back_after(outcome, kill.at)
    return {
        "seconds_after_kill": seconds,
        "session_timeout_seconds": SESSION_SECONDS,
        "seconds_after_session_timeout": seconds - SESSION_SECONDS,
        "longest_latency_seconds": float(np.nanmax(outcome.seen - outcome.due)),
        "rows": rows,
        "events": len(outcome.due),
    }


def _end(worker: Serving, kill: _Kill) -> None:
    kill.at = time.monotonic()
    worker.process.kill()


def _wait_for_shares(*workers: Serving) -> None:
    """Until the group has given each worker half of the partitions and their state is ready."""
    share = f"gives this worker {PARTITIONS // len(workers)} partitions"
    deadline = time.monotonic() + JOIN_SECONDS
    while not all(share in worker.process.log.read_text(errors="replace") for worker in workers):
        _check(workers, deadline, "the workers did not share the partitions")
    for worker in workers:
        worker.wait_ready(WARM_SECONDS)


def _wait_for_rows(doomed: Serving, survivor: Serving, rows: int, standbys: int) -> None:
    """Until both together have read every row, and once more for each standby."""
    deadline = time.monotonic() + WARM_SECONDS
    while doomed.metric(RECOVERED) + survivor.metric(RECOVERED) < rows * (1 + standbys):
        _check((doomed, survivor), deadline, f"{rows:,} rows were not recovered by both workers")
    for worker in (doomed, survivor):
        worker.wait_idle(SETTLE_SECONDS)


def _check(workers: tuple[Serving, ...], deadline: float, failure: str) -> None:
    if time.monotonic() > deadline or not all(worker.process.alive() for worker in workers):
        raise BenchmarkFailed("\n".join([failure, *(worker.process.tail(8) for worker in workers)]))
    time.sleep(0.05)
