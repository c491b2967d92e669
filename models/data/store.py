"""Views, carts and purchases of a store in the hours of one night (REES46 Marketing Platform), session by session.

Source: `electronics-store/events.csv.gz`, free with mention of REES46. Grouping key: the user's number as text; users
of the kept-out bucket are dropped. A session is that of one user: the two that the log gives to two users are two each.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, buckets
from models.data.titles import read_table
from models.errors import DataError
from schemas.events import EVENT_TYPES

NAME = "electronics-store"
COLUMNS = (
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session"),
)
PURCHASE = EVENT_TYPES.index("purchase")


@dataclass(frozen=True, slots=True)
class Visits:
    """n events in the order of the log, which is that of time."""

    user: NDArray[np.int64]  # (n,) the source's number
    session: NDArray[np.int32]  # (n,) codes from 0, one for each session of each user
    types: NDArray[np.uint8]  # (n,) index into schemas.events.EVENT_TYPES
    product: NDArray[np.int64]  # (n,) the source's number
    category: NDArray[np.int64]  # (n,) the source's number
    brand: NDArray[np.str_]  # (n,) "" where none is given
    price: NDArray[np.float32]  # (n,)
    times_ms: NDArray[np.int64]  # (n,) milliseconds since the epoch
    bucket: NDArray[np.int8]  # (n,) of the user

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: NDArray[np.generic]) -> Visits:
        """The events that a mask or an index array names."""
        return Visits(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def of_buckets(self, *wanted: int) -> Visits:
        """The users of some buckets."""
        return self.take(np.isin(self.bucket, wanted))

    def bought_later(self) -> NDArray[np.bool_]:
        """(n,) whether a purchase comes after this event in the same session."""
        last = np.full(int(self.session.max(initial=-1)) + 1, -1, np.int64)
        bought = np.flatnonzero(self.types == PURCHASE)
        np.maximum.at(last, self.session[bought], bought)
        return np.asarray(last[self.session] > np.arange(len(self)))

    def fingerprint(self) -> str:
        """crc32 over all columns, to tell in a manifest which data a model was fitted on."""
        crc = zlib.crc32("\n".join(self.brand.tolist()).encode())
        for column in (self.user, self.session, self.types, self.product, self.category, self.price, self.times_ms):
            crc = zlib.crc32(np.ascontiguousarray(column).tobytes(), crc)
        return f"{crc:08x}"


def load(data: Path) -> Visits:
    """Every event of the users that may be used; `data` is the folder of the data sets. Errors: DataError."""
    file = data / "electronics-store" / "events.csv.gz"
    lines = read_table(file, COLUMNS)
    lines = lines.assign(bucket=buckets(lines["user_id"]))
    lines = lines[lines["bucket"] != KEPT_OUT]
    unknown = set(lines["event_type"]) - set(EVENT_TYPES)
    if unknown:
        raise DataError(f"{file} has the event type {min(unknown)!r}; known are {', '.join(EVENT_TYPES)}")
    try:
        lines = lines.assign(
            time=pd.to_datetime(lines["event_time"].str.removesuffix(" UTC")),
            number=lines["user_id"].astype("int64"),
            product=lines["product_id"].astype("int64"),
            category=lines["category_id"].astype("int64"),
            paid=lines["price"].astype(float),
        )
    except ValueError as error:
        raise DataError(f"{file}: {error}; numbers and times must be as its README has them") from error
    lines = lines.sort_values("time", kind="stable")
    return Visits(
        user=lines["number"].to_numpy(),
        session=pd.factorize(lines["user_id"] + "\0" + lines["user_session"])[0].astype(np.int32),
        types=np.array([EVENT_TYPES.index(name) for name in lines["event_type"]], np.uint8),
        product=lines["product"].to_numpy(),
        category=lines["category"].to_numpy(),
        brand=lines["brand"].to_numpy(np.str_),
        price=lines["paid"].to_numpy(np.float32),
        times_ms=lines["time"].to_numpy("datetime64[ms]").astype(np.int64),
        bucket=lines["bucket"].to_numpy(np.int8),
    )
