"""Pooled vectors of titles from a network that is not trained any further, kept in a file so that they cost once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.encoder import load_encoder
from models.registry import load, shipped
from models.text.compact import member
from models.text.layout import Layout
from models.text.network import Size
from models.text.ngrams import ngrams

Floats = NDArray[np.float32]
Source = Literal["minilm", "e5", "fast"]
_PREFIX = {"minilm": "", "e5": "query: ", "fast": ""}
_AT_ONCE = 4096  # titles between two writes to memory


def features(source: Source, titles: Sequence[str], cache: Path | None = None) -> Floats:
    """(n,) titles -> (n, width) float32. With `cache`, a folder, titles that were asked for before are read from there.

    `minilm` and `e5` have never seen a label; `fast` is the pooled vector of the shipped title network's first member,
    which was fitted to the labels of buckets 2-8.
    """
    distinct = list(dict.fromkeys(titles))
    place = {title: i for i, title in enumerate(distinct)}
    file = cache / f"{source}-{_digest(distinct)}.npy" if cache else None
    if file is not None and file.is_file():
        found = np.load(file)
    else:
        embed = _fast() if source == "fast" else load_encoder(source).embed
        prefix = _PREFIX[source]
        found = np.concatenate(
            [
                embed([prefix + title for title in distinct[first : first + _AT_ONCE]])
                for first in range(0, len(distinct), _AT_ONCE)
            ]
        )
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, found)
    chosen: Floats = found[[place[title] for title in titles]]
    return chosen


def _fast() -> Callable[[Sequence[str]], Floats]:
    artifact = load(shipped("products"), "products")
    first = artifact.manifest.inputs["members"][0]
    layout = Layout.from_table(artifact.tables["layout"])
    one = member(artifact.tensors, 0, layout, Size(**first["size"]), first["groups"], first["vote"])

    def embed(titles: Sequence[str]) -> Floats:
        bags = one.vocabulary.bags(ngrams(titles))
        with torch.inference_mode():
            pooled = one.network.pool(torch.from_numpy(bags.rows), torch.from_numpy(bags.offsets.astype(np.int32)))
        found: Floats = pooled.numpy()
        return found

    return embed


def _digest(titles: Sequence[str]) -> str:
    return hashlib.sha256("\x1e".join(titles).encode("utf-8", "surrogatepass")).hexdigest()[:16]
