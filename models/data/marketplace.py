"""A general marketplace: goods with name, description, brand, prices, category path and a picture each.

Source: Flipkart products (Kaggle), `marketplace/products.csv.gz` and `images.zip` (CC BY-SA 4.0, not verified; the
photographs belong to their sellers). Grouping key: the lower-cased name.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, buckets
from models.data.titles import LabelledTitles, read_table
from models.errors import DataError

DOMAIN = "marketplace"
FIRST, SECOND = "first level", "first two levels"
SEPARATOR = " > "

_COLUMNS = ("product_name", "product_category_tree", "retail_price", "discounted_price", "description", "brand")


@dataclass(frozen=True, slots=True)
class Goods:
    """n products, column by column. Rows of the kept-out bucket are never in it."""

    names: list[str]
    descriptions: list[str]
    brands: list[str]  # "" = not given
    retail: NDArray[np.float32]  # (n,) rupees, nan = not given
    discounted: NDArray[np.float32]  # (n,) rupees, nan = not given
    pictures: list[bytes | None]  # the file's bytes
    first: list[str]  # first level of the category path
    second: list[str]  # first two levels, joined by SEPARATOR; the first alone where the path has no more
    keys: list[str]
    buckets: NDArray[np.int8]  # (n,)

    def __len__(self) -> int:
        return len(self.names)

    def where(self, wanted: Sequence[int]) -> Goods:
        """Only the rows whose bucket is wanted, in the same order."""
        return self.rows(np.flatnonzero(np.isin(self.buckets, list(wanted))).tolist())

    def rows(self, rows: Sequence[int]) -> Goods:
        """The rows with these numbers, in this order."""
        return Goods(
            names=[self.names[i] for i in rows],
            descriptions=[self.descriptions[i] for i in rows],
            brands=[self.brands[i] for i in rows],
            retail=self.retail[list(rows)],
            discounted=self.discounted[list(rows)],
            pictures=[self.pictures[i] for i in rows],
            first=[self.first[i] for i in rows],
            second=[self.second[i] for i in rows],
            keys=[self.keys[i] for i in rows],
            buckets=self.buckets[list(rows)],
        )

    def texts(self) -> LabelledTitles:
        """Name and description as one text, with both levels as heads: what the text baselines read."""
        texts = [f"{name} {text}" for name, text in zip(self.names, self.descriptions, strict=True)]
        labels = {FIRST: self.first, SECOND: self.second}
        return LabelledTitles(DOMAIN, texts, self.keys, self.buckets, labels, SECOND)

    def fingerprint(self) -> str:
        """SHA-256 of texts, labels, prices and pictures in order: tells whether two runs saw the same data."""
        digest = hashlib.sha256(self.texts().fingerprint().encode())
        digest.update(self.retail.tobytes() + self.discounted.tobytes())
        for picture in self.pictures:
            digest.update(hashlib.sha256(picture or b"").digest())
        return digest.hexdigest()


def load(data: Path) -> Goods:
    """The marketplace without the kept-out bucket; `data` is the folder of the data sets. Errors: DataError."""
    folder = data / DOMAIN
    frame = read_table(folder / "products.csv.gz", [*_COLUMNS, "image"])
    names = frame["product_name"].tolist()
    keys = [name.lower() for name in names]
    paths = [category_path(tree) for tree in frame["product_category_tree"]]
    whole = Goods(
        names=names,
        descriptions=frame["description"].tolist(),
        brands=frame["brand"].tolist(),
        retail=_numbers(frame["retail_price"]),
        discounted=_numbers(frame["discounted_price"]),
        pictures=_pictures(folder / "images.zip", frame["image"].tolist()),
        first=[path[0] for path in paths],
        second=[SEPARATOR.join(path[:2]) for path in paths],
        keys=keys,
        buckets=buckets(keys),
    )
    return whole.where([tenth for tenth in range(10) if tenth != KEPT_OUT])


def category_path(tree: str) -> list[str]:
    """`["A >> B >> C"]` -> A, B, C. Errors: DataError when it is not written so."""
    try:
        (path,) = json.loads(tree)
        levels = [level.strip() for level in path.split(">>")]
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f'the category tree {tree!r} is not ["level >> level"]: {error}') from error
    if not all(levels):
        raise DataError(f"the category tree {tree!r} has an empty level")
    return levels


def _numbers(column: pd.Series) -> NDArray[np.float32]:
    return np.array([float(text) if text else math.nan for text in column], dtype=np.float32)


def _pictures(file: Path, names: list[str]) -> list[bytes | None]:
    try:
        with ZipFile(file) as archive:
            inside = set(archive.namelist())
            return [archive.read(name) if name in inside else None for name in names]
    except (OSError, BadZipFile) as error:
        raise DataError(f"{file} cannot be read: {error}; give the folder of the data sets with --data") from error
