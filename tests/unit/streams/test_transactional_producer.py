"""What a transactional producer asks its coordinators, and what it makes of their answers."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from io import BytesIO
from typing import Any

import pytest
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnResponse_v0,
    AddPartitionsToTxnResponse_v0,
    EndTxnResponse_v0,
    InitProducerIdResponse_v0,
)
from faust.types import TP

from streams.errors import ProduceFailed
from streams.transport.requests import Member, TxnOffsetCommitResponse, TxnOffsetCommitStruct
from streams.transport.transactions import TransactionalProducer

A, B = TP("outputs", 0), TP("changelog", 1)
MEMBER = Member("group", 3, "me", "instance")
INIT, ADD, OFFSETS, END, COMMIT = 22, 24, 25, 26, 28
LIMIT_S = 5


class Cluster:
    """Stands in for aiokafka's client: answers each kind of request with the codes it was given, then with none."""

    def __init__(self) -> None:
        self.codes: dict[int, list[int | type[Exception]]] = {}
        self.asked: list[tuple[int, int, Any]] = []  # broker, kind of request, the request
        self.lookups: list[tuple[int, str]] = []

    async def coordinator_lookup(self, kind: int, key: str) -> int:
        """A new broker each time."""
        self.lookups.append((kind, key))
        return len(self.lookups)

    async def force_metadata_update(self) -> None:
        """Nothing to learn."""

    async def send(self, node: int, request: Any, group: int) -> Any:
        """Answer with the next code."""
        struct = request.prepare({request.API_KEY: (0, 9)})
        self.asked.append((node, request.API_KEY, struct))
        left = self.codes.get(request.API_KEY, [])
        code = left.pop(0) if left else 0
        if isinstance(code, type):
            raise code("cut")
        if request.API_KEY == INIT:
            return InitProducerIdResponse_v0(0, code, 77, 5)
        if request.API_KEY == ADD:
            return AddPartitionsToTxnResponse_v0(0, [("outputs", [(0, 0)]), ("changelog", [(1, code)])])
        if request.API_KEY == COMMIT:
            return TxnOffsetCommitResponse(0, [("source", [(0, 0, {}), (1, code, {})], {})], {})
        return (AddOffsetsToTxnResponse_v0 if request.API_KEY == OFFSETS else EndTxnResponse_v0)(0, code)

    def kinds(self) -> Sequence[int]:
        """Which requests were sent, in order."""
        return [kind for _, kind, _ in self.asked]


def run(cluster: Cluster, scene: Callable[[TransactionalProducer], Coroutine[Any, Any, None]]) -> None:
    """Play the scene with a producer that has its identity, within a limit."""

    async def main() -> None:
        producer = TransactionalProducer([], "shop-1", 10)
        producer._client = cluster  # type: ignore[assignment]
        producer._identity = await producer._identify()
        await scene(producer)

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))


async def one_transaction(producer: TransactionalProducer) -> None:
    """All requests of one."""
    await producer.open([A, B], "group")
    await producer.send_offsets(MEMBER, {TP("source", 0): 12, TP("source", 1): 9})
    await producer.end(commit=True)


def test_a_transaction_names_its_partitions_its_offsets_and_the_member() -> None:
    cluster = Cluster()
    run(cluster, one_transaction)
    assert sorted(cluster.kinds()) == [INIT, ADD, OFFSETS, END, COMMIT]
    sent = {kind: struct for _, kind, struct in cluster.asked}
    assert (sent[INIT].transactional_id, sent[INIT].transaction_timeout_ms) == ("shop-1", 10_000)
    assert sent[ADD].topics == [("outputs", [0]), ("changelog", [1])]
    read = TxnOffsetCommitStruct.decode(BytesIO(sent[COMMIT].encode()))
    assert (read.producer_id, read.producer_epoch) == (77, 5)
    assert (read.group_id, read.generation_id, read.member_id, read.group_instance_id) == (
        "group", 3, "me", "instance",
    )  # fmt: skip
    assert [(number, offset) for _, parts, _ in read.topics for number, offset, *_ in parts] == [(0, 12), (1, 9)]
    assert sent[END].transaction_result is True
    assert cluster.lookups == [(CoordinationType.TRANSACTION, "shop-1"), (CoordinationType.GROUP, "group")]


@pytest.mark.parametrize("code", [51, 14, 3, 27])
@pytest.mark.parametrize("kind", [INIT, ADD, OFFSETS, END, COMMIT])
def test_what_passes_is_asked_again(kind: int, code: int) -> None:
    cluster = Cluster()
    cluster.codes[kind] = [code, code]
    run(cluster, one_transaction)
    assert cluster.kinds().count(kind) == 3


@pytest.mark.parametrize("trouble", [15, 16, KafkaConnectionError])
@pytest.mark.parametrize("kind", [INIT, END, COMMIT])
def test_a_coordinator_that_moved_or_hung_up_is_looked_for_anew(kind: int, trouble: int | type[Exception]) -> None:
    cluster = Cluster()
    cluster.codes[kind] = [trouble]
    run(cluster, one_transaction)
    asked = [node for node, of, _ in cluster.asked if of == kind]
    assert len(asked) == 2
    assert asked[0] != asked[1]


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        (END, 47, "another worker has begun with the transactional id shop-1"),
        (ADD, 90, "another worker has begun"),
        (COMMIT, 22, "given this worker's partitions to others"),
        (COMMIT, 25, "given this worker's partitions to others"),
        (COMMIT, 82, "given this worker's partitions to others"),
        (ADD, 29, "TopicAuthorizationFailedError"),
    ],
)
def test_who_is_fenced_learns_why(kind: int, code: int, says: str) -> None:
    cluster = Cluster()
    cluster.codes[kind] = [code]
    with pytest.raises(ProduceFailed, match=says):
        run(cluster, one_transaction)
    assert cluster.kinds().count(kind) == 1
