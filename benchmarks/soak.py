"""Half an hour of steady load: does the worker's memory stay flat, and does it keep handles or threads?

The reference job at 2,000 events/s from an open loop; every five seconds the worker's memory, open files and threads
are looked at. The first third is warm-up: caches fill until they reach their bounds. Those of the state are set low, so
that they are reached, and each partition's table files are merged many times: at the usual sizes, the files of a
partition are merged once an hour at this rate, and half an hour would show the climb between two merges as growth.
"""

import threading
import time
from dataclasses import asdict, astuple, dataclass
from typing import Any

from benchmarks import reference_worker
from benchmarks.open_loop import PATIENCE_SECONDS, OpenLoop
from benchmarks.processes import Worker
from benchmarks.reference_events import PARTITIONS
from benchmarks.setting import BenchmarkFailed, Setting
from benchmarks.trend import slope

MIB = 1024 * 1024
RATE = 2_000
SAMPLE_SECONDS, QUICK_SAMPLE_SECONDS = 5.0, 0.5
QUICK_MINUTES = 0.25
WARM_SHARE = 1 / 3
NEGLIGIBLE = 0.01  # of the memory an hour: allocators keep a page now and then
BOUNDS = {"STATE_CACHE_BYTES": str(16 * MIB), "STATE_WRITE_BUFFER_BYTES": str(8 * MIB)}


@dataclass(frozen=True)
class Sample:
    """The worker at one moment; `pss_bytes` shares out what processes have in common."""

    seconds: float
    resident_bytes: int
    pss_bytes: int
    handles: int
    threads: int


class Sampler:
    """Looks at a worker now and then, on a thread of its own, until it is stopped."""

    def __init__(self, worker: Worker, every_seconds: float) -> None:
        self.samples: list[Sample] = []
        self._worker, self._every = worker, every_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(10)

    def _look(self) -> None:
        began = time.monotonic()
        while not self._stopped.wait(self._every):
            worker = self._worker
            if not worker.alive():
                return
            now = time.monotonic() - began
            self.samples.append(
                Sample(now, worker.resident_bytes(), worker.pss_bytes(), worker.handles(), worker.threads())
            )


def run(setting: Setting) -> dict[str, Any]:
    """Trends after the warm-up, the latency of all of it, and the samples as rows. Errors: BenchmarkFailed."""
    minutes = QUICK_MINUTES if setting.quick else setting.minutes
    job = reference_worker.make_job(setting, "soak")
    with job.worker(**BOUNDS) as serving:
        serving.wait_ready()
        loop = OpenLoop(setting.bootstrap, job.source, job.target, PARTITIONS)
        every = QUICK_SAMPLE_SECONDS if setting.quick else SAMPLE_SECONDS
        try:
            with Sampler(serving.process, every) as sampler:
                outcome = loop.run(reference_worker.load(RATE, int(RATE * 60 * minutes)))
        finally:
            loop.close()
        if outcome.missing or not serving.process.alive():
            raise BenchmarkFailed(
                f"{outcome.missing:,} answers did not come within {PATIENCE_SECONDS:g} s\n{serving.process.tail()}"
            )
    job.drop()
    return {
        "minutes": minutes,
        "offered_per_second": RATE,
        **told(sampler.samples),
        "latency": outcome.latency().summary(),
        "samples": {"columns": list(Sample.__dataclass_fields__), "rows": [astuple(one) for one in sampler.samples]},
    }


def told(samples: list[Sample]) -> dict[str, Any]:
    """Slopes of the memory, and how many more handles and threads there are at the end than after the warm-up."""
    steady = samples[int(len(samples) * WARM_SHARE) :]
    times = [one.seconds for one in steady]
    memory = slope(times, [one.resident_bytes for one in steady])
    shared = slope(times, [one.pss_bytes for one in steady])
    handles, threads = slope(times, [one.handles for one in steady]), slope(times, [one.threads for one in steady])
    return {
        "memory_slope_bytes_per_hour": asdict(memory),
        "pss_slope_bytes_per_hour": asdict(shared),
        "memory_is_flat": float(memory.is_noise or memory.high < NEGLIGIBLE * steady[0].resident_bytes),
        "memory_first_bytes": steady[0].resident_bytes,
        "memory_last_bytes": steady[-1].resident_bytes,
        "handles_first": steady[0].handles,
        "handles_last": steady[-1].handles,
        "handles_slope_per_hour": asdict(handles),
        "handles_grown": _grown([one.handles for one in steady]),
        "threads_grown": _grown([one.threads for one in steady]),
        "threads_slope_per_hour": asdict(threads),
    }


def _grown(counts: list[int]) -> int:
    """How many more there never were less than, in the last third, than in the first: what comes and goes is none."""
    third = max(1, len(counts) // 3)
    return min(counts[-third:]) - min(counts[:third])
