"""Where partitions begin and end: ListOffsets (API key 2), asked of each partition's leader."""

import asyncio
from collections.abc import Iterable

from aiokafka.errors import for_code
from aiokafka.protocol.offset import OffsetRequest
from faust.types import TP

from streams.transport.client import KafkaClient, retrying

EARLIEST, LATEST = -2, -1  # Kafka's own codes
RETRY_S = 0.1
PATIENCE_S = 60  # a leader election takes seconds; after this the error is told


async def list_offsets(client: KafkaClient, tps: Iterable[TP], when: int) -> dict[TP, int]:
    """The first offset (EARLIEST) of each partition, or the one after the last (LATEST), of open transactions too.

    Errors: KafkaError that trying again does not mend.
    """
    wanted = list(tps)
    ask = retrying(PATIENCE_S, RETRY_S)
    found: dict[TP, int] = await ask(_ask_leaders, client, wanted, when)
    return found


async def _ask_leaders(client: KafkaClient, tps: Iterable[TP], when: int) -> dict[TP, int]:
    by_node: dict[int, dict[str, list[tuple[int, int]]]] = {}
    for tp in tps:
        if client.cluster.partitions_for_topic(tp.topic) is None:
            await client.add_topic(tp.topic)
        leader = client.cluster.leader_for_partition(tp)
        if leader is None or leader < 0:
            await client.force_metadata_update()
            leader = client.cluster.leader_for_partition(tp)
        if leader is None or leader < 0:
            raise for_code(5)(f"{tp.topic}[{tp.partition}] has no leader")  # LeaderNotAvailable
        by_node.setdefault(leader, {}).setdefault(tp.topic, []).append((tp.partition, when))
    answers = await asyncio.gather(*(_ask(client, node, asked) for node, asked in by_node.items()))
    return {tp: offset for answer in answers for tp, offset in answer.items()}


async def _ask(client: KafkaClient, node: int, asked: dict[str, list[tuple[int, int]]]) -> dict[TP, int]:
    response = await client.send(node, OffsetRequest(-1, 0, list(asked.items())))
    found: dict[TP, int] = {}
    for topic, partitions in response.topics:
        for number, code, _, offset in partitions:
            if code:
                client.force_metadata_update()
                raise for_code(code)(f"{topic}[{number}]")
            found[TP(topic, number)] = offset
    return found
