"""The bytes of a partition's fetch to its records, without those of aborted transactions (KIP-98)."""

from collections.abc import Sequence

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from streams.record import Record

CONTROL_ABORT = b"\x00\x00\x00\x00"  # the key of an abort marker: version 0, type 0


def read_records(
    data: bytes, start: int, aborted: Sequence[tuple[int, int]] = (), *, committed_only: bool = False
) -> tuple[list[Record], int]:
    """The records at `start` and after it, in offset order, and the offset to ask for next.

    Batches begin before the offset that was asked for, and compacted ones end after their last record.
    `aborted` are (producer id, first offset) of transactions to be left out. Errors: CorruptRecordException.
    """
    found: list[Record] = []
    following = start
    pending = sorted(aborted, key=lambda transaction: transaction[1])
    dead: set[int] = set()
    batches = MemoryRecords(data)
    while batches.has_next():
        batch = batches.next_batch()
        assert batch is not None
        if not batch.validate_crc():
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
