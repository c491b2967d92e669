"""The shipped behaviour model on real purchases: events a second with one worker, one prediction for each event."""

from typing import Any

from benchmarks import kafka, shop
from benchmarks.purchases import purchase_events, records
from benchmarks.setting import Setting
from schemas.topics import USER_BEHAVIOUR, USER_PREDICTIONS


def run(setting: Setting) -> dict[str, Any]:
    """Preload a part of the year, start the worker, watch user-predictions grow."""
    opened = shop.open_shop(setting, "behaviour")
    purchases = purchase_events(setting.pick(200_000, 4_000))
    events = kafka.preload(setting.bootstrap, opened.topic(USER_BEHAVIOUR.name), records(purchases))
    with opened.worker() as serving:
        watched = shop.until_answered(opened, serving, USER_PREDICTIONS.name, events, setting.pick(180, 60))
        letters = serving.metric("shelfstream_dead_letters_total")
        memory, cpu = serving.process.peak_bytes(), serving.process.cpu_seconds()
    return {
        "events_per_second": watched.rate,
        "events": events,
        "seconds": watched.seconds,
        "dead_letters": letters,
        "longest_pause_seconds": watched.longest_pause,
        "cpu_seconds_with_start": cpu,
        "peak_memory_bytes": memory,
    }
