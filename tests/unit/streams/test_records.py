"""Record batches to records: where they begin, what transactions leave out, and where the next fetch goes on."""

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.transport.records import read_records

COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


def batch(
    first: int, values: list[bytes], *, producer: int = -1, transactional: bool = False, compression: int = 0
) -> bytes:
    """A batch of format 2 whose first record has that offset."""
    builder = DefaultRecordBatchBuilder(2, compression, transactional, producer, 0, 0, 1 << 20)
    for i, value in enumerate(values):
        builder.append(i, timestamp=1_000 + i, key=b"k", value=value, headers=[])
    raw = bytearray(builder.build())
    raw[:8] = first.to_bytes(8, "big")  # a broker sets the base offset; the checksum does not cover it
    return bytes(raw)


def marker(offset: int, kind: bytes, producer: int) -> bytes:
    """The end of a transaction."""
    raw = bytearray(batch(offset, [b""], producer=producer, transactional=True))
    builder = DefaultRecordBatchBuilder(2, 0, True, producer, 0, 0, 1 << 20)
    builder.append(0, timestamp=1, key=kind, value=b"\x00" * 6, headers=[])
    raw = bytearray(builder.build())
    raw[:8] = offset.to_bytes(8, "big")
    raw[22] |= 0x20  # the control bit of the attributes, which the checksum covers
    raw[17:21] = crc32c(bytes(raw[21:])).to_bytes(4, "big")
    return bytes(raw)


def crc32c(data: bytes) -> int:
    from aiokafka.record._crc32c import crc

    value: int = crc(data)
    return value


def values(data: bytes, start: int, **options: object) -> tuple[list[tuple[int, bytes | None]], int]:
    found, following = read_records(data, start, **options)  # type: ignore[arg-type]
    return [(record.offset, record.value) for record in found], following


def test_records_of_several_batches_come_in_order() -> None:
    data = batch(5, [b"a", b"b"]) + batch(7, [b"c"])
    assert values(data, 5) == ([(5, b"a"), (6, b"b"), (7, b"c")], 8)


def test_a_batch_that_begins_before_the_offset_gives_only_what_was_asked() -> None:
    assert values(batch(5, [b"a", b"b", b"c"]), 7) == ([(7, b"c")], 8)


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_every_compression_of_kafka_is_read(compression: int) -> None:
    assert values(batch(0, [b"a" * 100, b"b"], compression=compression), 0) == ([(0, b"a" * 100), (1, b"b")], 2)


def test_a_cut_batch_at_the_end_is_left_for_the_next_fetch() -> None:
    data = batch(0, [b"a"]) + batch(1, [b"b"])[:-3]
    assert values(data, 0) == ([(0, b"a")], 1)


def test_records_are_read_from_memory_that_is_no_bytes_object_and_live_on_without_it() -> None:
    memory = bytearray(batch(0, [b"a" * 50, b"b"]) + batch(2, [b"c"]) + batch(3, [b"d"])[:9])
    found, following = read_records(memoryview(memory), 1)
    memory[:] = bytes(len(memory))
    assert ([record.value for record in found], following) == ([b"b", b"c"], 3)


def test_a_flipped_bit_is_an_error() -> None:
    data = bytearray(batch(0, [b"a"]))
    data[-2] ^= 1
    with pytest.raises(CorruptRecordException, match="checksum"):
        read_records(bytes(data), 0)


def test_markers_are_no_records_but_move_the_position() -> None:
    data = batch(0, [b"a"], producer=7, transactional=True) + marker(1, COMMIT, 7)
    for committed_only in (True, False):
        assert values(data, 0, committed_only=committed_only) == ([(0, b"a")], 2)


def test_an_aborted_transaction_is_left_out_and_its_producer_may_go_on() -> None:
    data = (
        batch(0, [b"lost"], producer=7, transactional=True)
        + batch(1, [b"other"], producer=8, transactional=True)
        + marker(2, ABORT, 7)
        + batch(3, [b"kept"], producer=7, transactional=True)
        + marker(4, COMMIT, 7)
    )
    found = values(data, 0, aborted=[(7, 0)], committed_only=True)
    assert found == ([(1, b"other"), (3, b"kept")], 5)
    assert [offset for offset, _ in values(data, 0)[0]] == [0, 1, 3]  # who reads uncommitted gets all


def test_records_outside_transactions_are_never_left_out() -> None:
    data = batch(0, [b"plain"], producer=7) + batch(1, [b"lost"], producer=7, transactional=True) + marker(2, ABORT, 7)
    assert values(data, 0, aborted=[(7, 1)], committed_only=True) == ([(0, b"plain")], 3)
