"""Our own worker on topics of its own: made from the contract, started as users do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import kafka
from benchmarks.processes import running
from benchmarks.serving import Serving, free_port
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
    def worker(self, **settings: str) -> Iterator[Serving]:
        """A worker that runs until the block is left. `settings` by variable name, as in BATCH_MAX_WAIT_MS="2"."""
        port = free_port()
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
