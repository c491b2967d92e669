"""Requests that aiokafka has in older versions only: OffsetFetch 7, TxnOffsetCommit 3 (KIP-447, Kafka 2.5 and later).

The first can wait for offsets that belong to an open transaction; the second names the group's generation, so that
the broker refuses a worker whose partitions have gone to another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from faust.types import TP

_TEXT, _TAGS = CompactString("utf-8"), ("tags", TaggedFields)
NO_TAGS: dict[int, bytes] = {}
NO_EPOCH = -1  # of a leader, which is not checked


@dataclass(frozen=True, slots=True)
class Member:
    """Who asks, in the eyes of a consumer group."""

    group: str
    generation: int
    member_id: str
    instance_id: str | None


@dataclass(frozen=True, slots=True)
class ProducerIdentity:
    """Who writes, in the eyes of partitions and of the transaction coordinator. A higher epoch fences lower ones."""

    producer_id: int
    epoch: int


class OffsetFetchResponse(Response):  # type: ignore[misc]
    """Committed offsets, by topic."""

    API_KEY = 9
    API_VERSION = 7
    _PARTITION = ("partition", Int32), ("offset", Int64), ("epoch", Int32), ("metadata", _TEXT), ("error_code", Int16)
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(*_PARTITION, _TAGS)), _TAGS)),
        ("error_code", Int16),
        _TAGS,
    )


class OffsetFetchStruct(RequestStruct):  # type: ignore[misc]
    """The request as it is sent."""

    API_KEY = 9
    API_VERSION = 7
    RESPONSE_TYPE = OffsetFetchResponse
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        ("group_id", _TEXT),
        ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(Int32)), _TAGS)),
        ("require_stable", Boolean),
        _TAGS,
    )


class OffsetFetchRequest(Request[OffsetFetchStruct]):  # type: ignore[misc]
    """Asks how far the group has come, and refuses (UNSTABLE_OFFSET_COMMIT) while a transaction may still move it."""

    API_KEY: ClassVar[int] = 9

    def __init__(self, group: str, tps: Iterable[TP]) -> None:
        self._group = group
        self._topics = [(topic, numbers, NO_TAGS) for topic, numbers in _by_topic((tp, tp.partition) for tp in tps)]

    def build(self, request_struct_class: type[OffsetFetchStruct]) -> OffsetFetchStruct:
        """The struct that aiokafka's connection writes."""
        return request_struct_class(self._group, self._topics, True, NO_TAGS)


class TxnOffsetCommitResponse(Response):  # type: ignore[misc]
    """An error code for each partition."""

    API_KEY = 28
    API_VERSION = 3
    _PARTITION = ("partition", Int32), ("error_code", Int16)
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("errors", CompactArray(("topic", _TEXT), ("partitions", CompactArray(*_PARTITION, _TAGS)), _TAGS)),
        _TAGS,
    )


class TxnOffsetCommitStruct(RequestStruct):  # type: ignore[misc]
    """The request as it is sent."""

    API_KEY = 28
    API_VERSION = 3
    RESPONSE_TYPE = TxnOffsetCommitResponse
    FLEXIBLE_VERSION = True
    _PARTITION = ("partition", Int32), ("offset", Int64), ("epoch", Int32), ("metadata", _TEXT)
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("group_id", _TEXT),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
        ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(*_PARTITION, _TAGS)), _TAGS)),
        _TAGS,
    )


class TxnOffsetCommitRequest(Request[TxnOffsetCommitStruct]):  # type: ignore[misc]
    """Commits source offsets with the transaction. `offsets` are those to go on with."""

    API_KEY: ClassVar[int] = 28

    def __init__(
        self, transactional_id: str, identity: ProducerIdentity, member: Member, offsets: Mapping[TP, int]
    ) -> None:
        parts = ((tp, (tp.partition, offset, NO_EPOCH, "", NO_TAGS)) for tp, offset in offsets.items())
        self._fields = (
            transactional_id,
            member.group,
            identity.producer_id,
            identity.epoch,
            member.generation,
            member.member_id,
            member.instance_id,
            [(topic, partitions, NO_TAGS) for topic, partitions in _by_topic(parts)],
            NO_TAGS,
        )

    def build(self, request_struct_class: type[TxnOffsetCommitStruct]) -> TxnOffsetCommitStruct:
        """The struct that aiokafka's connection writes."""
        return request_struct_class(*self._fields)


def _by_topic(parts: Iterable[tuple[TP, Any]]) -> list[tuple[str, list[Any]]]:
    topics: dict[str, list[Any]] = {}
    for tp, part in parts:
        topics.setdefault(tp.topic, []).append(part)
    return list(topics.items())
