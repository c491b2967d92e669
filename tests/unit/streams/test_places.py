"""Where a key lies: as every other client of Kafka has it, and all records of a key in one place, in order."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.transport.outbox import route
from streams.transport.places import places


@given(st.binary(min_size=1, max_size=40), st.integers(1, 64))
def test_a_key_lies_where_the_default_partitioner_puts_it(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert places(partitions)(key) == DefaultPartitioner()(key, every, every)


def test_records_are_parted_by_key_and_keep_their_order() -> None:
    keys = [b"a", b"b", b"a", None, b"b"]
    values = [b"1", b"2", b"3", b"4", None]
    parts = route("t", keys, values, lambda key: 1 if key == b"b" else 0)
    assert {(one.topic, one.partition): list(zip(one.keys, one.values, strict=True)) for one in parts} == {
        ("t", 0): [(b"a", b"1"), (b"a", b"3"), (None, b"4")],
        ("t", 1): [(b"b", b"2"), (b"b", None)],
    }
