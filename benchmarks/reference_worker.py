"""Our worker on the reference job, with its metrics served: for the benchmarks that ask more than its throughput."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from confluent_kafka import Message

from benchmarks import kafka
from benchmarks.open_loop import Load
from benchmarks.processes import running
from benchmarks.reference_events import PARTITIONS, Answer, changelog, records, users_and_tokens
from benchmarks.reference_model import job_environment
from benchmarks.serving import Serving, free_port
from benchmarks.setting import Setting

MODULE = "benchmarks.peers.shelfstream_reference"
DISTINCT_EVENTS = 100_000  # sent over and over by an open loop
COMPACTED = {"cleanup.policy": "compact"}
_answer = msgspec.msgpack.Decoder(Answer).decode


@dataclass(frozen=True)
class Job:
    """Topics of one reference job: events, answers and the changelog of the state."""

    setting: Setting
    name: str
    source: str
    target: str
    partitions: int

    @property
    def changelog(self) -> str:
        """Where the state rows go."""
        return changelog(self.source)

    @contextmanager
    def worker(self, folder: str = "worker", **settings: str) -> Iterator[Serving]:
        """A worker that runs until the block is left; one in the same `folder` finds the state of the one before.

        `settings` by variable name, as in STATE_STANDBYS="1".
        """
        port = free_port()
        place = self.setting.folder / self.name / folder
        place.mkdir(parents=True, exist_ok=True)
        environment = {
            **job_environment(self.setting.bootstrap, self.source, self.target, place),
            "BENCH_PARTITIONS": str(self.partitions),
            "BENCH_WEB_PORT": str(port),
            **{f"SHELFSTREAM_{name}": value for name, value in settings.items()},
        }
        with running(["-m", MODULE], environment, place / f"worker-{port}.log") as worker:
            yield Serving(worker, port)

    def drop(self) -> None:
        """Delete the topics: what is next finds the disk as empty as this did."""
        kafka.delete_topics(self.setting.bootstrap, [self.source, self.target, self.changelog])


def make_job(setting: Setting, name: str, partitions: int = PARTITIONS) -> Job:
    """Make the topics of a job."""
    job = Job(setting, name, setting.topic(f"{name}-events"), setting.topic(f"{name}-answers"), partitions)
    kafka.create_topics(setting.bootstrap, {job.source: {}, job.target: {}, job.changelog: COMPACTED}, partitions)
    return job


def load(rate: float, events: int) -> Load:
    """Events of 20,000 users for an open loop."""
    return Load(list(records(*users_and_tokens(min(events, DISTINCT_EVENTS)))), rate, events, answered_offset)


def answered_offset(message: Message) -> int:
    """The source offset that an answer of the job names."""
    return _answer(message.value() or b"").offset
