"""The row of counted sales: a ring of days that never mixes one with another."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.demand.columns import HISTORY
from models.demand.row import RING, ROW_DTYPE, columns_of, count_sale, of_day, read_row
from schemas.state import ROW_HEADER_BYTES, source_offsets

BEGIN = 20_000
SALES = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 23), st.integers(1, 9)), min_size=1, max_size=40)


@given(SALES)
def test_every_day_that_is_kept_has_what_was_sold_on_it(sales: list[tuple[int, int, int]]) -> None:
    row = read_row(None, BEGIN + sales[0][0])
    units: Counter[int] = Counter()
    newest = sales[0][0]
    for day, hour, amount in sales:
        kept = count_sale(row, BEGIN + day, hour, amount, 2.0)
        assert kept == (day > newest - RING)
        newest = max(newest, day)
        if kept:
            units[day] += amount
    for last in range(newest - (RING - HISTORY), newest + 3):
        columns = columns_of(row, BEGIN + last)
        expected = [units[day] if day > newest - RING else 0 for day in range(last - HISTORY + 1, last + 1)]
        assert columns.units[0].tolist() == expected
        assert columns.revenue[0].tolist() == [2.0 * amount for amount in expected]
    assert row["hour_units"].sum() == of_day(row, BEGIN + newest)[0][0] == units[newest]


@given(SALES)
def test_a_stored_row_goes_on_as_it_was(sales: list[tuple[int, int, int]]) -> None:
    whole, parts = (read_row(None, BEGIN + sales[0][0]) for _ in range(2))
    for day, hour, amount in sales:
        count_sale(whole, BEGIN + day, hour, amount, None)
        parts = read_row(parts.tobytes(), 0)
        count_sale(parts, BEGIN + day, hour, amount, None)
    assert whole.tobytes() == parts.tobytes()


def test_the_age_is_counted_from_the_first_sale_and_a_late_one_may_be_earlier() -> None:
    row = read_row(None, BEGIN)
    count_sale(row, BEGIN, 0, 1, None)
    assert columns_of(row, BEGIN).ages.tolist() == [1]
    count_sale(row, BEGIN - 3, 0, 1, None)
    assert columns_of(row, BEGIN).ages.tolist() == [4]
    assert columns_of(row, BEGIN + 500).ages.tolist() == [HISTORY]


def test_the_row_is_small_and_begins_like_every_state_row() -> None:
    row = read_row(None, BEGIN)
    assert ROW_DTYPE.itemsize == 736 <= 2048
    assert ROW_DTYPE.fields is not None
    assert ROW_DTYPE.fields["day"][1] == ROW_HEADER_BYTES
    row["offset"] = 77
    assert source_offsets([row.tobytes()]) == [77]


def test_what_is_no_row_of_ours_begins_anew() -> None:
    for stored in (b"", b"\x01" * 20, b"\xff" * ROW_DTYPE.itemsize):
        assert np.array_equal(read_row(stored, BEGIN), read_row(None, BEGIN))
