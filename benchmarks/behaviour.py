"""The shipped behaviour model on real purchases: events a second with one worker, one prediction for each event."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from benchmarks import kafka, shop
from benchmarks.purchases import purchase_events, records
from benchmarks.setting import Setting
from schemas.topics import DEFAULT_PARTITIONS, USER_BEHAVIOUR, USER_PREDICTIONS

START_SECONDS = 60
SAMPLED = 2_000  # records whose size is looked at


def run(setting: Setting) -> dict[str, Any]:
    """Preload a part of the year, start the worker, watch user-predictions grow."""
    opened = shop.open_shop(setting, "behaviour")
    purchases = purchase_events(setting.pick(200_000, 4_000))
    events = kafka.preload(setting.bootstrap, opened.topic(USER_BEHAVIOUR.name), records(purchases))
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
    }


def _mean_bytes(records: Iterator[tuple[bytes, bytes]]) -> float:
    """Key and value of the first ones, before compression."""
    sizes = [len(key) + len(value) for key, value in islice(records, SAMPLED)]
    return sum(sizes) / max(1, len(sizes))
