"""What is kept of a product or a category: sales of the running day by the hour, and of every day of nine weeks.

    byte  0..15    head (schemas.state): format, offset of the last demand-units record that is counted here
          16       day         newest day with a sale, in days since 1970-01-01
          20       first_day   of its first sale
          24       price       last price of one unit that was named, 0 if none was
          28       reserved
          32       hour_units, hour_revenue   (24,) each, of `day`
          224      units, revenue             (RING,) each, of the last RING days; a day lies at its number modulo RING
          736      end

All numbers are little-endian, sales in float32: whole units are exact up to 16.7 million a day. RING is longer than
what a model sees, so that a day can be forecast anew after later ones have begun.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.demand.columns import HISTORY, DemandColumns
from schemas.state import ROW_FORMAT, ROW_HEADER

RING = 64
HOURS = 24
ROW_DTYPE = np.dtype([
    *ROW_HEADER,
    ("day", "<i4"), ("first_day", "<i4"), ("price", "<f4"), ("unused", "<u1", (4,)),
    ("hour_units", "<f4", (HOURS,)), ("hour_revenue", "<f4", (HOURS,)),
    ("units", "<f4", (RING,)), ("revenue", "<f4", (RING,)),
])  # fmt: skip


def read_row(stored: bytes | None, day: int) -> np.ndarray:
    """(1,) a copy of a stored row; a new one that begins on `day` for None or for what is no such row."""
    if stored is not None and len(stored) == ROW_DTYPE.itemsize and stored[0] == ROW_FORMAT:
        return np.frombuffer(stored, ROW_DTYPE).copy()
    row = np.zeros(1, ROW_DTYPE)
    row["format"], row["offset"], row["day"], row["first_day"] = ROW_FORMAT, -1, day, day
    return row


def count_sale(row: np.ndarray, day: int, hour: int, units: float, price: float | None) -> bool:
    """Add a sale to a row (1,) in place; False if its day is too old to be kept. Without a price, the last one."""
    one = row[0]
    newest = int(one["day"])
    if day <= newest - RING:
        return False
    if day > newest:
        passed = np.arange(max(newest + 1, day - RING + 1), day + 1) % RING
        one["units"][passed] = 0
        one["revenue"][passed] = 0
        one["hour_units"][:] = 0
        one["hour_revenue"][:] = 0
        one["day"] = newest = day
    one["first_day"] = min(int(one["first_day"]), day)
    if price is None:
        price = float(one["price"])
    else:
        one["price"] = price
    revenue = units * price
    one["units"][day % RING] += units
    one["revenue"][day % RING] += revenue
    if day == newest:
        one["hour_units"][hour] += units
        one["hour_revenue"][hour] += revenue
    return True


def columns_of(rows: np.ndarray, last_day: int) -> DemandColumns:
    """(n,) rows, each with a sale on or before `last_day` -> their series up to and with that day."""
    days = np.arange(last_day - HISTORY + 1, last_day + 1)
    newest = rows["day"].astype(np.int64)[:, None]
    kept = (days <= newest) & (days > newest - RING)  # (n, HISTORY)
    return DemandColumns(
        units=np.where(kept, rows["units"][:, days % RING], 0).astype(np.float32),
        revenue=np.where(kept, rows["revenue"][:, days % RING], 0).astype(np.float32),
        ages=np.clip(last_day - rows["first_day"].astype(np.int64) + 1, 1, HISTORY),
    )


def of_day(rows: np.ndarray, day: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Units and revenue of (n,) rows on that day."""
    newest = rows["day"].astype(np.int64)
    kept = (day <= newest) & (day > newest - RING)
    place = day % RING
    return (
        np.where(kept, rows["units"][:, place], 0).astype(np.float64),
        np.where(kept, rows["revenue"][:, place], 0).astype(np.float64),
    )
