"""All benchmarks in one run on one machine: `python -m benchmarks.run [--quick] [--only NAME]`.

A real Kafka is started in a folder of its own (or KAFKA_BOOTSTRAP_SERVERS is used), the benchmarks run one after the
other, and what they found is written to benchmarks/results as JSON, as a Markdown table and as a plot. The exit status
is 1 when a benchmark failed; the others are reported all the same.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import behaviour, latency, machine, million_users, other_engines, products, reference_job, report
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
}
NEEDS = {"peers": "reference_job"}  # what it is compared with: measured before it, in the same run


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, write; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure speed and memory.")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: proves the harness, its figures mean nothing"
    )
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    results = measure(chosen(options.only), quick=options.quick)
    paths = report.write(results, options.output)
    print(report.table(results))
    print("written:", ", ".join(map(str, paths)))
    return 1 if results["failed"] else 0


def chosen(only: list[str] | None) -> list[str]:
    """The benchmarks to run, in the order of the table above, with those that they need."""
    wanted = set(only or BENCHMARKS)
    return [name for name in BENCHMARKS if name in wanted | {NEEDS[one] for one in wanted if one in NEEDS}]


def measure(names: list[str], *, quick: bool) -> dict[str, Any]:
    """Run the named benchmarks: {"when", "machine", "quick", "figures": {name: figures}, "failed": {name: why}}."""
    results: dict[str, Any] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine.facts(),
        "figures": {},
        "failed": {},
    }
    with tempfile.TemporaryDirectory(prefix="shelfstream-bench-") as folder, bootstrap(Path(folder)) as servers:
        for name in names:
            place = Path(folder) / name
            place.mkdir()
            began = time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                results["figures"][name] = BENCHMARKS[name](Setting(servers, place, quick, results["figures"]))
            except (BenchmarkFailed, TimeoutError, RuntimeError) as error:
                results["failed"][name] = str(error)
                print(f"{name} FAILED: {error}", file=sys.stderr)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return results


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
