"""`shelfstream topics`: make the declared topics, compare them with a cluster, list them."""

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from schemas.topics import TOPICS, TopicSpec
from streams.cli.cluster import ConfigOption, PrefixOption, ServersOption, admin_client, servers_of, settings_for
from streams.cli.topic_check import Difference, FoundTopic, differences
from streams.config import Settings

CREATE_TIMEOUT_MS = 30_000

app = typer.Typer(no_args_is_help=True, help="The topics shelfstream reads and writes: create, verify, list.")


@app.command()
def create(
    config: ConfigOption = None, bootstrap_servers: ServersOption = None, topic_prefix: PrefixOption = None
) -> None:
    """Make the topics that are missing, then verify all; topics that exist are never changed.

    Partitions and replicas come from the settings topics.partitions and kafka.replication_factor.

    Example: shelfstream topics create --bootstrap-servers kafka:9092
    """
    settings = settings_for(config, bootstrap_servers, topic_prefix)
    with admin_client(servers_of(settings)) as admin:
        made = create_missing(admin, settings)
        wrong = compare(admin, settings)
    print(f"made {len(made)} topics" + (f": {', '.join(made)}" if made else ""), end="; ")
    print(f"{len(TOPICS) - len(made)} were there already")
    _report(wrong)


@app.command()
def verify(
    config: ConfigOption = None, bootstrap_servers: ServersOption = None, topic_prefix: PrefixOption = None
) -> None:
    """Compare partitions, cleanup, retention and size limits with the declaration; exit code 1 when one differs.

    Example: shelfstream topics verify
    """
    settings = settings_for(config, bootstrap_servers, topic_prefix)
    with admin_client(servers_of(settings)) as admin:
        wrong = compare(admin, settings)
    if not wrong:
        print(f"all {len(TOPICS)} topics are as declared")
    _report(wrong)


@app.command("list")
def list_topics(
    config: ConfigOption = None, bootstrap_servers: ServersOption = None, topic_prefix: PrefixOption = None
) -> None:
    """Every topic with what it holds and how many records lie in it.

    Example: shelfstream topics list
    """
    settings = settings_for(config, bootstrap_servers, topic_prefix)
    with admin_client(servers_of(settings)) as admin:
        found = describe(admin, [settings.topics.prefix + spec.name for spec in TOPICS])
        counts = _record_counts(admin, found)
    table = Table(box=None)
    for column in ("topic", "value"):
        table.add_column(column, no_wrap=True)
    for column in ("partitions", "records"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("meaning")
    for spec in TOPICS:
        name = settings.topics.prefix + spec.name
        partitions = str(found[name].partitions) if name in found else "missing"
        records = f"{counts[name]:,}" if name in counts else "-"
        value = spec.value.__name__ if spec.value else "state row"
        table.add_row(name, value, partitions, records, spec.meaning)
    Console().print(table)


def create_missing(admin: Any, settings: Settings) -> list[str]:
    """Make the topics that are not there; their names. `admin` is a kafka-python admin client."""
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    there = set(admin.list_topics())
    made = []
    for spec in TOPICS:
        name = settings.topics.prefix + spec.name
        if name in there:
            continue
        topic = NewTopic(name, settings.topics.partitions, settings.kafka.replication_factor, topic_configs=spec.config)
        try:
            admin.create_topics([topic], timeout_ms=CREATE_TIMEOUT_MS)
        except TopicAlreadyExistsError:
            continue  # another process was quicker
        made.append(name)
    if made:
        admin.wait_for_topics(made, timeout_ms=CREATE_TIMEOUT_MS)
    return made


def describe(admin: Any, names: list[str]) -> dict[str, FoundTopic]:
    """What the cluster says about those of the topics that it has."""
    from kafka.admin import ConfigResource, ConfigResourceType

    there = sorted(set(admin.list_topics()) & set(names))
    if not there:
        return {}
    partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(there)}
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
    configs = admin.describe_configs(wanted, config_filter="all")["topic"]
    return {
        name: FoundTopic(partitions[name], {key: str(entry["value"]) for key, entry in configs[name].items()})
        for name in there
    }


def compare(admin: Any, settings: Settings, specs: tuple[TopicSpec, ...] = TOPICS) -> list[Difference]:
    """What differs between the declaration and the cluster."""
    prefix = settings.topics.prefix
    found = describe(admin, [prefix + spec.name for spec in specs])
    return differences(specs, found, prefix=prefix, partitions=settings.topics.partitions)


def _record_counts(admin: Any, found: dict[str, FoundTopic]) -> dict[str, int]:
    """Offsets between the first and the next record: more than there are records where compaction took some away."""
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    places = [TopicPartition(name, index) for name, topic in found.items() for index in range(topic.partitions)]
    first = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    after = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    counts = dict.fromkeys(found, 0)
    for place in places:
        counts[place.topic] += after[place].offset - first[place].offset
    return counts


def _report(wrong: list[Difference]) -> None:
    if not wrong:
        return
    table = Table(title=f"{len(wrong)} differences", title_justify="left", box=None)
    for column in ("topic", "setting", "declared", "found"):
        table.add_column(column, overflow="fold")
    for each in wrong:
        table.add_row(each.topic, each.setting, each.declared, "missing" if each.found is None else each.found or "-")
    Console().print(table)
    print("`shelfstream topics create` makes missing topics; change others with your Kafka's own tools")
    raise typer.Exit(1)
