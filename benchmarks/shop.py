"""Our own worker on topics of its own: made from the contract, started as users do, its metrics read over HTTP."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import kafka
from benchmarks.processes import Worker, running
from benchmarks.setting import BenchmarkFailed, Setting
from schemas.topics import DEFAULT_PARTITIONS, TOPICS

COMMAND = ["-c", "import sys; from streams.cli.main import main; sys.exit(main())", "worker"]


@dataclass(frozen=True)
class Shop:
    """One set of topics under a prefix, and where a worker on them keeps its state."""

    setting: Setting
    prefix: str
    folder: Path

    def topic(self, name: str) -> str:
        """A declared topic's name in this shop."""
        return self.prefix + name

    @contextmanager
    def worker(self, **settings: str) -> Iterator["Serving"]:
        """A worker that runs until the block is left. `settings` by variable name, as in BATCH_MAX_WAIT_MS="2"."""
        port = _free_port()
        variables = {
            "NAME": self.prefix.rstrip("-"),
            "KAFKA_BOOTSTRAP_SERVERS": self.setting.bootstrap,
            "TOPICS_PREFIX": self.prefix,
            "STATE_DIR": str(self.folder / "state"),
            "WEB_PORT": str(port),
            **settings,
        }
        environment = {f"SHELFSTREAM_{name}": value for name, value in variables.items()}
        with running(COMMAND, environment, self.folder / f"worker-{port}.log") as worker:
            yield Serving(worker, port)


@dataclass(frozen=True)
class Serving:
    """A worker and the port of its metrics."""

    process: Worker
    port: int

    def wait_ready(self, limit_seconds: float = 120) -> float:
        """Seconds until /readyz said yes. Errors: BenchmarkFailed with the end of the worker's log."""
        began = time.monotonic()
        while time.monotonic() - began < limit_seconds:
            if self._get("/readyz") is not None:
                return time.monotonic() - began
            if not self.process.alive():
                raise BenchmarkFailed(f"the worker ended before it was ready\n{self.process.tail()}")
            time.sleep(0.05)
        raise BenchmarkFailed(f"the worker did not become ready within {limit_seconds:g} s\n{self.process.tail()}")

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


def open_shop(setting: Setting, name: str) -> Shop:
    """Make every topic of the contract under a new prefix."""
    shop = Shop(setting, setting.topic(f"{name}-"), setting.place(name))
    kafka.create_topics(setting.bootstrap, {shop.topic(spec.name): spec.config for spec in TOPICS}, DEFAULT_PARTITIONS)
    return shop


def until_answered(shop: Shop, serving: Serving, topic: str, events: int, limit_seconds: float) -> kafka.Watched:
    """Watch an output topic until it has an answer for every event. Errors: BenchmarkFailed."""
    ends = kafka.EndOffsets(shop.setting.bootstrap, shop.topic(topic), DEFAULT_PARTITIONS)
    try:
        watched = kafka.watch(ends, events, limit_seconds, serving.process.alive)
    finally:
        ends.close()
    if watched.outputs != events:
        text = f"{topic}: {watched.outputs:,} outputs for {events:,} events\n{serving.process.tail()}"
        raise BenchmarkFailed(text)
    return watched


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
