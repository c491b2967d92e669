"""A few minutes that judge: `python -m benchmarks.quick`, or `make bench-quick`.

Small sizes of the reference job (stock Faust batched, shelfstream), of the client without model and state, and of the
latency. The exit status is 1 when a ratio of two figures of this run is out of bounds: both are measured on the same
machine in the same minutes, so a slow or busy machine does not fail, and a slow change of ours does. The bounds are
far from the published ratios, because small sizes and busy machines move them.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import latency, machine, other_engines, reference_job
from benchmarks.run import RESULTS, bootstrap
from benchmarks.setting import BenchmarkFailed, Setting

EVENTS = {"stock_faust_batched": 12_000, "shelfstream": 200_000}
CEILING_EVENTS = 300_000
OFFERED = 500  # events a second of the shipped behaviour model
LATENCY_SECONDS, BROKER_SECONDS = 5, 4


@dataclass(frozen=True)
class Ratio:
    """One figure over another, and the bounds that it must keep."""

    meaning: str
    over: str
    under: str
    at_least: float = 0.0
    at_most: float = float("inf")

    def of(self, figures: dict[str, float]) -> float:
        """Its value."""
        return figures[self.over] / figures[self.under]

    def kept(self, figures: dict[str, float]) -> bool:
        """Whether it is within its bounds."""
        return self.at_least <= self.of(figures) <= self.at_most

    def told(self, figures: dict[str, float]) -> str:
        """A line for people."""
        bounds = f"at least {self.at_least:g}" if self.at_least else f"at most {self.at_most:g}"
        verdict = "kept" if self.kept(figures) else "BROKEN"
        return f"{self.meaning}: {self.of(figures):.2f}, wanted {bounds}: {verdict}"


RATIOS = (
    Ratio("shelfstream over stock Faust, take", "shelfstream", "stock_faust_batched", at_least=8),
    Ratio("shelfstream over a client without model and state", "shelfstream", "ceiling", at_least=0.04),
    # Our tenth percentile over the broker's median: what else the machine does can only make this ratio smaller.
    Ratio("prediction at p10 over the broker alone at p50", "latency_p10_ms", "broker_p50_ms", at_most=50),
)


def main() -> int:
    """Measure, write quick.ratios.json, tell; the exit status."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shelfstream-bench-") as name, bootstrap(Path(name)) as servers:
        try:
            figures = measure(Setting(servers, Path(name), quick=True))
        except (BenchmarkFailed, TimeoutError) as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    ratios = {ratio.meaning: ratio.of(figures) for ratio in RATIOS}
    facts: dict[str, Any] = {"machine": machine.facts(), "figures": figures, "ratios": ratios}
    path = RESULTS / "quick.ratios.json"
    path.write_text(json.dumps(facts, indent=2) + "\n")
    print(*(f"{name}: {value:,.1f}" for name, value in figures.items()), sep="\n")
    print(*(ratio.told(figures) for ratio in RATIOS), sep="\n")
    print(f"written: {path}; took {time.monotonic() - began:.0f} s")
    return 0 if all(ratio.kept(figures) for ratio in RATIOS) else 1


def measure(setting: Setting) -> dict[str, float]:
    """The figures that the ratios name. Errors: BenchmarkFailed, TimeoutError."""
    told = latency.shipped(setting, [OFFERED], LATENCY_SECONDS)[str(OFFERED)]
    figures = {f"latency_{name}": told[name] for name in ("p10_ms", "p50_ms")}
    alone = latency.broker_alone(setting, [OFFERED], BROKER_SECONDS)[str(OFFERED)]
    figures["broker_p50_ms"] = alone["p50_ms"]
    for name, events in EVENTS.items():
        measured = reference_job.one(setting, name, reference_job.PROGRAMS[name], events)
        figures[name] = measured["events_per_second"]
    figures["ceiling"] = other_engines.ceiling(setting, CEILING_EVENTS)["events_per_second"]
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
