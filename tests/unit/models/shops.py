"""Two small invented shops: logs as their files have them, and purchases in lists that repeat."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.data import gifts, store
from models.data.gifts import Sales
from models.data.splits import buckets

DAY_MS = 24 * 3_600_000
ITEMS = 24
GIFT_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def write_gifts(data: Path, lines: Sequence[str]) -> None:
    """`lines` under the header of the gift shop's file."""
    _write(data / "gifts" / "transactions.csv.gz", [GIFT_HEADER, *lines])


def write_store(data: Path, lines: Sequence[str]) -> None:
    """`lines` under the header of the electronics store's file."""
    _write(data / "electronics-store" / "events.csv.gz", [",".join(store.COLUMNS), *lines])


def sales(customers: int = 60, seed: int = 0) -> Sales:
    """Customers of buckets 2-9 and 0 whose invoices are runs of neighbouring items, in which they follow each other."""
    random = np.random.default_rng(seed)
    names = [str(number) for number in range(customers)]
    tenth = buckets(names)
    columns: dict[str, list[float]] = {name: [] for name in ("customer", "invoice", "item", "times_ms")}
    invoice = 0
    for customer in range(customers):
        if tenth[customer] == 1:
            continue
        for visit in range(int(random.integers(1, 5))):
            first, length = int(random.integers(ITEMS - 6)), int(random.integers(2, 7))
            time = int(random.integers(DAY_MS)) + visit * 9 * DAY_MS
            for place in range(length):
                columns["customer"].append(customer)
                columns["invoice"].append(invoice)
                columns["item"].append(first + place)
                columns["times_ms"].append(time)
            invoice += 1
    n = len(columns["item"])
    customer = np.array(columns["customer"], np.int32)
    return Sales(
        customer,
        np.array(columns["invoice"], np.int32),
        np.array(columns["item"], np.int32),
        random.integers(1, 9, n).astype(np.float32),
        random.uniform(0.5, 9, n).astype(np.float32),
        np.array(columns["times_ms"], np.int64),
        tenth[customer],
        tuple(f"{number:05d}" for number in range(ITEMS)),
        tuple(f"thing {chr(97 + number)}{chr(98 + number)} of tin" for number in range(ITEMS)),
    )


def log(users: int = 80, seed: int = 0) -> list[str]:
    """Lines of a store in which who puts a thing into the cart mostly buys it."""
    random = np.random.default_rng(seed)
    lines = []
    for user in range(users):
        second = int(random.integers(60))
        kinds = ["view"] * int(random.integers(1, 6))
        if random.random() < 0.3:
            kinds += ["cart", "purchase"] if random.random() < 0.8 else ["cart", "view"]
        for kind in kinds:
            second += int(random.integers(1, 30))
            product = int(random.integers(5))
            time = f"2019-10-01 00:{second // 60:02d}:{second % 60:02d} UTC"
            lines.append(f"{time},{kind},{product},{product % 2},,acme,{10 + 7 * product}.5,{user},s{user}")
    return sorted(lines, key=lambda line: line[:19])


def gift_lines(given: Sales) -> list[str]:
    """Purchases as lines of the gift shop's file."""
    times = given.times_ms.astype("datetime64[ms]").astype("datetime64[s]").astype(str)
    return [
        f"{invoice},{given.items[item]},{given.descriptions[item]},{quantity:.0f},{time.replace('T', ' ')},"
        f"{price:.2f},{customer},France"
        for invoice, item, quantity, time, price, customer in zip(
            *(given.invoice, given.item, given.quantity, times, given.price, given.customer), strict=True
        )
    ]


def load_log(data: Path, lines: Sequence[str]) -> store.Visits:
    """Those lines as the loader reads them."""
    write_store(data, lines)
    return store.load(data)


def load_gifts(data: Path, lines: Sequence[str]) -> Sales:
    """Those lines as the loader reads them."""
    write_gifts(data, lines)
    return gifts.load(data)


def _write(file: Path, lines: Sequence[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
