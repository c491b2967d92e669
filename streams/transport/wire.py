"""Fetch and Produce as bytes: Kafka protocol, API keys 1 and 0, versions 10 and 7 (Kafka 2.1 and later).

aiokafka's own structs cost a millisecond of Python for each request, which at a few milliseconds between requests is
most of a core. Here a request is a few formats, and a response is read without touching the records in it.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar, Self

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Schema
from faust.types import TP

FETCH_VERSION, PRODUCE_VERSION = 10, 7
_HEAD = struct.Struct(">iiiibii")  # replica, max_wait_ms, min_bytes, max_bytes, isolation, session id, session epoch
_ASKED = struct.Struct(">iiqqi")  # partition, leader epoch, offset, log start offset, max_bytes
_INT, _SHORT = struct.Struct(">i"), struct.Struct(">h")
_PARTITION = struct.Struct(">ihqqqi")  # partition, error, high watermark, last stable offset, log start, aborted count
_ABORTED = struct.Struct(">qq")
_PRODUCED = struct.Struct(">ihqqq")  # partition, error, base offset, append time, log start


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one partition answered. `aborted` are the (producer id, first offset) of aborted transactions."""

    tp: TP
    error_code: int
    highwater: int
    stable: int
    aborted: Sequence[tuple[int, int]]
    records: bytes | memoryview


class FetchResponse(Response):  # type: ignore[misc]
    """The response's bytes, read by `partitions`."""

    API_KEY = 1
    API_VERSION = FETCH_VERSION
    SCHEMA = Schema()

    body: bytes | memoryview = b""

    @classmethod
    def decode(cls, data: BytesIO | bytes | memoryview) -> Self:
        """Keep what follows the header. Of a memoryview nothing is copied, and its memory must stay as it is."""
        response = cls()
        response.body = data.read() if isinstance(data, BytesIO) else data
        return response

    def __repr__(self) -> str:
        return f"FetchResponse({len(self.body)} bytes)"

    def partitions(self) -> Iterator[Fetched]:
        """Each partition of the response."""
        body = self.body
        at = 10  # throttle time, error, session id
        (topics,) = _INT.unpack_from(body, at)
        at += 4
        for _ in range(topics):
            (size,) = _SHORT.unpack_from(body, at)
            topic = str(body[at + 2 : at + 2 + size], "utf-8")
            at += 2 + size
            (partitions,) = _INT.unpack_from(body, at)
            at += 4
            for _ in range(partitions):
                number, error, highwater, stable, _, count = _PARTITION.unpack_from(body, at)
                at += _PARTITION.size
                aborted = [_ABORTED.unpack_from(body, at + i * _ABORTED.size) for i in range(count)]
                at += len(aborted) * _ABORTED.size
                (size,) = _INT.unpack_from(body, at)
                at += 4
                records = body[at : at + size] if size > 0 else b""
                at += max(0, size)
                yield Fetched(TP(topic, number), error, highwater, stable, aborted, records)


class _FetchBody(RequestStruct):  # type: ignore[misc]
    API_KEY = 1
    API_VERSION = FETCH_VERSION
    RESPONSE_TYPE = FetchResponse
    SCHEMA = Schema()

    body: bytes = b""

    def encode(self) -> bytes:
        return self.body

    def __repr__(self) -> str:
        return f"Fetch({len(self.body)} bytes)"


class FetchRequest(Request[_FetchBody]):  # type: ignore[misc]
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
        topics: dict[str, list[bytes]] = {}
        for tp, offset in offsets.items():
            topics.setdefault(tp.topic, []).append(_ASKED.pack(tp.partition, -1, offset, -1, partition_bytes))
        parts = [_HEAD.pack(-1, wait_ms, min_bytes, max_bytes, committed_only, 0, -1), _INT.pack(len(topics))]
        for topic, asked in topics.items():
            name = topic.encode()
            parts += [_SHORT.pack(len(name)), name, _INT.pack(len(asked)), *asked]
        parts.append(_INT.pack(0))  # no forgotten topics
        self._body = b"".join(parts)

    def build(self, request_struct_class: type[_FetchBody]) -> _FetchBody:
        """The struct that aiokafka's connection writes."""
        struct_ = request_struct_class()
        struct_.body = self._body
        return struct_


@dataclass(frozen=True, slots=True)
class Produced:
    """What became of one partition's batch; `offset` is that of its first record."""

    tp: TP
    error_code: int
    offset: int


class ProduceResponse(Response):  # type: ignore[misc]
    """The response's bytes, read by `partitions`."""

    API_KEY = 0
    API_VERSION = PRODUCE_VERSION
    SCHEMA = Schema()

    body: bytes = b""

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Self:
        """Keep what follows the header."""
        response = cls()
        response.body = data if isinstance(data, bytes) else data.read()
        return response

    def __repr__(self) -> str:
        return f"ProduceResponse({len(self.body)} bytes)"

    def partitions(self) -> Iterator[Produced]:
        """Each partition of the response."""
        body = self.body
        (topics,) = _INT.unpack_from(body, 0)
        at = 4
        for _ in range(topics):
            (size,) = _SHORT.unpack_from(body, at)
            topic = body[at + 2 : at + 2 + size].decode()
            at += 2 + size
            (partitions,) = _INT.unpack_from(body, at)
            at += 4
            for _ in range(partitions):
                number, error, offset, _, _ = _PRODUCED.unpack_from(body, at)
                at += _PRODUCED.size
                yield Produced(TP(topic, number), error, offset)


class _ProduceBody(RequestStruct):  # type: ignore[misc]
    API_KEY = 0
    API_VERSION = PRODUCE_VERSION
    RESPONSE_TYPE = ProduceResponse
    SCHEMA = Schema()

    body: bytes = b""

    def encode(self) -> bytes:
        return self.body

    def __repr__(self) -> str:
        return f"Produce({len(self.body)} bytes)"


class ProduceRequest(Request[_ProduceBody]):  # type: ignore[misc]
    """Gives one broker one batch for each partition, to be acknowledged by all in-sync replicas."""

    API_KEY: ClassVar[int] = 0

    def __init__(self, batches: Mapping[TP, bytes], *, timeout_ms: int, transactional_id: str | None = None) -> None:
        topics: dict[str, list[bytes]] = {}
        for tp, batch in batches.items():
            topics.setdefault(tp.topic, []).extend((_INT.pack(tp.partition), _INT.pack(len(batch)), batch))
        name = transactional_id.encode() if transactional_id is not None else b""
        parts = [_SHORT.pack(-1 if transactional_id is None else len(name)), name, _SHORT.pack(-1)]
        parts += [_INT.pack(timeout_ms), _INT.pack(len(topics))]
        for topic, given in topics.items():
            encoded = topic.encode()
            parts += [_SHORT.pack(len(encoded)), encoded, _INT.pack(len(given) // 3), *given]
        self._body = b"".join(parts)

    def build(self, request_struct_class: type[_ProduceBody]) -> _ProduceBody:
        """The struct that aiokafka's connection writes."""
        struct_ = request_struct_class()
        struct_.body = self._body
        return struct_
