"""Rows on their way to the store: a window sees what the windows before it decided."""

from collections.abc import Sequence

import pytest

from streams.state.ahead import RowsAhead


class Stored:
    """What is in the store."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, bytes], bytes] = {}
        self.asked: list[list[bytes]] = []

    def read(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """As `RowStore.read`."""
        self.asked.append(list(keys))
        return [self.rows.get((partition, key)) for key in keys]


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def ahead(stored: Stored) -> RowsAhead:
    return RowsAhead(stored.read)


def test_rows_in_flight_are_read_before_the_stored_ones(ahead: RowsAhead, stored: Stored) -> None:
    stored.rows[0, b"a"], stored.rows[0, b"b"] = b"old a", b"old b"
    ahead.put(0, [b"a"], [b"new a"])
    assert ahead.read(0, [b"b", b"a", b"c"]) == [b"old b", b"new a", None]
    assert stored.asked == [[b"b", b"c"]]


def test_a_deletion_in_flight_hides_the_stored_row(ahead: RowsAhead, stored: Stored) -> None:
    stored.rows[0, b"a"] = b"old"
    ahead.put(0, [b"a"], [None])
    assert ahead.read(0, [b"a"]) == [None]


def test_partitions_do_not_see_each_other(ahead: RowsAhead) -> None:
    ahead.put(0, [b"a"], [b"zero"])
    assert ahead.read(1, [b"a"]) == [None]


def test_a_stored_row_is_read_from_the_store(ahead: RowsAhead, stored: Stored) -> None:
    ahead.put(0, [b"a"], [b"1"])
    stored.rows[0, b"a"] = b"as stored"
    ahead.drop(0, [b"a"])
    assert ahead.read(0, [b"a"]) == [b"as stored"]


def test_a_newer_row_stays_when_the_one_before_it_is_stored(ahead: RowsAhead) -> None:
    ahead.put(0, [b"a"], [b"1"])
    ahead.put(0, [b"a"], [b"2"])
    ahead.drop(0, [b"a"])
    assert ahead.read(0, [b"a"]) == [b"2"]


@pytest.mark.parametrize(
    "rows",
    [[b"1", b"2", b"1"], [None, b"2", None], [b"1", None, b"1"], [None, None, None]],
    ids=["row, other, same row", "erased, back, erased", "row, erased, same row", "erased thrice"],
)
def test_the_newest_row_is_read_at_every_moment_even_if_it_equals_an_older_one(
    ahead: RowsAhead, stored: Stored, rows: list[bytes | None]
) -> None:
    for row in rows:
        ahead.put(0, [b"a"], [row])
        assert ahead.read(0, [b"a"]) == [row]
    for row in rows:
        if row is None:
            stored.rows.pop((0, b"a"), None)
        else:
            stored.rows[0, b"a"] = row
        ahead.drop(0, [b"a"])
        assert ahead.read(0, [b"a"]) == [rows[-1]]
    stored.rows[0, b"a"] = b"only in the store"
    assert ahead.read(0, [b"a"]) == [b"only in the store"]
