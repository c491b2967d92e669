"""All benchmarks in one run on one machine: `python -m benchmarks.run [--quick] [--only NAME]`.

A real Kafka is started in a folder of its own (or KAFKA_BOOTSTRAP_SERVERS is used), the benchmarks run one after the
other, and what they found is written to benchmarks/results as JSON, as a Markdown table and as a plot. The exit status
is 1 when a benchmark failed; the others are reported all the same. With --only, the other figures of the newest
results are kept; each benchmark has its own time in the JSON.
"""

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import (
    behaviour,
    delivery,
    growth,
    latency,
    machine,
    million_users,
    other_engines,
    products,
    recovery,
    reference_job,
    report,
    soak,
    steps,
    store,
)
from benchmarks.setting import BenchmarkFailed, Setting
from streams import broker

RESULTS = Path(__file__).parent / "results"
BENCHMARKS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "latency": latency.run,  # first: after the others the broker is still writing gigabytes to disk
    "reference_job": reference_job.run,
    "peers": other_engines.run,
    "behaviour": behaviour.run,
    "products": products.run,
    "million_users": million_users.run,
    "recovery": recovery.run,
    "growth": growth.run,
    "delivery": delivery.run,
    "steps": steps.run,
    "soak": soak.run,
}
ON_REQUEST = {"soak"}  # half an hour
SOAK_MINUTES = 30.0
NEEDS = {
    "peers": "reference_job",
    "recovery": "million_users",
}  # what it is compared with: measured before it, in the same run


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, write; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure speed and memory.")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: proves the harness, its figures mean nothing"
    )
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--users", type=_sizes, default=(), metavar="N,N", help="users in state, for growth")
    parser.add_argument("--minutes", type=float, default=SOAK_MINUTES, help="how long the soak takes")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    measured = measure(chosen(options.only), quick=options.quick, users=options.users, minutes=options.minutes)
    keep = BENCHMARKS.keys() if options.only else ON_REQUEST
    results, stem = store.with_earlier(measured, options.output, keep)
    paths = report.write(results, options.output, stem)
    print(report.table(results))
    print("written:", ", ".join(map(str, paths)))
    return 1 if measured["failed"] else 0


def chosen(only: list[str] | None) -> list[str]:
    """The benchmarks to run, in the order of the table above, with those that they need."""
    wanted = set(only or BENCHMARKS.keys() - ON_REQUEST)
    return [name for name in BENCHMARKS if name in wanted | {NEEDS[one] for one in wanted if one in NEEDS}]


def measure(
    names: list[str], *, quick: bool, users: tuple[int, ...] = (), minutes: float = SOAK_MINUTES
) -> dict[str, Any]:
    """Run the named benchmarks.

    {"when", "machine", "quick", "figures": {name: figures}, "measured": {name: when, seconds, load before},
    "failed": {name: why}}
    """
    results: dict[str, Any] = {
        "when": _now(),
        "quick": quick,
        "machine": machine.facts(),
        "measured": {},
        "figures": {},
        "failed": {},
    }
    with tempfile.TemporaryDirectory(prefix="shelfstream-bench-") as folder, bootstrap(Path(folder)) as servers:
        for name in names:
            place = Path(folder) / name
            place.mkdir()
            when, load, began = _now(), machine.load(), time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                setting = Setting(servers, place, quick, results["figures"], users, minutes)
                results["figures"][name] = BENCHMARKS[name](setting)
            except Exception as error:  # noqa: BLE001  # one that fails must not cost the figures of the others
                results["failed"][name] = f"{type(error).__name__}: {error}"
                print(f"{name} FAILED: {error}", file=sys.stderr)
                if not isinstance(error, BenchmarkFailed):
                    traceback.print_exc()
            shutil.rmtree(place, ignore_errors=True)
            seconds = time.monotonic() - began
            results["measured"][name] = {"when": when, "seconds": round(seconds), "load_before": load}
            print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
    return results


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part.replace("_", "")) for part in text.split(","))


@contextmanager
def bootstrap(folder: Path) -> Iterator[str]:
    """Where the Kafka is: KAFKA_BOOTSTRAP_SERVERS, or one that is started here and stopped when the block is left."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    with broker.start(folder / "kafka") as started:
        yield started.bootstrap_servers


if __name__ == "__main__":
    raise SystemExit(main())
