"""The bytes of a partition's fetch to its records, without those of aborted transactions (KIP-98)."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import google_crc32c
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from streams.record import Record

CONTROL_ABORT = b"\x00\x00\x00\x00"  # the key of an abort marker: version 0, type 0
FRONT_BYTES = 12  # base offset and length, which the length does not count
CHECKED_FROM = 21  # the checksum covers what comes after it
_SIZE = struct.Struct(">i")


def _is_whole(batch: Any, raw: bytes) -> bool:
    """Whether the batch matches its CRC-32C, computed by the processor: aiokafka's own takes most of a recovery."""
    if batch.magic < 2:
        whole: bool = batch.validate_crc()
        return whole
    matches: bool = google_crc32c.value(raw[CHECKED_FROM:]) == batch.crc
    return matches


def _batches(data: bytes | memoryview) -> Iterator[bytes]:
    """The whole batches of a fetch; the last may be cut, and is left for the next one.

    One at a time is copied, since the parser takes bytes only, and it is parsed while the processor still has it.
    """
    at, view = 0, memoryview(data)
    while at + FRONT_BYTES <= len(view):
        end = at + FRONT_BYTES + _SIZE.unpack_from(view, at + 8)[0]
        if end > len(view):
            return
        yield bytes(view[at:end])
        at = end


def read_records(
    data: bytes | memoryview, start: int, aborted: Sequence[tuple[int, int]] = (), *, committed_only: bool = False
) -> tuple[list[Record], int]:
    """The records at `start` and after it, in offset order, and the offset to ask for next.

    Batches begin before the offset that was asked for, and compacted ones end after their last record.
    `aborted` are (producer id, first offset) of transactions to be left out. Errors: CorruptRecordException.
    """
    found: list[Record] = []
    following = start
    pending = sorted(aborted, key=lambda transaction: transaction[1])
    dead: set[int] = set()
    for raw in _batches(data):
        batch = MemoryRecords(raw).next_batch()
        assert batch is not None
        if not _is_whole(batch, raw):
            raise CorruptRecordException(f"a batch after offset {following} does not match its checksum")
        transactional = committed_only and batch.is_transactional
        if transactional:
            while pending and pending[0][1] <= batch.base_offset:
                dead.add(pending.pop(0)[0])
        if batch.is_control_batch:
            if transactional and next(iter(batch)).key == CONTROL_ABORT:
                dead.discard(batch.producer_id)
        elif not (transactional and batch.producer_id in dead):
            if batch.magic >= 2 and batch.base_offset >= start:
                found.extend(batch)
            else:
                found.extend(record for record in batch if record.offset >= start)
        following = max(following, batch.next_offset)
    return found, following
