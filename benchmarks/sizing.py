"""A cluster for a million events a second, reckoned from what was measured on one small machine.

What was not measured is an `Assumptions` field, so that a reader can put in other values:
`Sizing(Measured.of(results), Assumptions(users=50_000_000))`.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any, Self

GB = 1e9
HOURS_A_MONTH = 730
DAY_SECONDS = 86_400


class NotMeasured(LookupError):
    """A figure that the arithmetic needs is not in the results; the message names the benchmark."""


@dataclass(frozen=True)
class Assumptions:
    """What is wanted and what is not for us to measure. Prices in US dollars, near the list prices of large clouds."""

    events_per_second: int = 1_000_000
    users: int = 200_000_000
    busy_share: float = 0.7  # of what a worker can do: the rest is for peaks, and to catch up after a failure
    worker_cores: int = 2
    worker_other_bytes: int = 1_000_000_000  # of memory: page cache for RocksDB's files and the system
    partitions_per_worker: int = 2  # so that the cluster can double before the topics must be made anew
    replicas: int = 3
    standbys: int = 1
    input_days: float = 3
    output_days: float = 1
    changelog_slack: float = 1.5  # rows that were replaced and not compacted yet
    state_slack: float = 1.6  # the same in RocksDB, and room for a compaction
    broker_bytes_per_second: int = 150_000_000  # that a broker writes and sends to others beside, a third of 10 Gbit/s
    broker_cores: int = 4
    broker_memory_bytes: int = 16_000_000_000
    core_hour: float = 0.04
    memory_gb_hour: float = 0.005
    disk_gb_month: float = 0.08


@dataclass(frozen=True)
class Measured:
    """What the results say of the shipped behaviour model on one machine; bytes are of a record's key and value."""

    events_per_second: float
    cores: int
    input_bytes: float
    output_bytes: float
    row_bytes: float
    rows_per_event: float
    memory_bytes: float
    recovered_rows_per_second: float
    failover_seconds: float
    session_seconds: float

    @classmethod
    def of(cls, results: dict[str, Any]) -> Self:
        """From a file of results. Errors: NotMeasured.

        Rate and rows are those with a million users, of whom hardly two have events in the same window, as in a large
        shop: a worker that replays the year of few households writes a tenth of the rows.
        """
        events = _figure(results, "million_users", "events_after_recovery")
        return cls(
            events_per_second=_figure(results, "million_users", "events_per_second_after_recovery"),
            cores=results["machine"]["cores"],
            input_bytes=_figure(results, "behaviour", "input_bytes_per_record"),
            output_bytes=_figure(results, "behaviour", "output_bytes_per_record"),
            row_bytes=_figure(results, "million_users", "row_bytes"),
            rows_per_event=_figure(results, "million_users", "rows_written_after_recovery") / events,
            memory_bytes=_figure(results, "million_users", "peak_memory_bytes"),
            recovered_rows_per_second=_figure(results, "million_users", "recovered_rows_per_second"),
            failover_seconds=_figure(results, "recovery", "failover", "standby", "seconds_after_kill"),
            session_seconds=_figure(results, "recovery", "failover", "standby", "session_timeout_seconds"),
        )


@dataclass(frozen=True)
class Step:
    """One line of the arithmetic."""

    what: str
    how: str
    result: str


class Sizing:
    """The cluster, a number an attribute; `steps` shows how each came about. Bytes, and bytes a second."""

    def __init__(self, measured: Measured, wanted: Assumptions) -> None:
        self.measured, self.wanted = measured, wanted
        rate = wanted.events_per_second
        self.workers = ceil(rate / (measured.events_per_second * wanted.busy_share))
        self.partitions = _power_of_two(self.workers * wanted.partitions_per_worker)
        self.users_per_worker = wanted.users / self.workers
        self.input_rate = rate * measured.input_bytes
        self.output_rate = rate * measured.output_bytes
        self.changelog_rate = rate * measured.rows_per_event * measured.row_bytes
        self.written_rate = self.input_rate + self.output_rate + self.changelog_rate
        self.disk_rate = self.written_rate * wanted.replicas
        # To followers; and to readers: inputs and outputs once, the changelog once for each standby.
        self.sent_rate = self.written_rate * (wanted.replicas - 1) + (
            self.input_rate + self.output_rate + self.changelog_rate * wanted.standbys
        )
        self.brokers = max(wanted.replicas, ceil(max(self.disk_rate, self.sent_rate) / wanted.broker_bytes_per_second))
        kept = (
            self.input_rate * wanted.input_days + self.output_rate * wanted.output_days
        ) * DAY_SECONDS + wanted.users * measured.row_bytes * wanted.changelog_slack
        self.broker_disk = kept * wanted.replicas / self.brokers
        self.worker_disk = self.users_per_worker * (1 + wanted.standbys) * measured.row_bytes * wanted.state_slack
        self.worker_memory = measured.memory_bytes + wanted.worker_other_bytes
        self.recovery_seconds = self.users_per_worker / measured.recovered_rows_per_second
        self.cost_per_month = self._cost()

    def _cost(self) -> float:
        wanted = self.wanted
        cores = self.workers * wanted.worker_cores + self.brokers * wanted.broker_cores
        memory = self.workers * self.worker_memory + self.brokers * wanted.broker_memory_bytes
        disk = self.workers * self.worker_disk + self.brokers * self.broker_disk
        hourly = cores * wanted.core_hour + memory / GB * wanted.memory_gb_hour
        return hourly * HOURS_A_MONTH + disk / GB * wanted.disk_gb_month

    def steps(self) -> list[Step]:
        """The arithmetic, line by line."""
        m, w = self.measured, self.wanted
        million = w.events_per_second
        return [
            Step(
                "workers",
                f"{million:,.0f}/s ÷ ({m.events_per_second:,.0f}/s measured on {m.cores} cores × {w.busy_share:.0%})",
                f"{self.workers:,} of {w.worker_cores} cores",
            ),
            Step(
                "partitions",
                f"{self.workers:,} workers × {w.partitions_per_worker}, to the next power of two",
                f"{self.partitions:,}",
            ),
            Step("users of a worker", f"{w.users:,} ÷ {self.workers:,}", f"{self.users_per_worker:,.0f}"),
            Step(
                "memory of a worker",
                f"{_gb(m.memory_bytes)} measured with a million users, and {_gb(w.worker_other_bytes)} for the system",
                _gb(self.worker_memory),
            ),
            Step(
                "disk of a worker",
                f"{self.users_per_worker:,.0f} × {1 + w.standbys} copies × {m.row_bytes:,.0f} B × {w.state_slack}",
                _gb(self.worker_disk),
            ),
            Step("inputs", f"{million:,.0f}/s × {m.input_bytes:,.0f} B", _rate(self.input_rate)),
            Step("outputs", f"{million:,.0f}/s × {m.output_bytes:,.0f} B", _rate(self.output_rate)),
            Step(
                "changelog",
                f"{million:,.0f}/s × {m.rows_per_event:.2f} rows an event × {m.row_bytes:,.0f} B",
                _rate(self.changelog_rate),
            ),
            Step("brokers write", f"{_rate(self.written_rate)} × {w.replicas} replicas", _rate(self.disk_rate)),
            Step(
                "brokers send",
                f"{_rate(self.written_rate)} × {w.replicas - 1} followers, inputs and outputs to a reader each, "
                f"the changelog to {w.standbys} standby",
                _rate(self.sent_rate),
            ),
            Step(
                "brokers",
                f"{_rate(max(self.disk_rate, self.sent_rate))} ÷ {_rate(w.broker_bytes_per_second)}",
                f"{self.brokers:,} of {w.broker_cores} cores",
            ),
            Step(
                "disk of a broker",
                f"(inputs × {w.input_days:g} days + outputs × {w.output_days:g} days + {w.users:,} rows × "
                f"{w.changelog_slack}) × {w.replicas} ÷ {self.brokers:,}",
                _gb(self.broker_disk),
            ),
            Step(
                "a worker and its disk are lost, no standby",
                f"{self.users_per_worker:,.0f} rows ÷ {m.recovered_rows_per_second:,.0f} rows/s, after the session "
                "timeout",
                f"{self.recovery_seconds:,.0f} s",
            ),
            Step(
                "the same with a standby",
                f"measured, session timeout of {m.session_seconds:g} s included",
                f"{m.failover_seconds:,.1f} s",
            ),
            Step(
                "cost of a month",
                f"cores at ${w.core_hour:g} and GB of memory at ${w.memory_gb_hour:g} an hour, "
                f"GB of disk at ${w.disk_gb_month:g} a month",
                f"${self.cost_per_month:,.0f}",
            ),
            Step(
                "cost of a million events",
                f"${self.cost_per_month:,.0f} ÷ ({million:,.0f} × {HOURS_A_MONTH} h)",
                f"${self.cost_per_month / (million * HOURS_A_MONTH * 3600) * 1e6:.4f}",
            ),
        ]


def _figure(results: dict[str, Any], benchmark: str, *path: str) -> float:
    found: Any = results["figures"].get(benchmark)
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    if found is None:
        raise NotMeasured(f"{'.'.join((benchmark, *path))}: python -m benchmarks --only {benchmark}")
    return float(found)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def _gb(size: float) -> str:
    return f"{size / GB:,.1f} GB"


def _rate(size: float) -> str:
    return f"{size / GB:,.2f} GB/s"
