"""A connection to the cluster: aiokafka's client, which finds leaders and keeps one connection for each broker."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed
from yarl import URL

CONNECT_S = 5.0  # for a broker to take a connection and say what it speaks


class KafkaClient(AIOKafkaClient):  # type: ignore[misc]
    """aiokafka's client, which does not wait for a request's whole time until a connection is there.

    A line that is half open takes connections and answers nothing on them; until the attempt is given up, every other
    request to the broker waits for it, even if the line is whole again.
    """

    async def _get_conn(self, node_id: int, **options: Any) -> Any:
        try:
            async with asyncio.timeout(CONNECT_S):
                return await super()._get_conn(node_id, **options)
        except TimeoutError:
            self.force_metadata_update()
            return None


async def connect(
    servers: Sequence[str], client_id: str, *, request_timeout_ms: int = 40_000, metadata_max_age_ms: int = 300_000
) -> KafkaClient:
    """Connect to the first of the servers that answers. Errors: KafkaConnectionError."""
    client = KafkaClient(
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


def hang_up(client: KafkaClient, node: int, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> None:
    """Close the connection to a broker, which may be half open: the next request makes a new one."""
    connection = client._conns.get((node, group))
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
