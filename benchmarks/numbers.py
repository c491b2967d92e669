"""The numbers to reach, each once: where it is found in the results, how it is told, and which command shows it."""

from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One figure. Those with `at_least` or `at_most` are numbers to reach."""

    benchmark: str
    path: tuple[str, ...]
    meaning: str
    unit: str
    scale: float = 1.0
    digits: int = 0
    at_least: float | None = None
    at_most: float | None = None

    @property
    def key(self) -> str:
        """Its name where reasons are given: latency.reference.1000.p99_ms."""
        return ".".join((self.benchmark, *self.path))

    @property
    def command(self) -> str:
        """What measures it."""
        return f"python -m benchmarks --only {self.benchmark}"

    @property
    def is_target(self) -> bool:
        """Whether there is a number to reach."""
        return self.at_least is not None or self.at_most is not None

    def value(self, results: dict[str, Any]) -> float | None:
        """The figure in its unit, None when its benchmark was not run, failed, or does not tell it."""
        found: Any = results["figures"].get(self.benchmark)
        for step in self.path:
            found = found.get(step) if isinstance(found, dict) else None
        return None if found is None else float(found) * self.scale

    def told(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:,.{self.digits}f} {self.unit}".strip()

    def target(self) -> str:
        """The target as text; empty when there is none."""
        if self.at_least is not None:
            return f"≥ {self.at_least:,.{self.digits}f}"
        return "" if self.at_most is None else f"≤ {self.at_most:,.{self.digits}f}"

    def met(self, value: float) -> bool:
        """Whether the target is met; true when there is none."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


def _latency(job: str, title: str, rate: int, percentile: str, at_most: float | None = None) -> Line:
    meaning = f"{title} at {rate:,} events/s offered, {percentile}"
    return Line("latency", (job, str(rate), f"{percentile}_ms"), meaning, "ms", digits=1, at_most=at_most)


def _growth(draw: str, title: str, what: str, cost: str, at_most: float | None) -> Line:
    path = (*((f"{what}_ratio", draw) if draw else (f"{what}_ratio",)), cost)
    return Line("growth", path, title, "×", digits=2, at_most=at_most)


REFERENCE, SHIPPED = "Produce to readable answer, reference job", "Produce to readable prediction, shipped model"
USERS, PARTITIONS = "most users over fewest", "64 partitions over 4"
LINES = (
    Line("reference_job", ("shelfstream", "events_per_second"), "Reference job, shelfstream", "events/s"),
    Line("reference_job", ("stock_faust_batched", "events_per_second"), "Reference job, stock Faust, take", "events/s"),
    Line("reference_job", ("stock_faust_event", "events_per_second"), "Reference job, stock Faust, event", "events/s"),
    Line("reference_job", ("times_stock_faust_batched",), "Faster than stock Faust, take", "×", digits=1, at_least=40),
    Line("reference_job", ("times_stock_faust_event",), "Faster than stock Faust, event", "×", digits=1),
    Line("peers", ("times_fastest_peer",), "Faster than the fastest peer", "×", digits=2, at_least=3.5),
    Line("peers", ("share_of_ceiling",), "Share of a client without model and state", "%", scale=100),
    Line("delivery", ("exactly_once_share",), "Exactly-once over at-least-once, rate", "%", scale=100, at_least=70),
    Line("delivery", ("at-least-once", "latency", "p90_ms"), "At-least-once at 1,000 events/s, p90", "ms", digits=1),
    Line("delivery", ("exactly-once", "latency", "p90_ms"), "Exactly-once at 1,000 events/s, p90", "ms", digits=1),
    Line("behaviour", ("events_per_second",), "Shipped behaviour model, real purchases", "events/s", at_least=8_000),
    Line(
        "behaviour", ("all_heads", "latest", "events_per_second"), "Every head on, the latest prediction of a window",
        "events/s", at_least=10_000,
    ),
    Line(
        "behaviour", ("all_heads", "every", "events_per_second"), "Every head on, a prediction for every event",
        "events/s", at_least=5_000,
    ),
    Line("products", ("titles_per_second",), "Shipped products model, real titles", "titles/s", at_least=3_000),
    _latency("reference", REFERENCE, 100, "p50"),
    _latency("reference", REFERENCE, 100, "p99"),
    _latency("reference", REFERENCE, 1_000, "p50", 4),
    _latency("reference", REFERENCE, 1_000, "p90", 7),
    _latency("reference", REFERENCE, 1_000, "p99", 20),
    _latency("reference", REFERENCE, 5_000, "p50"),
    _latency("reference", REFERENCE, 5_000, "p90", 15),
    _latency("reference", REFERENCE, 5_000, "p99"),
    _latency("shipped", SHIPPED, 100, "p90"),
    _latency("shipped", SHIPPED, 500, "p90", 25),
    _latency("shipped", SHIPPED, 500, "p99"),
    _latency("broker", "The broker alone", 1_000, "p50"),
    _latency("broker", "The broker alone", 5_000, "p90"),
    Line("million_users", ("recovered_rows_per_second",), "Recovery, rows of 2 KiB", "rows/s", at_least=200_000),
    Line("recovery", ("times_stock_faust",), "Recovery, faster than stock Faust", "×", digits=1, at_least=10),
    Line(
        "recovery", ("failover", "standby", "seconds_after_session_timeout"),
        "Failover to a standby, after the session timeout", "s", digits=1, at_most=5,
    ),
    Line(
        "recovery", ("failover", "cold", "seconds_after_session_timeout"),
        "Failover without a standby, after the session timeout", "s", digits=1,
    ),
    Line(
        "million_users", ("peak_memory_bytes",), "Worker memory, 1,000,000 users of 2 KiB (peak)", "MiB",
        scale=1 / MIB, at_most=1_536,
    ),
    Line(
        "growth", ("peak_memory_bytes",), "Worker memory, most users of 272 bytes (peak)", "MiB",
        scale=1 / MIB, at_most=2_048,
    ),
    _growth("uniform", f"Time per event, {USERS}, uniform", "users", "us_per_event", 1.3),
    _growth("uniform", f"Processor time per event, {USERS}, uniform", "users", "cpu_us_per_event", None),
    _growth("zipf", f"Time per event, {USERS}, Zipf", "users", "us_per_event", 1.3),
    _growth("zipf", f"Processor time per event, {USERS}, Zipf", "users", "cpu_us_per_event", None),
    _growth("", f"Time per event, {PARTITIONS}", "partitions", "us_per_event", 1.3),
    _growth("", f"Processor time per event, {PARTITIONS}", "partitions", "cpu_us_per_event", None),
    Line("soak", ("memory_is_flat",), "Soak: memory flat, its slope within noise (1: yes)", "", at_least=1),
    Line(
        "soak", ("memory_slope_bytes_per_hour", "per_hour"), "Soak: slope of resident memory", "MiB/h",
        scale=1 / MIB, digits=1,
    ),
    Line("soak", ("handles_grown",), "Soak: file handles grown", "", at_most=0),
    Line("soak", ("threads_grown",), "Soak: threads grown", "", at_most=0),
)  # fmt: skip
