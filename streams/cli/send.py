"""`shelfstream send`: a file of JSON lines into a topic, each line checked against the topic's type first."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import Struct

from schemas.codec import Codec, decode_key, encode, to_json
from schemas.errors import DecodeError
from schemas.topics import TOPICS, TopicSpec
from streams.cli.cluster import (
    ConfigOption,
    PrefixOption,
    ServersOption,
    servers_of,
    settings_for,
    translated,
)
from streams.errors import ClusterError

SHOWN_PROBLEMS = 20
LINGER_MS = 20
DELIVERY_TIMEOUT_MS = 60_000
STANDARD = Path("-")
SENDABLE = tuple(spec for spec in TOPICS if spec.value is not None and spec.key in spec.value.__struct_fields__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to be sent; a null value deletes what the key names."""

    key: bytes
    value: bytes | None


def send(
    topic: Annotated[str, typer.Argument(help="A topic of ours, such as product-upsert or user-behaviour.")],
    input: Annotated[Path | None, typer.Option("--input", help="JSON lines, one message each; - is stdin.")] = None,
    delete: Annotated[
        list[str] | None, typer.Option("--delete", help="Also send a null value for this id: forget it everywhere.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Send JSON values; default: MessagePack.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    topic_prefix: PrefixOption = None,
) -> None:
    """Check every line against the topic's type, then send all, keyed by id; nothing is sent if one is wrong.

    Example: shelfstream send user-behaviour --input events.jsonl
    """
    spec = _spec(topic)
    if input is None and not delete:
        raise typer.BadParameter("nothing to send: give --input FILE.jsonl or --delete ID")
    records, problems = read_lines(_lines(input), spec, as_json=as_json)
    if problems:
        for problem in problems[:SHOWN_PROBLEMS]:
            print(problem, file=sys.stderr)
        print(f"{len(problems)} wrong lines, nothing was sent", file=sys.stderr)
        raise typer.Exit(1)
    records += [Outgoing(each.encode(), None) for each in delete or ()]
    settings = settings_for(config, bootstrap_servers, topic_prefix)
    name = settings.topics.prefix + spec.name
    deliver(servers_of(settings), name, records)
    print(f"sent {len(records):,} records to {name}")


def read_lines(lines: Iterable[bytes], spec: TopicSpec, *, as_json: bool = False) -> tuple[list[Outgoing], list[str]]:
    """Records of JSON lines, and a text with the line number for each line that is not a message of the topic.

    Empty lines are passed over.
    """
    assert spec.value is not None
    codec: Codec[Struct] = Codec(spec.value)
    records: list[Outgoing] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            message = codec.decode(text)
            key = getattr(message, spec.key).encode()
            decode_key(key)
        except DecodeError as error:
            problems.append(f"line {number}: {error}")
            continue
        records.append(Outgoing(key, to_json(message) if as_json else encode(message)))
    return records, problems


def deliver(servers: str, name: str, records: Iterable[Outgoing]) -> None:
    """Send the records in order and wait until each is acknowledged. Errors: ClusterError."""
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    with translated(servers):
        producer: Any = KafkaProducer(
            bootstrap_servers=servers.split(","),
            acks="all",
            linger_ms=LINGER_MS,
            max_request_size=20 * 1024 * 1024,
            max_block_ms=10_000,
            delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
        )
        try:
            if not producer.partitions_for(name):
                raise ClusterError(f"the cluster at {servers} has no topic {name}; make it: shelfstream topics create")
            futures = [producer.send(name, key=record.key, value=record.value) for record in records]
            producer.flush()
            for future in futures:
                future.get(timeout=1)
        except KafkaError as error:
            raise ClusterError(f"{name} at {servers}: not every record was acknowledged: {error!r}") from error
        finally:
            producer.close()


def _spec(topic: str) -> TopicSpec:
    for spec in SENDABLE:
        if spec.name == topic:
            return spec
    raise typer.BadParameter(
        f"{topic} takes no messages of a known type; there are {', '.join(s.name for s in SENDABLE)}"
    )


def _lines(input: Path | None) -> Iterable[bytes]:
    if input is None:
        return []
    if input == STANDARD:
        return sys.stdin.buffer
    if not input.is_file():
        raise typer.BadParameter(f"there is no file {input}")
    return input.read_bytes().splitlines()
