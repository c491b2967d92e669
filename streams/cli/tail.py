"""`shelfstream tail`: the records of a topic as lines that people and programs can read."""

import time
from typing import Annotated, Any

import typer

from streams.cli.cluster import (
    ConfigOption,
    PrefixOption,
    ServersOption,
    servers_of,
    settings_for,
    translated,
)
from streams.errors import ClusterError

POLL_MS = 200
FETCH_BYTES = 20 * 1024 * 1024  # a record of 16 MiB and its envelope


def tail(
    topic: Annotated[str, typer.Argument(help="Name of a topic, such as user-predictions; any topic can be read.")],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record; default: with the next one written.")
    ] = False,
    max_records: Annotated[int | None, typer.Option("--max", min=1, help="End after so many records.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="End when no record has come for so many seconds.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a record.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    topic_prefix: PrefixOption = None,
) -> None:
    """Print a topic's records as they come, decoded by the topic's type; bytes of no known type are shown safely.

    Example: shelfstream tail user-predictions --from-beginning --max 5
    """
    from streams.cli.records import describe, describe_json

    settings = settings_for(config, bootstrap_servers, topic_prefix)
    servers = servers_of(settings)
    show = describe_json if as_json else describe
    prefix = settings.topics.prefix
    name = topic if topic.startswith(prefix) else prefix + topic
    count = 0
    with translated(servers):
        consumer = open_consumer(servers, name, from_beginning)
        try:
            quiet_since = time.monotonic()
            while timeout is None or time.monotonic() - quiet_since <= timeout:
                for records in consumer.poll(timeout_ms=POLL_MS).values():
                    for record in records:
                        print(show(record, name.removeprefix(prefix)), flush=True)
                        count += 1
                        if count == max_records:
                            return
                    quiet_since = time.monotonic()
        except KeyboardInterrupt:
            return
        finally:
            consumer.close()


def open_consumer(servers: str, name: str, from_beginning: bool) -> Any:
    """A consumer of all partitions, outside any group: watching never takes partitions from a worker."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","),
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest" if from_beginning else "latest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES,
    )
    there = consumer.topics()
    if name not in there:
        consumer.close()
        shown = ", ".join(sorted(each for each in there if not each.startswith("__"))) or "none"
        raise ClusterError(f"the cluster at {servers} has no topic {name}; it has: {shown}")
    places = [TopicPartition(name, partition) for partition in sorted(consumer.partitions_for_topic(name))]
    consumer.assign(places)
    if not from_beginning:
        # Now, not at the first poll: what is written between this line and that poll must be shown.
        for place, offset in consumer.end_offsets(places).items():
            consumer.seek(place, offset)
    return consumer
