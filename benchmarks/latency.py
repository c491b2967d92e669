"""From the scheduled sending of an event to its prediction in a consumer's hands, at several rates offered.

The reference job and the shipped behaviour model, each with one worker, and beside them the broker alone: the same
loop with nothing between. `open_loop` says how it is measured.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, TypeAlias

import msgspec
from confluent_kafka import Message

from benchmarks import kafka, reference_worker, shop
from benchmarks.open_loop import PATIENCE_SECONDS, Load, OpenLoop
from benchmarks.purchases import purchase_events, records
from benchmarks.reference_events import PARTITIONS
from benchmarks.serving import Serving
from benchmarks.setting import BenchmarkFailed, Setting
from schemas.predictions import UserPrediction
from schemas.topics import DEFAULT_PARTITIONS, USER_BEHAVIOUR, USER_PREDICTIONS

REFERENCE_RATES = (100, 1_000, 5_000)
SHIPPED_RATES = (100, 500)
WARM_SECONDS = 5  # not counted, at each rate
MEASURED_SECONDS, QUICK_SECONDS = 20, 3
FLOOR_SECONDS = 5  # of the broker alone, at each rate
BROKER_WARM_SECONDS = 20  # at the highest rate, before all else: a new JVM compiles its code beside what is measured
FAST, FAST_LINGER_MS = (
    2_000,
    1.0,
)  # above so many a second one client sends in batches (the Java client's default: 5 ms)
_Places: TypeAlias = tuple[str, str, str, int]  # broker, source, target, partitions
_MakeLoad: TypeAlias = Callable[[float, int], Load]
_prediction = msgspec.msgpack.Decoder(UserPrediction).decode


def run(setting: Setting) -> dict[str, Any]:
    """{"reference": {rate: figures}, "shipped": …, "broker": …}; figures as `Durations.summary` gives them."""
    seconds = setting.pick(MEASURED_SECONDS, QUICK_SECONDS)
    return {
        "reference": reference(setting, "latency-reference", REFERENCE_RATES, seconds),
        "shipped": shipped(setting, SHIPPED_RATES, seconds),
        "broker": broker_alone(setting, REFERENCE_RATES, setting.pick(FLOOR_SECONDS, 2)),
    }


def reference(
    setting: Setting, name: str, rates: Sequence[int], seconds: int, **settings: str
) -> dict[str, dict[str, Any]]:
    """Figures of the reference job by rate, one worker for all. `settings` of the worker by variable name.

    Errors: BenchmarkFailed.
    """
    job = reference_worker.make_job(setting, name)
    places = (setting.bootstrap, job.source, job.target, PARTITIONS)
    with job.worker(**settings) as serving:
        serving.wait_ready()
        _warm_up(places, reference_worker.load, max(rates), setting.pick(BROKER_WARM_SECONDS, 2))
        return _at_rates(places, rates, seconds, reference_worker.load, serving)


def shipped(setting: Setting, rates: Sequence[int], seconds: int) -> dict[str, dict[str, Any]]:
    """Figures of the shipped behaviour model on real purchases, by rate. Errors: BenchmarkFailed."""
    opened = shop.open_shop(setting, "latency-shipped")
    source, target = opened.topic(USER_BEHAVIOUR.name), opened.topic(USER_PREDICTIONS.name)
    with opened.worker() as serving:
        serving.wait_ready()
        places = (setting.bootstrap, source, target, DEFAULT_PARTITIONS)
        return _at_rates(places, rates, seconds, _make_purchases(rates, seconds), serving)


def broker_alone(setting: Setting, rates: Sequence[int], seconds: int) -> dict[str, dict[str, Any]]:
    """What machine, broker, sender and consumer take: from the scheduled sending of a record to that record."""
    topic = setting.topic("latency-broker")
    kafka.create_topics(setting.bootstrap, {topic: {}}, PARTITIONS)
    places = (setting.bootstrap, topic, topic, PARTITIONS)
    return {str(rate): _measure(places, _itself(rate, rate * (1 + seconds)), rate) for rate in rates}


def _warm_up(places: _Places, make: _MakeLoad, rate: int, seconds: int) -> None:
    with closing(OpenLoop(*places, FAST_LINGER_MS)) as loop:
        loop.run(make(rate, rate * seconds))


def _at_rates(
    places: _Places, rates: Sequence[int], seconds: int, make: _MakeLoad, serving: Serving
) -> dict[str, dict[str, Any]]:
    return {
        str(rate): _measure(places, make(rate, rate * (WARM_SECONDS + seconds)), rate * WARM_SECONDS, serving)
        for rate in rates
    }


def _measure(places: _Places, load: Load, warm: int, serving: Serving | None = None) -> dict[str, Any]:
    """One rate, the first `warm` events not counted."""
    cpu = serving.process.cpu_seconds() if serving else 0.0
    with closing(OpenLoop(*places, FAST_LINGER_MS if load.rate > FAST else 0)) as loop:
        outcome = loop.run(load)
    if outcome.missing:
        raise BenchmarkFailed(
            f"{outcome.missing:,} of {load.events:,} answers did not come within {PATIENCE_SECONDS:g} s "
            f"at {load.rate:,} events/s\n{serving.process.tail() if serving else ''}"
        )
    late = outcome.lateness(warm)
    figures = {
        **outcome.latency(warm).summary(),
        "offered_per_second": load.rate,
        "sender_late_p50_ms": late.ms(50),
        "sender_late_p99_ms": late.ms(99),
        "sender_late_max_ms": late.ms(100),
    }
    if serving:
        figures["worker_cores"] = (serving.process.cpu_seconds() - cpu) / (load.events / load.rate)
    return figures


def _itself(rate: float, events: int) -> Load:
    made = reference_worker.load(rate, events)
    return Load(made.records, rate, events, lambda message: message.offset() or 0)


def _make_purchases(rates: Sequence[int], seconds: int) -> _MakeLoad:
    """Each load goes on where the one before ended: an event that comes twice is answered once."""
    year = purchase_events(sum(rates) * (WARM_SECONDS + seconds))

    def make(rate: float, events: int) -> Load:
        return Load(list(records(islice(year, events))), rate, events, _source_offset)

    return make


def _source_offset(message: Message) -> int:
    return _prediction(message.value() or b"").source.offset
