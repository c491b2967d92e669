"""A producer whose batches and source offsets become visible together or never (KIP-98, fenced as KIP-447 says).

One transaction at a time: open it with the partitions it will write, produce, send the offsets, commit. Whoever starts
with the same transactional id ends what was left open before, and whoever lost its place in the consumer group is
refused when it sends offsets; in both cases nothing of the transaction is ever seen by a reader of committed records.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
)
from faust.types import TP

from streams.errors import ProduceFailed
from streams.transport.client import retrying
from streams.transport.producer import BatchProducer
from streams.transport.requests import Member, ProducerIdentity, TxnOffsetCommitRequest

log = logging.getLogger(__name__)
RETRY_S = 0.002  # the transaction before may still be writing its markers, which takes a few milliseconds
PATIENCE_S = 60.0
ANSWER_S = 20.0
CONCURRENT, LOADING, UNKNOWN_TOPIC, REBALANCING = 51, 14, 3, 27
MOVED = frozenset({15, 16})  # coordinator not available, not coordinator
PASSING = MOVED | {CONCURRENT, LOADING, UNKNOWN_TOPIC, REBALANCING}
FENCED = frozenset({47, 90})  # invalid producer epoch, producer fenced
NOT_A_MEMBER = frozenset({22, 25, 82})  # illegal generation, unknown member id, fenced instance id


class _TryAgain(KafkaError):  # type: ignore[misc]
    """What a coordinator answers when the same question may be answered later."""

    retriable = True


class TransactionalProducer(BatchProducer):
    """All methods belong to one event loop. Errors of all: ProduceFailed, after which nothing more is to be done."""

    _transactional_id: str

    def __init__(
        self, servers: Sequence[str], transactional_id: str, timeout_s: float, client_id: str = "shelfstream-producer"
    ) -> None:
        super().__init__(servers, client_id)
        self._transactional_id = transactional_id
        self._timeout_ms = int(timeout_s * 1000)
        self._coordinators: dict[tuple[int, str], int] = {}

    async def open(self, tps: Iterable[TP], group: str) -> None:
        """Begin a transaction that will write these partitions, and this group's offsets."""
        topics: dict[str, list[int]] = {}
        for tp in tps:
            topics.setdefault(tp.topic, []).append(tp.partition)
        who = (self._transactional_id, self._identity.producer_id, self._identity.epoch)
        asked = [self._ask(AddOffsetsToTxnRequest(*who, group))]
        if topics:
            asked.append(self._ask(AddPartitionsToTxnRequest(*who, list(topics.items()))))
        await asyncio.gather(*asked)

    async def send_offsets(self, member: Member, offsets: Mapping[TP, int]) -> None:
        """Make these source offsets, each the next to be read, part of the transaction."""
        request = TxnOffsetCommitRequest(self._transactional_id, self._identity, member, offsets)
        await self._ask(request, CoordinationType.GROUP, member.group)

    async def end(self, *, commit: bool) -> None:
        """Commit what was acknowledged since `open`, or abort it."""
        await self._ask(EndTxnRequest(self._transactional_id, self._identity.producer_id, self._identity.epoch, commit))

    async def _identify(self) -> ProducerIdentity:
        response = await self._ask(InitProducerIdRequest(self._transactional_id, self._timeout_ms))
        return ProducerIdentity(response.producer_id, response.producer_epoch)

    async def _ask(self, request: Request[Any], kind: int = CoordinationType.TRANSACTION, key: str = "") -> Any:
        try:
            return await retrying(PATIENCE_S, RETRY_S)(self._ask_once, request, kind, key or self._transactional_id)
        except _TryAgain as error:
            raise ProduceFailed(
                f"the coordinator of transaction {self._transactional_id} did not take a "
                f"{type(request).__name__} within {PATIENCE_S:g} s ({error.args[0]}). Nothing of it was committed; "
                "the worker stops and a restart does it again"
            ) from error

    async def _ask_once(self, request: Request[Any], kind: int, key: str) -> Any:
        try:
            if (kind, key) not in self._coordinators:
                self._coordinators[kind, key] = await self._client.coordinator_lookup(kind, key)
            node = self._coordinators[kind, key]
            async with asyncio.timeout(ANSWER_S):
                response = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
        except (KafkaError, TimeoutError, OSError) as error:
            await self._forget(kind, key)
            raise _TryAgain(repr(error)) from error
        codes = _error_codes(response)
        if codes <= PASSING:
            if codes:
                if codes & MOVED:
                    await self._forget(kind, key)
                raise _TryAgain(", ".join(for_code(code).__name__ for code in codes))
            return response
        raise ProduceFailed(self._explain(codes))

    async def _forget(self, kind: int, key: str) -> None:
        self._coordinators.pop((kind, key), None)
        await self._client.force_metadata_update()  # which also waits a moment where nobody answers

    def _explain(self, codes: frozenset[int]) -> str:
        if codes & FENCED:
            return (
                f"another worker has begun with the transactional id {self._transactional_id}, or this one was silent "
                "for longer than kafka.transaction_timeout_s: nothing more of this one is accepted"
            )
        if codes & NOT_A_MEMBER:
            return (
                "the consumer group has given this worker's partitions to others, so its transaction was refused; "
                "whoever has them now does that work"
            )
        names = ", ".join(for_code(code).__name__ for code in codes)
        return f"the transaction {self._transactional_id} was refused: {names}. Nothing of it was committed"


def _error_codes(response: Any) -> frozenset[int]:
    """All error codes of a coordinator's response, of whatever depth, but for 0."""
    if hasattr(response, "error_code"):
        return frozenset({response.error_code} - {0})
    return frozenset({part[1] for _, parts, *_ in response.errors for part in parts} - {0})
