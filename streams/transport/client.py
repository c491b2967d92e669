"""A connection to the cluster: aiokafka's client, which finds leaders and keeps one connection for each broker."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed
from yarl import URL

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


def servers_of(urls: Iterable[URL]) -> list[str]:
    """The host:port of each broker in Faust's list."""
    return [f"{url.host}:{url.port}" for url in urls]


def hang_up(client: KafkaClient, node: int) -> None:
    """Close the connection to a broker, which may be half open: the next request makes a new one."""
    connection = client._conns.get((node, ConnectionGroup.DEFAULT))
    if connection is not None:
        connection.close(reason=CloseReason.CONNECTION_TIMEOUT)


def retrying(patience_s: float, pause_s: float) -> AsyncRetrying:
    """Tries again after Kafka errors that may pass (a leader moved, a broker loads); then the error is raised."""
    return AsyncRetrying(
        retry=retry_if_exception(lambda error: isinstance(error, KafkaError) and bool(error.retriable)),
        stop=stop_after_delay(patience_s),
        wait=wait_fixed(pause_s),
        reraise=True,
    )
