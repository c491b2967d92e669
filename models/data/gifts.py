"""A year of a gift shop's purchases (Online Retail, UCI 352, CC BY 4.0) as columns in the order the protocol asks for.

One event per (customer, invoice, item): the first line of it. Cancellations and lines without a customer are left out.
Grouping key: the customer's number as the file has it. Customers of the kept-out bucket are dropped.

Within an invoice the source keeps the order of its lines, which is much of what can be predicted; `shuffled` gives the
same invoices in random order, to tell how much.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, buckets
from models.data.titles import read_table
from models.errors import DataError

NAME = "gifts"
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
CANCELLED = "C"  # first letter of such an invoice
TABLES = ("items", "descriptions")  # of Sales, not a column


@dataclass(frozen=True, slots=True)
class Sales:
    """n purchases by (customer, time, invoice), ties in the source's order."""

    customer: NDArray[np.int32]  # (n,) codes from 0, by rising number
    invoice: NDArray[np.int32]  # (n,) codes from 0
    item: NDArray[np.int32]  # (n,) into items
    quantity: NDArray[np.float32]  # (n,) of the first line
    price: NDArray[np.float32]  # (n,) pounds a piece, 0 = given away
    times_ms: NDArray[np.int64]  # (n,) milliseconds since the epoch, reading the source's local time as UTC
    bucket: NDArray[np.int8]  # (n,) of the customer
    items: tuple[str, ...]  # stock codes, sorted
    descriptions: tuple[str, ...]  # of each item: what most of its lines say, "" where none says anything

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: NDArray[np.generic]) -> Sales:
        """The purchases that a mask or an index array names."""
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in TABLES}
        return Sales(**columns, items=self.items, descriptions=self.descriptions)

    def with_items(self, item: NDArray[np.int32]) -> Sales:
        """The same purchases with other numbers for their items, of which `items` then says nothing."""
        return replace(self, item=item)

    def of_buckets(self, *wanted: int) -> Sales:
        """The customers of some buckets."""
        return self.take(np.isin(self.bucket, wanted))

    def shuffled(self, seed: int) -> Sales:
        """The same invoices with their lines in random order."""
        draw = np.random.default_rng(seed).random(len(self))
        return self.take(np.lexsort((draw, self.invoice, self.times_ms, self.customer)))

    def followed(self) -> NDArray[np.bool_]:
        """(n,) whether the next event is of the same customer: what there is to predict."""
        return np.concatenate([self.customer[1:] == self.customer[:-1], [False]])[: len(self)]

    def fingerprint(self) -> str:
        """crc32 over all columns, to tell in a manifest which data a model was fitted on."""
        crc = zlib.crc32("\n".join((*self.items, *self.descriptions)).encode())
        for column in (self.customer, self.invoice, self.item, self.quantity, self.price, self.times_ms):
            crc = zlib.crc32(np.ascontiguousarray(column).tobytes(), crc)
        return f"{crc:08x}"


def load(data: Path) -> Sales:
    """Every event of the customers that may be used; `data` is the folder of the data sets. Errors: DataError."""
    file = data / "gifts" / "transactions.csv.gz"
    lines = read_table(file, COLUMNS)
    lines = lines[(lines["CustomerID"] != "") & ~lines["InvoiceNo"].str.startswith(CANCELLED)]
    lines = lines.drop_duplicates(["CustomerID", "InvoiceNo", "StockCode"])
    lines = lines.assign(bucket=buckets(lines["CustomerID"]))
    lines = lines[lines["bucket"] != KEPT_OUT]
    try:
        lines = lines.assign(
            number=lines["CustomerID"].astype(float),
            time=pd.to_datetime(lines["InvoiceDate"]),
            quantity=lines["Quantity"].astype(float),
            price=lines["UnitPrice"].astype(float),
        )
    except ValueError as error:
        raise DataError(f"{file}: {error}; numbers and times must be as its README has them") from error
    lines = lines.sort_values(["number", "time", "InvoiceNo"], kind="stable")
    codes, items = pd.factorize(lines["StockCode"], sort=True)
    return Sales(
        customer=pd.factorize(lines["number"])[0].astype(np.int32),
        invoice=pd.factorize(lines["InvoiceNo"])[0].astype(np.int32),
        item=codes.astype(np.int32),
        quantity=lines["quantity"].to_numpy(np.float32),
        price=lines["price"].to_numpy(np.float32),
        times_ms=lines["time"].to_numpy("datetime64[ms]").astype(np.int64),
        bucket=lines["bucket"].to_numpy(np.int8),
        items=tuple(str(code) for code in items),
        descriptions=_descriptions(lines["Description"].str.strip(), codes, len(items)),
    )


def _descriptions(texts: pd.Series, codes: NDArray[np.integer], count: int) -> tuple[str, ...]:
    """(n,) texts and the item of each -> (count,) the text that most lines of an item have, ties by the alphabet."""
    told = pd.DataFrame({"item": codes, "text": texts.to_numpy()})
    told = told[told["text"] != ""].value_counts(sort=False).reset_index(name="lines")
    told = told.sort_values(["item", "lines", "text"], ascending=[True, False, True]).drop_duplicates("item")
    said = dict(zip(told["item"].tolist(), told["text"].tolist(), strict=True))
    return tuple(said.get(item, "") for item in range(count))
