"""Fetch and Produce as bytes: Kafka protocol, API keys 1 and 0, versions 10 and 7 (Kafka 2.1 and later).

aiokafka's own structs cost a millisecond of Python for each request, which at a few milliseconds between requests is
most of a core. Here a request is a few formats, and a response is read without touching the records in it.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar, Self

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Schema
from faust.types import TP

_HEAD = struct.Struct(">iiiibii")  # replica, max_wait_ms, min_bytes, max_bytes, isolation, session id, session epoch
_ASKED = struct.Struct(">iiqqi")  # partition, leader epoch, offset, log start offset, max_bytes
_INT, _SHORT = struct.Struct(">i"), struct.Struct(">h")
_PARTITION = struct.Struct(">ihqqqi")  # partition, error, high watermark, last stable offset, log start, aborted count
_ABORTED = struct.Struct(">qq")
_PRODUCED = struct.Struct(">ihqqq")  # partition, error, base offset, append time, log start
_FETCH_FRONT = 10  # throttle time, error, session id


class NotSent(Exception):
    """A request was taken back before a byte of it was written."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one partition answered. `aborted` are the (producer id, first offset) of aborted transactions."""

    tp: TP
    error_code: int
    highwater: int
    stable: int
    aborted: Sequence[tuple[int, int]]
    records: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Produced:
    """What became of one partition's batch; `offset` is that of its first record."""

    tp: TP
    error_code: int
    offset: int


class _Raw:
    """What aiokafka's connection writes or has read, as bytes."""

    SCHEMA = Schema()
    body: bytes | memoryview = b""

    def encode(self) -> bytes | memoryview:
        return self.body

    @classmethod
    def decode(cls, data: BytesIO | bytes | memoryview) -> Self:
        """Keep what follows the header. Of a memoryview nothing is copied, and its memory must stay as it is."""
        raw = cls()
        raw.body = data.read() if isinstance(data, BytesIO) else data
        return raw

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.body)} bytes)"


class FetchResponse(_Raw, Response):  # type: ignore[misc]
    """The response's bytes, read by `partitions`."""

    API_KEY = 1
    API_VERSION = 10

    def partitions(self) -> Iterator[Fetched]:
        """Each partition of the response."""
        cursor = _Cursor(self.body, _FETCH_FRONT)
        for topic in cursor.topics():
            number, error, highwater, stable, _, count = cursor.read(_PARTITION)
            aborted = [cursor.read(_ABORTED) for _ in range(count)]
            yield Fetched(TP(topic, number), error, highwater, stable, aborted, cursor.blob())


class FetchStruct(_Raw, RequestStruct):  # type: ignore[misc]
    """The request as it is sent."""

    API_KEY = 1
    API_VERSION = 10
    RESPONSE_TYPE = FetchResponse


class ProduceResponse(_Raw, Response):  # type: ignore[misc]
    """The response's bytes, read by `partitions`."""

    API_KEY = 0
    API_VERSION = 7

    def partitions(self) -> Iterator[Produced]:
        """Each partition of the response."""
        cursor = _Cursor(self.body, 0)
        for topic in cursor.topics():
            number, error, offset, _, _ = cursor.read(_PRODUCED)
            yield Produced(TP(topic, number), error, offset)


class ProduceStruct(_Raw, RequestStruct):  # type: ignore[misc]
    """The request as it is sent."""

    API_KEY = 0
    API_VERSION = 7
    RESPONSE_TYPE = ProduceResponse


class FetchRequest(Request[FetchStruct]):  # type: ignore[misc]
    """Asks one broker for records of partitions, each from its offset on."""

    API_KEY: ClassVar[int] = 1

    def __init__(
        self,
        offsets: Mapping[TP, int],
        *,
        wait_ms: int,
        min_bytes: int,
        partition_bytes: int,
        max_bytes: int,
        committed_only: bool,
    ) -> None:
        asked = ((tp, _ASKED.pack(tp.partition, -1, offset, -1, partition_bytes)) for tp, offset in offsets.items())
        head = _HEAD.pack(-1, wait_ms, min_bytes, max_bytes, committed_only, 0, -1)
        self._body = head + _by_topic(asked) + _INT.pack(0)  # no forgotten topics

    def build(self, request_struct_class: type[FetchStruct]) -> FetchStruct:
        """The struct that aiokafka's connection writes."""
        return request_struct_class.decode(self._body)


class ProduceRequest(Request[ProduceStruct]):  # type: ignore[misc]
    """Gives one broker one batch for each partition, to be acknowledged by all in-sync replicas."""

    API_KEY: ClassVar[int] = 0

    def __init__(
        self,
        batches: Mapping[TP, bytes],
        *,
        timeout_ms: int,
        transactional_id: str | None = None,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        given = (
            (tp, b"".join((_INT.pack(tp.partition), _INT.pack(len(batch)), batch))) for tp, batch in batches.items()
        )
        transaction = _SHORT.pack(-1) if transactional_id is None else _text(transactional_id)
        self._body = transaction + _SHORT.pack(-1) + _INT.pack(timeout_ms) + _by_topic(given)
        self._may_send = may_send

    def build(self, request_struct_class: type[ProduceStruct]) -> ProduceStruct:
        """The struct that aiokafka's connection writes, at once. Errors: NotSent."""
        if not self._may_send():
            raise NotSent
        return request_struct_class.decode(self._body)


class _Cursor:
    """Reads fields one after the other."""

    def __init__(self, body: bytes | memoryview, at: int) -> None:
        self._body = body
        self._at = at

    def read(self, fields: struct.Struct) -> Any:
        at = self._at
        self._at += fields.size
        return fields.unpack_from(self._body, at)

    def blob(self) -> bytes | memoryview:
        """Bytes with their length before them; null reads as empty."""
        (size,) = self.read(_INT)
        return self._take(size)

    def topics(self) -> Iterator[str]:
        """The topic of each partition, whose fields are to be read before the next is asked for."""
        (topics,) = self.read(_INT)
        for _ in range(topics):
            (size,) = self.read(_SHORT)
            topic = str(self._take(size), "utf-8")
            (partitions,) = self.read(_INT)
            for _ in range(partitions):
                yield topic

    def _take(self, size: int) -> bytes | memoryview:
        at = self._at
        self._at += max(0, size)
        return self._body[at : self._at]


def _by_topic(fields: Iterable[tuple[TP, bytes]]) -> bytes:
    """An array of topics, each with the array of its partitions' fields."""
    topics: dict[str, list[bytes]] = {}
    for tp, encoded in fields:
        topics.setdefault(tp.topic, []).append(encoded)
    parts = [_INT.pack(len(topics))]
    for topic, partitions in topics.items():
        parts += [_text(topic), _INT.pack(len(partitions)), *partitions]
    return b"".join(parts)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _SHORT.pack(len(encoded)) + encoded
