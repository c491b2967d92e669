"""Real workers as programs of their own, and what a test does around them: topics, records in, records out, waiting.

Nothing here sleeps and hopes: every wait is for a condition, with a deadline that fails the test and shows the logs.
"""

import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.predictions import UserPrediction
from schemas.topics import TOPICS, USER_PREDICTIONS
from tests.programs import Command, Fork

ROOT = Path(__file__).parents[2]
POLL_S = 0.05
START_S = 60  # torch, weights, group, recovery, on a busy machine
ANSWER_S = 60
LARGEST = 16 * 1024 * 1024


def wait_until(
    condition: Callable[[], bool], what: str, timeout_s: float = ANSWER_S, why: Callable[[], str] = str
) -> None:
    """Look until it holds. Errors: AssertionError with `what` and the text that `why` gives, once the time is up."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:g} s. {why()}"
        time.sleep(POLL_S)


@dataclass(frozen=True)
class Record:
    """A record to be written, or one that was read (then `offset` says where it lies)."""

    partition: int
    key: bytes | None
    value: bytes | None
    offset: int = -1


@dataclass
class Place:
    """Topics and a consumer group of one test on the shared broker."""

    kafka: str
    name: str
    partitions: int = 2
    workers: list["Worker"] = field(default_factory=list)

    def topic(self, name: str) -> str:
        """The cluster's name of a declared topic."""
        return f"{self.name}-{name}"

    def create_topics(self, replicas: int = 1, config: Mapping[str, str] = MappingProxyType({})) -> None:
        """All declared topics, with their settings and those of `config`; ready to be written and read."""
        admin = AdminClient({"bootstrap.servers": self.kafka})  # must live until the futures are done
        topics = [
            NewTopic(self.topic(spec.name), self.partitions, replicas, config={**spec.config, **config})
            for spec in TOPICS
        ]
        for future in admin.create_topics(topics).values():
            future.result(30)
        wait_until(self._led, "leaders of the new topics")

    def send(self, name: str, records: Sequence[Record]) -> None:
        """Write them in order, each to its partition, and wait until all are acknowledged."""
        producer = Producer({"bootstrap.servers": self.kafka, "message.max.bytes": LARGEST, "linger.ms": 5})
        failed: list[KafkaError] = []
        for record in records:
            producer.produce(
                self.topic(name), record.value, record.key, record.partition,
                on_delivery=lambda error, _: error and failed.append(error),
            )  # fmt: skip
            producer.poll(0)
        assert producer.flush(30) == 0
        assert not failed

    def count(self, name: str) -> int:
        """How many records the topic has had."""
        with _consumer(self.kafka) as consumer:
            return sum(self._ends(consumer, name))

    def read(self, name: str, at_least: int = 0, timeout_s: float = ANSWER_S) -> list[Record]:
        """Every committed record of the topic by partition and offset, once there are so many."""
        found: list[Message] = []
        with _consumer(self.kafka) as consumer:
            topic = self.topic(name)
            consumer.assign([TopicPartition(topic, partition, 0) for partition in range(self.partitions)])
            deadline = time.monotonic() + timeout_s
            unread = set(range(self.partitions))
            while unread or len(found) < at_least:
                for message in consumer.consume(500, timeout=0.2):
                    if message.error() is None:
                        found.append(message)
                    else:
                        assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                        unread.discard(message.partition() or 0)
                assert time.monotonic() < deadline, (
                    f"{topic} has {len(found)} records after {timeout_s:g} s, {at_least} expected. {self.logs()}"
                )
        records = [Record(m.partition(), m.key(), m.value(), m.offset()) for m in found]
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def predictions(self, at_least: int = 0) -> list[UserPrediction]:
        """All user predictions (tombstones left out), by partition and offset."""
        values = [record.value for record in self.read(USER_PREDICTIONS.name, at_least)]
        return [self.decode(value) for value in values if value is not None]

    @staticmethod
    def decode(value: bytes) -> UserPrediction:
        """One user prediction."""
        return msgspec.msgpack.decode(value, type=UserPrediction)

    def committed(self, name: str) -> list[int]:
        """The group's committed offset in each partition, 0 where there is none."""
        with _consumer(self.kafka, self.name) as consumer:
            places = [TopicPartition(self.topic(name), partition) for partition in range(self.partitions)]
            return [max(0, place.offset) for place in consumer.committed(places, timeout=20)]

    def ends(self, name: str) -> list[int]:
        """The end offset of each partition."""
        with _consumer(self.kafka) as consumer:
            return self._ends(consumer, name)

    def logs(self) -> str:
        """The end of what every worker of this place said."""
        return "\n".join(f"{worker.label}:\n{worker.tail()}" for worker in self.workers)

    def _led(self) -> bool:
        try:
            with _consumer(self.kafka) as consumer:
                return all(self._ends(consumer, spec.name) for spec in TOPICS)
        except KafkaException:
            return False

    def _ends(self, consumer: Consumer, name: str) -> list[int]:
        places = [TopicPartition(self.topic(name), partition) for partition in range(self.partitions)]
        return [consumer.get_watermark_offsets(place, timeout=20)[1] for place in places]


@contextmanager
def _consumer(kafka: str, group: str = "test-reader") -> Iterator[Consumer]:
    settings = {"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False, "fetch.wait.max.ms": 20}
    reading = {"fetch.message.max.bytes": LARGEST, "auto.offset.reset": "earliest", "enable.partition.eof": True}
    consumer = Consumer({**settings, **reading, "isolation.level": "read_committed"})
    try:
        yield consumer
    finally:
        consumer.close()


class Worker:
    """A `shelfstream worker`, or another program that takes the same settings from the environment."""

    def __init__(
        self, place: Place, folder: Path, settings: dict[str, str], program: Sequence[str], prefix: Sequence[str] = ()
    ) -> None:
        self.label = folder.name
        self.port = _free_port()
        self.log = folder / "worker.log"
        self.state = folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        self.log.touch()  # a test may read it before the process has begun to write
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHELFSTREAM_")}
        environment |= {
            "OMP_NUM_THREADS": "1",
            "SHELFSTREAM_NAME": place.name,
            "SHELFSTREAM_TOPICS_PREFIX": f"{place.name}-",
            "SHELFSTREAM_TOPICS_PARTITIONS": str(place.partitions),
            "SHELFSTREAM_KAFKA_BOOTSTRAP_SERVERS": place.kafka,
            "SHELFSTREAM_KAFKA_SESSION_TIMEOUT_S": "6",
            "SHELFSTREAM_STATE_DIR": str(self.state),
            "SHELFSTREAM_WEB_PORT": str(self.port),
            "SHELFSTREAM_DEVICE": "cpu",
            **settings,
        }
        environment["PYTHONPATH"] = str(ROOT)
        self._process = (
            Command([*prefix, sys.executable, "-m", *program], folder, environment, self.log)
            if prefix
            else Fork(program, folder, environment, self.log)
        )
        place.workers.append(self)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.exit_code() is None

    def wait_ready(self, timeout_s: float = START_S) -> "Worker":
        """Wait until /readyz says so."""
        wait_until(self._ready, f"{self.label} ready", timeout_s, self.tail)
        return self

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page; status 0 while nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(10)

    def stop(self) -> None:
        """SIGSTOP: it does nothing until `go_on`, as in a pause of its machine."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        os.kill(self._process.pid, signal.SIGTERM)

    def wait(self, timeout_s: float) -> int:
        """The exit code. Errors: AssertionError with the log when it does not end in time."""
        code = self._process.exit_code(timeout_s)
        assert code is not None, f"{self.label} did not end within {timeout_s:g} s:\n{self.tail()}"
        return code

    def close(self) -> None:
        """Make sure that it is gone."""
        if self.alive():
            self.kill()

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _ready(self) -> bool:
        assert self.alive(), f"{self.label} ended with {self._process.exit_code()}:\n{self.tail()}"
        return self.get("/readyz")[0] == 200


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
