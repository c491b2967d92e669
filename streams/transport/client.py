"""A connection to the cluster: aiokafka's client, which finds leaders and keeps one connection for each broker."""

from collections.abc import Sequence
from typing import TypeAlias

from aiokafka.client import AIOKafkaClient

KafkaClient: TypeAlias = AIOKafkaClient


async def connect(
    servers: Sequence[str], client_id: str, *, request_timeout_ms: int = 40_000, metadata_max_age_ms: int = 300_000
) -> KafkaClient:
    """Connect to the first of the servers that answers. Errors: KafkaConnectionError."""
    client = AIOKafkaClient(
        bootstrap_servers=list(servers),
        client_id=client_id,
        request_timeout_ms=request_timeout_ms,
        metadata_max_age_ms=metadata_max_age_ms,
    )
    await client.bootstrap()
    return client
