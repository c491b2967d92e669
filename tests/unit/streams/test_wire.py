"""Our bytes of requests and responses against aiokafka's own structs, which read and write every field."""

from io import BytesIO

from aiokafka.protocol.fetch import FetchRequest_v10, FetchResponse_v10
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transport.wire import FetchRequest, FetchResponse, Produced, ProduceRequest, ProduceResponse

topics = st.sampled_from(["user-behaviour", "é", "x" * 249])
offsets = st.integers(0, 2**63 - 1)
partitions = st.builds(TP, topics, st.integers(0, 2**31 - 1))


@given(asked=st.dictionaries(partitions, offsets), committed_only=st.booleans())
def test_a_request_says_what_was_asked(asked: dict[TP, int], committed_only: bool) -> None:
    request = FetchRequest(
        asked, wait_ms=10, min_bytes=1, partition_bytes=256, max_bytes=1024, committed_only=committed_only
    )
    read = FetchRequest_v10.decode(BytesIO(request.prepare({1: (4, 17)}).encode()))
    assert (read.max_wait_time, read.min_bytes, read.max_bytes, read.isolation_level) == (10, 1, 1024, committed_only)
    assert (read.replica_id, read.session_id, read.session_epoch, read.forgotten_topics_data) == (-1, 0, -1, [])
    found = {TP(topic, number): (offset, size) for topic, parts in read.topics for number, _, offset, _, size in parts}
    assert found == {tp: (offset, 256) for tp, offset in asked.items()}


one_partition = st.tuples(
    st.integers(0, 9),
    st.integers(-1, 100),
    offsets,
    offsets,
    offsets,
    st.one_of(st.none(), st.lists(st.tuples(offsets, offsets), max_size=3)),
    st.one_of(st.none(), st.binary(max_size=40)),
)


@given(parts=st.lists(st.tuples(topics, st.lists(one_partition, max_size=3)), max_size=3))
def test_a_response_is_read_whole(parts: list[tuple[str, list[tuple[object, ...]]]]) -> None:
    written = FetchResponse_v10(5, 0, 0, parts).encode()
    found = [
        (one.tp, one.error_code, one.highwater, one.stable, list(one.aborted), one.records)
        for one in FetchResponse.decode(written).partitions()
    ]
    assert found == [
        (TP(topic, number), error, high, stable, aborted or [], records or b"")  # type: ignore[arg-type]
        for topic, given_parts in parts
        for number, error, high, stable, _, aborted, records in given_parts
    ]


@given(
    batches=st.dictionaries(partitions, st.binary(max_size=50)),
    transactional_id=st.one_of(st.none(), st.just(""), st.just("group-é-3")),
)
def test_a_produce_request_carries_every_batch(batches: dict[TP, bytes], transactional_id: str | None) -> None:
    request = ProduceRequest(batches, timeout_ms=30_000, transactional_id=transactional_id)
    read = ProduceRequest_v7.decode(BytesIO(request.prepare({0: (3, 13)}).encode()))
    assert (read.transactional_id, read.required_acks, read.timeout) == (transactional_id, -1, 30_000)
    assert {TP(topic, number): batch for topic, parts in read.topics for number, batch in parts} == batches


@given(
    parts=st.lists(
        st.tuples(topics, st.lists(st.tuples(st.integers(0, 99), st.integers(-1, 90), offsets, offsets, offsets))),
        max_size=3,
    )
)
def test_a_produce_response_is_read_whole(parts: list[tuple[str, list[tuple[int, int, int, int, int]]]]) -> None:
    found = list(ProduceResponse.decode(ProduceResponse_v7(parts, 0).encode()).partitions())
    assert found == [
        Produced(TP(topic, number), error, offset)
        for topic, given_parts in parts
        for number, error, offset, *_ in given_parts
    ]
