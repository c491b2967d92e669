"""Older rows behind newer ones: what a worker that lost its partitions without knowing leaves in a changelog."""

from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from schemas.state import ROW_FORMAT, source_offsets
from streams.state.order import UNKNOWN, newest
from tests.unit.streams.making import record

LOG = TP("user-state", 0)


def row(offset: int, body: bytes = b"") -> bytes:
    """A user's row that reaches this source offset."""
    return bytes((ROW_FORMAT, 0, 0, 0)) + b"mod." + offset.to_bytes(8, "little", signed=True) + body


def run_of(*rows: tuple[bytes, int | None]) -> list[ConsumerRecord]:
    """Changelog records of (key, source offset); None deletes."""
    return [record(LOG, i, key, None if offset is None else row(offset)) for i, (key, offset) in enumerate(rows)]


def no_look(keys: Sequence[bytes]) -> Sequence[bytes | None]:
    raise AssertionError(f"{keys} were looked up")


def test_the_offset_is_read_from_rows_of_this_format_only() -> None:
    assert source_offsets([row(7), row(2**40, b"more"), None, b"", b"\x63" + row(7)[1:], row(7)[:15]]) == [
        7, 2**40, -1, -1, -1, -1,
    ]  # fmt: skip


def test_rows_that_rise_are_kept_without_a_look_at_the_store() -> None:
    run = run_of((b"a", 3), (b"b", 4), (b"a", 9), (b"c", None), (b"c", 9))
    assert newest(run, 3, source_offsets, no_look) == (run, 9)


def test_an_older_row_behind_a_newer_one_of_the_same_run_is_left_out() -> None:
    run = run_of((b"a", 8), (b"b", 9), (b"a", 5), (b"c", 10))
    kept, highest = newest(run, 2, source_offsets, lambda keys: [None] * len(keys))
    assert [one.offset for one in kept] == [0, 1, 3]
    assert highest == 10


def test_an_older_row_than_the_stored_one_is_left_out_and_only_its_key_is_looked_up() -> None:
    asked: list[bytes] = []

    def stored(keys: Sequence[bytes]) -> Sequence[bytes | None]:
        asked.extend(keys)
        return [{b"a": row(8), b"b": row(2)}.get(key) for key in keys]

    run = run_of((b"a", 5), (b"b", 6), (b"d", 7), (b"c", 30))
    kept, highest = newest(run, 20, source_offsets, stored)
    assert [one.key for one in kept] == [b"b", b"d", b"c"]
    assert asked == [b"a", b"b", b"d"]
    assert highest == 30


def test_what_comes_behind_a_deletion_counts() -> None:
    run = run_of((b"a", 8), (b"a", None), (b"a", 5))
    assert newest(run, 2, source_offsets, lambda keys: [None])[0] == run


def test_a_copy_that_does_not_tell_its_highest_offset_has_every_row_looked_at() -> None:
    run = run_of((b"a", 3), (b"b", 4))
    kept, highest = newest(run, UNKNOWN, source_offsets, lambda keys: [row(9), None])
    assert [one.key for one in kept] == [b"b"]
    assert highest == UNKNOWN


rows = st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.integers(0, 12))


@given(st.lists(rows, min_size=1, max_size=40), st.integers(1, 7))
def test_the_result_is_that_of_looking_at_every_row_however_the_changelog_is_cut(
    written: list[tuple[bytes, int | None]], size: int
) -> None:
    plain: dict[bytes, int | None] = {}
    for key, offset in written:
        before = plain.get(key)
        if offset is None or before is None or offset >= before:
            plain[key] = offset
    found: dict[bytes, bytes | None] = {}
    highest = -1
    for first in range(0, len(written), size):
        run = run_of(*written[first : first + size])
        kept, highest = newest(run, highest, source_offsets, lambda keys: [found.get(key) for key in keys])
        found.update((one.key or b"", one.value) for one in kept)
    assert found == {key: None if offset is None else row(offset) for key, offset in plain.items()}


@pytest.mark.parametrize("value", [None, b"short"])
def test_rows_without_an_offset_are_never_left_out(value: bytes | None) -> None:
    run = [record(LOG, 0, b"a", value), record(LOG, 1, b"a", value)]
    assert newest(run, 5, source_offsets, no_look) == (run, 5)
