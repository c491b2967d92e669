"""The Kafka of a run: one of our own or the one that was named, with topics under a prefix that no other run has."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from schemas.topics import TOPICS
from streams import broker
from streams.config import Settings
from streams.errors import ClusterError
from streams.transport.cluster import wait_for_cluster

CREATE_TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where it is, and what to call it."""

    servers: str
    label: str


@contextlib.contextmanager
def open_kafka(named: str | None, data: Path, *, show_progress: bool) -> Iterator[Cluster]:
    """The named Kafka, left as it is; or one of our own with its data in the folder, stopped at the end.

    Errors: those of streams.broker.start.
    """
    if named:
        yield Cluster(named, "your Kafka")
    else:
        with broker.start(data, show_progress=show_progress) as running:
            yield Cluster(running.bootstrap_servers, f"Apache Kafka {broker.KAFKA_VERSION}")


@contextlib.contextmanager
def run_topics(servers: str, settings: Settings, *, remove: bool) -> Iterator[None]:
    """Every declared topic under the run's prefix; removed at the end where the cluster lives on.

    Errors: ClusterError when the cluster does not answer or refuses a topic.
    """
    admin = wait_for_cluster(servers, settings.kafka.connect_timeout_s)
    names = [settings.topics.prefix + spec.name for spec in TOPICS]
    try:
        _create(admin, settings)
        yield
    finally:
        if remove:
            with contextlib.suppress(KafkaError, OSError):  # the run is over; a cluster that is gone needs no tidying
                admin.delete_topics(names)
        admin.close()


def _create(admin: KafkaAdminClient, settings: Settings) -> None:
    wanted = [
        NewTopic(
            name=settings.topics.prefix + spec.name,
            num_partitions=settings.topics.partitions,
            replication_factor=settings.kafka.replication_factor,
            topic_configs=spec.config,
        )
        for spec in TOPICS
    ]
    try:
        admin.create_topics(wanted, timeout_ms=CREATE_TIMEOUT_MS)
        admin.wait_for_topics([topic.name for topic in wanted], timeout_ms=CREATE_TIMEOUT_MS)
    except KafkaError as error:
        raise ClusterError(
            f"the topics {settings.topics.prefix}… could not be made: {error!r}. The cluster must allow it, and have "
            f"kafka.replication_factor = {settings.kafka.replication_factor} brokers or more"
        ) from error
