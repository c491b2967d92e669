"""Record batches as bytes: Kafka's message format 2, many records at a time.

aiokafka appends records one by one, each by way of several Python objects, 2 µs each. Here the fields of all records
are laid side by side and joined once, which is a fraction of that, and the checksum is the processor's.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, chain, repeat

import google_crc32c
from aiokafka import codec

Bytes = bytes | None
# base offset, length, leader epoch, magic, crc
_FRONT = struct.Struct(">qiibI")
# attributes, last offset delta, base and max timestamp, producer id, epoch, base sequence, count
_BODY = struct.Struct(">hiqqqhii")
HEADER_BYTES = _FRONT.size + _BODY.size
TRANSACTIONAL = 0x10
FIELDS_BYTES = 20  # more than a record's own fields take
SHORT = 1 << 13  # lengths below take at most two bytes, and are looked up

CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (0, lambda data: data),
    "gzip": (1, lambda data: codec.gzip_encode(data, 1)),
    "snappy": (2, codec.snappy_encode),
    "lz4": (3, lambda data: codec.lz4_encode(data, 1)),
    "zstd": (4, lambda data: codec.zstd_encode(data, 1)),
}


def _varint(value: int) -> bytes:
    """A signed number, zigzag, seven bits a byte, low ones first (protobuf's encoding)."""
    left = (value << 1) ^ (value >> 63)
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


_VARINTS = [_varint(value) for value in range(SHORT)]
_LENGTHS = [len(_VARINTS[value]) + value for value in range(SHORT)]  # of a field with its length before it
_STARTS = [b"\0\0" + varint for varint in _VARINTS]  # attributes, no later than the batch, offset in the batch
_ENDS = b"\0"  # no headers


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one batch, not yet numbered for a producer."""

    records: bytes
    count: int
    timestamp_ms: int
    codec: int

    def encode(self, producer_id: int, epoch: int, sequence: int, *, transactional: bool = False) -> bytes:
        """The whole batch, for a Produce request."""
        attributes = self.codec | (TRANSACTIONAL if transactional else 0)
        body = _BODY.pack(
            attributes, self.count - 1, self.timestamp_ms, self.timestamp_ms, producer_id, epoch, sequence, self.count
        )
        crc = google_crc32c.extend(google_crc32c.value(body), self.records)
        # The length counts what follows it: all but the base offset and itself.
        return _FRONT.pack(0, HEADER_BYTES - 12 + len(self.records), -1, 2, crc) + body + self.records


def make_batches(
    keys: Sequence[Bytes], values: Sequence[Bytes], timestamp_ms: int, max_bytes: int, compression: str = "none"
) -> Iterator[Batch]:
    """All records in order, in batches of at most `max_bytes` before compression; one record may be larger."""
    number, compress = CODECS[compression]
    for first, end in _cuts(keys, values, max_bytes):
        encoded = encode_records(keys[first:end], values[first:end])
        yield Batch(compress(encoded), end - first, timestamp_ms, number)


def encode_records(keys: Sequence[Bytes], values: Sequence[Bytes]) -> bytes:
    """The records of a batch, all of the batch's own time; None is no key, or a tombstone."""
    if len(keys) < SHORT and None not in keys and None not in values:
        with suppress(IndexError):  # a long one among them
            return _encode_short(keys, values)  # type: ignore[arg-type]  # no None in them
    return b"".join(_encode_one(i, key, value) for i, (key, value) in enumerate(zip(keys, values, strict=True)))


def _encode_short(keys: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    """All fields side by side. Errors: IndexError if a record is too long for the tables."""
    count = len(keys)
    key_sizes, value_sizes = list(map(len, keys)), list(map(len, values))
    varints, lengths = _VARINTS, _LENGTHS
    sizes = [
        3 + len(varints[i]) + lengths[key] + lengths[value]
        for i, key, value in zip(range(count), key_sizes, value_sizes, strict=True)
    ]
    fields = zip(
        [varints[size] for size in sizes],
        _STARTS[:count],
        [varints[size] for size in key_sizes],
        keys,
        [varints[size] for size in value_sizes],
        values,
        repeat(_ENDS, count),
        strict=True,
    )
    return b"".join(chain.from_iterable(fields))


def _encode_one(number: int, key: Bytes, value: Bytes) -> bytes:
    fields = b"".join((b"\0\0", _varint(number), _field(key), _field(value), _ENDS))
    return _varint(len(fields)) + fields


def _field(value: Bytes) -> bytes:
    return _varint(-1) if value is None else _varint(len(value)) + value


def _cuts(keys: Sequence[Bytes], values: Sequence[Bytes], max_bytes: int) -> Iterator[tuple[int, int]]:
    """Where each batch begins and ends."""
    count = len(keys)
    known = sum(map(len, filter(None, keys))) + sum(map(len, filter(None, values)))
    if known + FIELDS_BYTES * count <= max_bytes:
        if count:
            yield 0, count
        return
    sizes = [len(key or b"") + len(value or b"") + FIELDS_BYTES for key, value in zip(keys, values, strict=True)]
    first, before = 0, 0
    for end, total in enumerate(accumulate(sizes)):
        if total - before > max_bytes and end > first:
            yield first, end
            first, before = end, total - sizes[end]
    yield first, len(sizes)
