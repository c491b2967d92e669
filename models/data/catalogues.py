"""The three catalogues that the product model learns from, in the order of its domains."""

from __future__ import annotations

from pathlib import Path

from models.data import electronics, fashion, grocery
from models.data.titles import LabelledTitles


def load(data: Path) -> list[LabelledTitles]:
    """Fashion, electronics and grocery; `data` is the folder of the data sets. Errors: DataError."""
    return [fashion.load(data), electronics.load(data), grocery.load()]
