"""The door for goods with text, picture and prices: columns in, calibrated categories of two levels out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.columns import ModelInfo
from models.fusion.artifact import KIND, read
from models.fusion.calibration import temperatures_of
from models.fusion.columns import GoodsBatch, GoodsColumns
from models.fusion.network import Inputs
from models.fusion.reader import GoodsReader, Vectors
from models.registry import Artifact, load, shipped

ALTERNATIVES = 3
AT_ONCE = 256  # products: their word pieces alone are 9 MB


class GoodsPredictor:
    """Answers for goods with one artifact. The frozen encoders run on `device`, the small rest on the processor."""

    def __init__(self, artifact: Artifact, device: str = "cpu", reader: GoodsReader | None = None) -> None:
        """`reader`: one that is loaded already; it must be of the same device."""
        self.artifact = artifact
        self._model = read(artifact)
        self.info = ModelInfo(artifact.manifest.name, artifact.manifest.version)
        self.first = self._model.first
        self.categories = self._model.second
        self.reader = reader or GoodsReader(device)

    def run(self, goods: GoodsColumns) -> GoodsBatch:
        """Answer n >= 1 products. Errors: BatchError when a column has another length than the names."""
        first, second = self.probabilities(goods)
        best = np.argsort(-second, axis=1, kind="stable")[:, :ALTERNATIVES]
        return GoodsBatch(
            first.argmax(axis=1).astype(np.int32),
            first.max(axis=1),
            best.astype(np.int32),
            np.take_along_axis(second, best, axis=1),
        )

    def probabilities(self, goods: GoodsColumns) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Calibrated P(first level) (n, first) and P(first two levels) (n, categories); a row of each sums to 1."""
        goods.check()
        parts = [
            self.answer(self.reader.inputs(_slice(goods, start), self._model.words))
            for start in range(0, len(goods.names), AT_ONCE)
        ]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def answer(self, given: Inputs) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same for inputs that were read already."""
        network = self._model.network
        with torch.inference_mode():
            divisors = temperatures_of(given.there, self._model.temperatures)
            first, second = network.log_probabilities(*network.forward(given), divisors)
        return first.exp().numpy(), second.exp().numpy()

    def inputs(self, goods: GoodsColumns, vectors: Vectors | None = None) -> Inputs:
        """What the network reads of these goods, for answering them several times, each with less of it."""
        return self.reader.inputs(goods, self._model.words, vectors)


def load_goods(path: Path | None = None, device: str = "cpu") -> GoodsPredictor:
    """The predictor of an artifact folder; None = the one shipped in the package. Errors: ArtifactError."""
    return GoodsPredictor(load(path or shipped(KIND), KIND), device)


def _slice(goods: GoodsColumns, start: int) -> GoodsColumns:
    part = slice(start, start + AT_ONCE)
    return GoodsColumns(
        goods.names[part],
        None if goods.descriptions is None else goods.descriptions[part],
        None if goods.brands is None else goods.brands[part],
        None if goods.prices is None else goods.prices[part],
        None if goods.list_prices is None else goods.list_prices[part],
        None if goods.pictures is None else goods.pictures[part],
    )
