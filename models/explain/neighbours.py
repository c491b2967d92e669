"""The training products that the model takes for most alike: exact cosine search over its own vectors.

The vector of a text is what its members' heads read of it, each member's part of unit length and weighed by its vote.
A row is stored as one byte a number and one scale: 320 bytes a title for the shipped model, so an index is built from
the data where it is wanted and not shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.data.splits import TRAIN
from models.data.titles import LabelledTitles
from models.errors import ArtifactError, DataError
from models.explain.chance import Sums
from models.explain.explanation import Neighbour
from models.registry import Manifest, content_version, load, save
from models.text.ngrams import ngrams
from models.text.predictor import ProductPredictor

KIND = "neighbours"
_CHUNK = 1024  # texts per pass
_STEPS = 127


class Neighbours:
    """An index over titles, for the model that it was built with."""

    def __init__(
        self, codes: NDArray[np.int8], scales: NDArray[np.float16], titles: list[str], paths: list[tuple[str, ...]]
    ) -> None:
        self._codes = codes  # (n, width)
        self._scales = scales.astype(np.float32)  # (n,)
        self._titles = titles
        self._paths = paths

    def __len__(self) -> int:
        return len(self._titles)

    def nearest(self, vector: NDArray[np.float32], count: int = 5) -> tuple[Neighbour, ...]:
        """The `count` titles with the largest cosine to this (width,) vector of unit length, nearest first."""
        cosines = (self._codes @ vector) * self._scales
        best = np.argsort(-cosines, kind="stable")[:count]
        return tuple(Neighbour(self._titles[i], self._paths[i], min(1.0, float(cosines[i]))) for i in best)


def vectors(predictor: ProductPredictor, texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, width of all members) of unit length."""
    parts = []
    with torch.inference_mode():
        for first in range(0, len(texts), _CHUNK):
            sums = Sums(predictor.members, ngrams(texts[first : first + _CHUNK]))
            seen = [
                torch.nn.functional.normalize(member.network.norm(bag), dim=1) * member.vote**0.5
                for member, bag in zip(predictor.members, sums.bags, strict=True)
            ]
            parts.append(torch.nn.functional.normalize(torch.cat(seen, dim=1), dim=1).cpu().numpy())
    return np.concatenate(parts)


def build(predictor: ProductPredictor, sets: Sequence[LabelledTitles], output: Path) -> Manifest:
    """Write the index of the distinct training titles of these catalogues. Errors: DataError when there are none."""
    titles, paths = list[str](), list[list[str]]()
    known = {path[-1]: path for path in predictor.categories}
    for part in sets:
        taught = part.where(TRAIN)
        rows = {title: row for row, title in reversed(list(enumerate(taught.titles)))}
        titles += rows
        labels = [taught.labels[part.category][row] for row in rows.values()]
        paths += [list(known.get(label, (label,))) for label in labels]
    if not titles:
        raise DataError("there is no training title to build an index of; give the folder of the data sets with --data")
    found = vectors(predictor, titles)
    scales = (np.abs(found).max(axis=1) / _STEPS).astype(np.float16)
    codes = np.clip(np.rint(found / scales.astype(np.float32)[:, None]), -_STEPS, _STEPS).astype(np.int8)
    tensors: dict[str, np.ndarray] = {"codes": codes, "scales": scales}
    manifest = Manifest(
        name="shelfstream-neighbours",
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={"model": predictor.info.version},
        training={"titles": len(titles), "data": {part.domain: part.fingerprint() for part in sets}},
    )
    return save(output, manifest, tensors, {"titles": titles, "paths": paths})


def load_neighbours(path: Path, predictor: ProductPredictor) -> Neighbours:
    """An index as `build` wrote it. Errors: ArtifactError when it is not one, or of another model."""
    artifact = load(path, KIND)
    model = artifact.manifest.inputs.get("model")
    if model != predictor.info.version:
        raise ArtifactError(
            f"{path} was built with the model {model}, the one in use is {predictor.info.version}; "
            "build it anew with `shelfstream explain index`"
        )
    paths = [tuple(each) for each in artifact.tables["paths"]]
    return Neighbours(artifact.tensors["codes"], artifact.tensors["scales"], artifact.tables["titles"], paths)
