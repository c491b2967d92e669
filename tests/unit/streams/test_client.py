"""The connection to a broker that is there and says nothing."""

import asyncio

import pytest
from aiokafka.structs import BrokerMetadata

from streams.transport import client as module
from streams.transport.client import KafkaClient

HOST = "127.0.0.1"


def test_a_broker_that_takes_a_connection_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_S", 0.1)

    hung_up = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client hangs up
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    async def attempt() -> tuple[bool, float]:
        server = await asyncio.start_server(swallow, HOST, 0)
        client = KafkaClient(bootstrap_servers=[], request_timeout_ms=60_000)
        client.cluster._brokers = {1: BrokerMetadata(1, HOST, server.sockets[0].getsockname()[1], None)}
        loop = asyncio.get_running_loop()
        begin = loop.time()
        ready = await client.ready(1)
        took = loop.time() - begin
        await asyncio.wait_for(hung_up.wait(), 10)
        await client.close()
        server.close()
        return ready, took

    ready, took = asyncio.run(attempt())
    assert not ready
    assert took < 10  # of the sixty for a request
