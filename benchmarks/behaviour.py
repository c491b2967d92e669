"""The shipped behaviour model on real purchases: events a second with one worker, one prediction for each event."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from benchmarks import kafka, shop
from benchmarks.purchases import purchase_events, records
from benchmarks.serving import Serving
from benchmarks.setting import BenchmarkFailed, Setting
from schemas.topics import DEFAULT_PARTITIONS, USER_BEHAVIOUR, USER_PREDICTIONS

START_SECONDS = 60
SAMPLED = 2_000  # records whose size is looked at


def run(setting: Setting) -> dict[str, Any]:
    """Preload a part of the year, start the worker, watch user-predictions grow; and again with every head on."""
    opened = shop.open_shop(setting, "behaviour")
    events = _preload(setting, opened, setting.pick(200_000, 4_000))
    with opened.worker() as serving:
        ends = kafka.EndOffsets(setting.bootstrap, opened.topic(USER_PREDICTIONS.name), DEFAULT_PARTITIONS)
        kafka.watch(ends, 1, START_SECONDS, serving.process.alive, every=0.02)
        ends.close()
        cpu = serving.process.cpu_seconds()
        watched = shop.until_answered(opened, serving, USER_PREDICTIONS.name, events, setting.pick(180, 60))
        letters = serving.metric("shelfstream_dead_letters_total")
        memory, cpu = serving.process.peak_bytes(), serving.process.cpu_seconds() - cpu
    inputs = _mean_bytes(kafka.read(setting.bootstrap, opened.topic(USER_BEHAVIOUR.name), DEFAULT_PARTITIONS))
    outputs = _mean_bytes(kafka.read(setting.bootstrap, opened.topic(USER_PREDICTIONS.name), DEFAULT_PARTITIONS))
    return {
        "events_per_second": watched.rate,
        "events": events,
        "seconds": watched.seconds,
        "input_bytes_per_record": inputs,
        "output_bytes_per_record": outputs,
        "dead_letters": letters,
        "longest_pause_seconds": watched.longest_pause,
        "cpu_seconds": cpu,
        "peak_memory_bytes": memory,
        "all_heads": {emit: _all_heads(setting, emit) for emit in ("every", "latest")},
    }


class _Answered:
    """How many events the worker has answered, by its own count: with emit = "latest" not each has a prediction."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def total(self) -> int:
        """Those of all results."""
        return int(self._serving.metric("shelfstream_events_total", agent="behaviour"))

    def close(self) -> None:
        """Nothing is held."""


def _all_heads(setting: Setting, emit: str) -> dict[str, Any]:
    """The rate with the sessions' model on as well, which is off as shipped. Errors: BenchmarkFailed."""
    opened = shop.open_shop(setting, f"behaviour-{emit}")
    events = _preload(setting, opened, setting.pick(100_000, 4_000))
    with opened.worker(MODELS_SESSION="shipped", BEHAVIOUR_EMIT=emit) as serving:
        answered = _Answered(serving)
        kafka.watch(answered, 1, START_SECONDS, serving.process.alive)
        watched = kafka.watch(answered, events, setting.pick(120, 60), serving.process.alive, every=0.25)
    if watched.outputs != events:
        raise BenchmarkFailed(f"{watched.outputs:,} of {events:,} events were answered\n{serving.process.tail()}")
    return {"events_per_second": watched.rate, "events": events, "seconds": watched.seconds}


def _preload(setting: Setting, opened: shop.Shop, count: int) -> int:
    return kafka.preload(setting.bootstrap, opened.topic(USER_BEHAVIOUR.name), records(purchase_events(count)))


def _mean_bytes(records: Iterator[tuple[bytes, bytes]]) -> float:
    """Key and value of the first ones, before compression."""
    sizes = [len(key) + len(value) for key, value in islice(records, SAMPLED)]
    return sum(sizes) / max(1, len(sizes))
