"""A worker of ours that serves its metrics: whether it is ready, and what it has counted, asked over HTTP."""

import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from benchmarks.processes import Worker
from benchmarks.setting import BenchmarkFailed

POLL_SECONDS = 0.05
IDLE_CORES = 0.3  # a worker without work asks the broker for some, 100 times a second; a compaction takes a core


@dataclass(frozen=True)
class Serving:
    """A worker and the port of its metrics."""

    process: Worker
    port: int

    def is_ready(self) -> bool:
        """Whether /readyz says yes."""
        return self._get("/readyz") is not None

    def wait_ready(self, limit_seconds: float = 120) -> float:
        """Seconds until /readyz said yes. Errors: BenchmarkFailed with the end of the worker's log."""
        began = time.monotonic()
        while time.monotonic() - began < limit_seconds:
            if self.is_ready():
                return time.monotonic() - began
            if not self.process.alive():
                raise BenchmarkFailed(f"the worker ended before it was ready\n{self.process.tail()}")
            time.sleep(POLL_SECONDS)
        raise BenchmarkFailed(f"the worker did not become ready within {limit_seconds:g} s\n{self.process.tail()}")

    def wait_idle(self, limit_seconds: float) -> float:
        """Seconds until what was begun before, as RocksDB's compactions, is finished: by the processor's time."""
        began, before = time.monotonic(), self.process.cpu_seconds()
        while time.monotonic() - began < limit_seconds:
            time.sleep(1)
            now = self.process.cpu_seconds()
            if now - before < IDLE_CORES:
                break
            before = now
        return time.monotonic() - began

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels; 0 while the worker does not answer."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = (self._get("/metrics") or "").splitlines()
        chosen = [
            line for line in lines if line.startswith((f"{name} ", f"{name}{{")) and all(w in line for w in wanted)
        ]
        return sum(float(line.rsplit(" ", 1)[1]) for line in chosen)

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
