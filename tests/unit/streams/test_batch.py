"""Our batches, read by aiokafka: every record comes back, and the checksum and numbers are right."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.transport.batch import CODECS, SHORT, Batch, make_batches
from streams.transport.records import read_records
from tests.unit.streams.making import NOW_MS

Records = list[tuple[bytes | None, bytes | None]]

field = st.one_of(st.none(), st.binary(max_size=200), st.integers(100, 20_000).map(bytes))


def made(records: Records, max_bytes: int = 1 << 20, compression: str = "none") -> list[Batch]:
    """Batches of these records."""
    return list(make_batches([k for k, _ in records], [v for _, v in records], NOW_MS, max_bytes, compression))


def read(batch: Batch) -> Records:
    """What aiokafka makes of it."""
    found, following = read_records(batch.encode(7, 3, 11), 0)
    assert following == batch.count
    assert [record.offset for record in found] == list(range(batch.count))
    assert {record.timestamp for record in found} <= {NOW_MS}
    return [(record.key, record.value) for record in found]


@settings(deadline=None)
@given(records=st.lists(st.tuples(field, field), min_size=1, max_size=40), compression=st.sampled_from(list(CODECS)))
def test_what_is_written_is_read(records: Records, compression: str) -> None:
    (batch,) = made(records, 1 << 24, compression)
    assert read(batch) == records


def test_thousands_of_records_in_one_batch_keep_their_offsets() -> None:
    records: Records = [(b"key-%d" % i, b"value" * (i % 90)) for i in range(SHORT + 2_000)]
    (batch,) = made(records, 1 << 24)
    assert read(batch) == records


@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=60),
    max_bytes=st.integers(1, 2_000),
)
def test_batches_stay_below_the_limit_unless_one_record_is_larger(sizes: list[int], max_bytes: int) -> None:
    records: Records = [(b"k", bytes(size)) for size in sizes]
    batches = made(records, max_bytes)
    assert [record for batch in batches for record in read(batch)] == records
    assert all(len(batch.records) <= max_bytes or batch.count == 1 for batch in batches)


def test_nothing_makes_no_batch() -> None:
    assert made([]) == []


@pytest.mark.parametrize("transactional", [False, True])
def test_a_batch_carries_the_producer_and_its_sequence(transactional: bool) -> None:
    (batch,) = made([(b"k", b"1"), (b"k", b"2")])
    found = DefaultRecordBatch(batch.encode(2**40, 5, 2**31 - 1, transactional=transactional))
    assert found.validate_crc()
    assert (found.producer_id, found.producer_epoch, found.base_sequence) == (2**40, 5, 2**31 - 1)
    assert (found.is_transactional, found.last_offset_delta) == (transactional, 1)
    assert (found.first_timestamp, found.max_timestamp) == (NOW_MS, NOW_MS)
