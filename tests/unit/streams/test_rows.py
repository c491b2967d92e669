"""A table's rows on their way: a window sees what the windows before it decided, and RocksDB gets what is durable."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.state.rows import WRITE_ROWS, Rows

LARGE = 1 << 20


class Stored:
    """RocksDB: rows and the changelog offset of each partition."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, bytes], bytes] = {}
        self.offsets: dict[int, int] = {}
        self.asked: list[list[bytes]] = []
        self.writes: list[tuple[int, int, int]] = []

    def read(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """As `RowStore.read`."""
        self.asked.append(list(keys))
        return [self.rows.get((partition, key)) for key in keys]

    def write(self, partition: int, keys: Sequence[bytes], rows: Sequence[bytes | None], offset: int) -> None:
        """As `RowStore.write`."""
        for key, row in zip(keys, rows, strict=True):
            if row is None:
                self.rows.pop((partition, key), None)
            else:
                self.rows[partition, key] = row
        if offset >= 0:
            self.offsets[partition] = offset
        self.writes.append((partition, len(keys), offset))


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def rows(stored: Stored) -> Rows:
    return Rows(stored.read, stored.write, LARGE)


def test_decided_rows_are_read_before_the_stored_ones(rows: Rows, stored: Stored) -> None:
    stored.rows[0, b"a"], stored.rows[0, b"b"] = b"old a", b"old b"
    rows.put(0, {b"a": b"new a"})
    assert rows.read(0, [b"b", b"a", b"c"]) == [b"old b", b"new a", None]
    assert stored.asked == [[b"b", b"c"]]


def test_a_deletion_hides_the_stored_row_and_is_written(rows: Rows, stored: Stored) -> None:
    stored.rows[0, b"a"] = b"old"
    rows.put(0, {b"a": None})
    assert rows.read(0, [b"a"]) == [None]
    rows.durable(0, 3)
    rows.flush()
    assert stored.rows == {}
    assert rows.read(0, [b"a"]) == [None]


def test_only_what_is_durable_is_written_and_with_its_offset(rows: Rows, stored: Stored) -> None:
    rows.put(0, {b"a": b"1"})
    rows.put(0, {b"a": b"2", b"b": b"2"})
    rows.flush()
    assert (stored.rows, stored.offsets) == ({}, {})
    rows.durable(0, 10)
    assert rows.waiting_bytes() > 0
    rows.flush()
    assert (stored.rows, stored.offsets) == ({(0, b"a"): b"1"}, {0: 10})
    assert rows.read(0, [b"a"]) == [b"2"]
    rows.durable(0, 12)
    rows.flush()
    assert (stored.rows, stored.offsets) == ({(0, b"a"): b"2", (0, b"b"): b"2"}, {0: 12})
    assert rows.waiting_bytes() == 0


def test_many_updates_of_one_row_are_one_write(rows: Rows, stored: Stored) -> None:
    for i in range(100):
        rows.put(0, {b"a": b"%d" % i})
        rows.durable(0, i)
    rows.flush()
    assert stored.rows == {(0, b"a"): b"99"}
    assert stored.writes == [(0, 1, 99)]


def test_a_large_flush_is_written_in_pieces_and_the_offset_with_the_last(rows: Rows, stored: Stored) -> None:
    count = 2 * WRITE_ROWS + 3
    rows.put(0, {b"%d" % i: b"row" for i in range(count)})
    rows.durable(0, 77)
    rows.flush()
    assert stored.writes == [(0, WRITE_ROWS, -1), (0, WRITE_ROWS, -1), (0, 3, 77)]
    assert len(stored.rows) == count


def test_partitions_do_not_see_each_other(rows: Rows) -> None:
    rows.put(0, {b"a": b"zero"})
    assert rows.read(1, [b"a"]) == [None]


def test_partitions_of_a_shared_table_are_one_and_keep_their_own_offsets(stored: Stored) -> None:
    shared = Rows(stored.read, stored.write, LARGE, shared=True)
    shared.put(0, {b"a": b"zero"})
    shared.put(2, {b"b": b"two"})
    assert shared.read(1, [b"a", b"b"]) == [b"zero", b"two"]
    shared.durable(2, 5)
    shared.durable(0, 9)
    shared.flush()
    assert stored.offsets == {0: 9, 2: 5}


def test_what_was_written_and_not_touched_again_is_forgotten_and_read_from_the_store(stored: Stored) -> None:
    rows = Rows(stored.read, stored.write, 4_000)
    rows.put(0, {b"cold": b"1"})
    rows.durable(0, 0)
    rows.flush()
    for i in range(30):
        rows.put(0, {b"%d" % i: bytes(500)})
    stored.rows[0, b"cold"] = b"as stored"
    assert rows.read(0, [b"cold"]) == [b"as stored"]


def test_what_is_not_written_is_never_forgotten(stored: Stored) -> None:
    rows = Rows(stored.read, stored.write, 0)
    rows.put(0, {b"a": b"1", b"gone": None})
    for i in range(30):
        rows.put(0, {b"%d" % i: bytes(500)})
    rows.durable(0, 0)
    assert rows.read(0, [b"a", b"gone", b"7"]) == [b"1", None, bytes(500)]


def test_after_forget_everything_is_read_from_the_store(rows: Rows, stored: Stored) -> None:
    rows.put(0, {b"a": b"ours"})
    rows.durable(0, 0)
    rows.flush()
    rows.forget()
    stored.rows[0, b"a"] = b"written by another worker"
    assert rows.read(0, [b"a"]) == [b"written by another worker"]


STEPS = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), st.one_of(st.none(), st.binary(max_size=300)), min_size=1),
        st.sampled_from(["durable", "flush"]),
    ),
    max_size=40,
)


@given(steps=STEPS, cache_bytes=st.sampled_from([0, 500, 5_000, LARGE]))
def test_the_newest_row_is_read_at_every_moment_and_the_store_is_at_its_offset(
    steps: list[dict[bytes, bytes | None] | str], cache_bytes: int
) -> None:
    stored = Stored()
    rows = Rows(stored.read, stored.write, cache_bytes)
    newest: dict[bytes, bytes | None] = {}
    history: list[dict[bytes, bytes | None]] = []  # after each window
    durable = 0
    for step in steps:
        if step == "durable":
            if durable < len(history):
                rows.durable(0, durable)
                durable += 1
        elif step == "flush":
            rows.flush()
            if durable:
                told = {(0, key): row for key, row in history[durable - 1].items() if row is not None}
                assert (stored.rows, stored.offsets[0]) == (told, durable - 1)
        else:
            assert isinstance(step, dict)
            rows.put(0, step)
            newest |= step
            history.append(dict(newest))
        assert rows.read(0, [b"a", b"b", b"c"]) == [newest.get(key) for key in (b"a", b"b", b"c")]


def test_the_keys_of_a_partition_are_those_of_its_rows_wherever_they_are() -> None:
    stored = Stored()
    rows = Rows(stored.read, stored.write, LARGE, keys=lambda partition: [k for n, k in stored.rows if n == partition])
    stored.rows[0, b"stored"], stored.rows[1, b"other"], stored.rows[0, b"gone"] = b"1", b"2", b"3"
    rows.put(0, {b"durable": b"4"})
    rows.durable(0, 1)
    rows.put(0, {b"decided": b"5", b"gone": None})
    assert sorted(rows.keys(0)) == [b"decided", b"durable", b"stored"]
    rows.flush()
    assert sorted(rows.keys(0)) == [b"decided", b"durable", b"stored"]
    assert rows.keys(1) == [b"other"]
