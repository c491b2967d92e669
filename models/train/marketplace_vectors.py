"""What the frozen encoders make of the marketplace, computed once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tqdm import tqdm

from models.data.marketplace import Goods
from models.fusion.columns import GoodsColumns
from models.fusion.reader import TOKENS, GoodsReader, Vectors
from models.image.decode import decode
from models.image.errors import ImageError

_AT_ONCE = 64  # products between two steps of the progress bar


def columns_of(goods: Goods, *, pictures: bool = False) -> GoodsColumns:
    """The goods as a shop would send them. Without `pictures` they are only marked as there, by one black pixel:
    their vectors are known already."""
    mark = np.zeros((1, 1, 3), dtype=np.uint8)
    return GoodsColumns(
        names=goods.names,
        descriptions=list(goods.descriptions),
        brands=list(goods.brands),
        prices=goods.discounted,
        list_prices=goods.retail,
        pictures=[None if one is None else _decoded(one) if pictures else mark for one in goods.pictures],
    )


def vectors_of(goods: Goods, reader: GoodsReader, cache: Path | None, *, progress: bool) -> Vectors:
    """Vectors of all goods, from `cache` where they are; a change of the data or of what is read makes them anew."""
    file = None if cache is None else cache / f"marketplace-{TOKENS}-{goods.fingerprint()[:16]}.safetensors"
    if file is not None and file.exists():
        return Vectors(**load_file(file))
    parts = []
    for start in tqdm(range(0, len(goods), _AT_ONCE), desc="frozen encoders", disable=not progress):
        rows = range(start, min(start + _AT_ONCE, len(goods)))
        parts.append(reader.vectors(columns_of(goods.rows(list(rows)), pictures=True)))
    found = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("names", "texts", "pictures")}
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(found, file)
    return Vectors(**found)


def rows_of(goods: Goods, vectors: Vectors, wanted: Sequence[int]) -> Vectors:
    """The vectors of the rows whose bucket is wanted, in the order of `goods.where(wanted)`."""
    rows = rows_in(goods, wanted)
    return Vectors(vectors.names[rows], vectors.texts[rows], vectors.pictures[rows])


def rows_in(goods: Goods, wanted: Sequence[int]) -> NDArray[np.int64]:
    """The numbers of those rows."""
    return np.flatnonzero(np.isin(goods.buckets, list(wanted)))


def _decoded(picture: bytes) -> NDArray[np.uint8] | None:
    try:
        return decode(picture)
    except ImageError:
        return None
