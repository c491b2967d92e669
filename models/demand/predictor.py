"""The door for demand: series in, quantiles and an interval of the next seven days out.

Several networks of one kind that began from different seeds answer together: the mean of their quantiles, which cannot
cross either (Vincent averaging). The 80 % interval is conformalized (Romano et al. 2019, arXiv:1905.03222), in the
multiplicative form: with the median m and the outer quantiles l and h it is

    m - c (m - l)   to   m + c (h - m)

where c, one for each band of the series' level and of how far its quantiles are apart, makes 80 % of the validation
days lie inside. A lower end of less than half a unit is 0, and so is such a lower quantile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.columns import ModelInfo
from models.demand.columns import HISTORY, HORIZON, QUANTILES, DemandBatch, DemandColumns, Floats
from models.demand.inputs import Inputs, inputs
from models.demand.network import DemandNetwork, build
from models.errors import ArtifactError, BatchError
from models.registry import load, shipped

KIND = "demand"
CHUNK = 4096  # series at once
LEAST = 0.5  # unit


class Factors:
    """How the outer quantiles become an interval: one factor for each band of the level and of the spread.

    `levels` (a,) and `spreads` (b,) are the edges between bands, `values` (a + 1, b + 1).
    """

    def __init__(self, levels: Sequence[float], spreads: Sequence[float], values: Sequence[Sequence[float]]) -> None:
        """Errors: ValueError if their numbers do not fit."""
        self.levels, self.spreads = np.asarray(levels, np.float64), np.asarray(spreads, np.float64)
        self.values = np.asarray(values, np.float64)
        wanted = (len(self.levels) + 1, len(self.spreads) + 1)
        if self.values.shape != wanted:
            raise ValueError(f"{wanted[0]} by {wanted[1]} bands need as many factors, found {self.values.shape}")

    def of(self, level: Floats, quantiles: Floats) -> NDArray[np.float64]:
        """(n,) levels and (n, HORIZON, 3) -> (n, 1) factors."""
        rows, columns = bands(self.levels, level), bands(self.spreads, spread(quantiles))
        found: NDArray[np.float64] = self.values[rows, columns][:, None]
        return found


class DemandPredictor:
    """Answers with networks and factors. An answer does not depend on the other series of the batch."""

    def __init__(
        self, info: ModelInfo, networks: Sequence[DemandNetwork], factors: Factors, device: str = "cpu"
    ) -> None:
        self.info = info
        self._device = torch.device(device)
        self._networks = [network.to(self._device).eval() for network in networks]
        self._factors = factors

    def run(self, columns: DemandColumns) -> DemandBatch:
        """Forecasts of n series. Errors: BatchError where columns do not fit together."""
        n = len(columns)
        wanted = {"units": (n, HISTORY), "revenue": (n, HISTORY), "ages": (n,)}
        for name, shape in wanted.items():
            found = getattr(columns, name).shape
            if found != shape:
                raise BatchError(f"{name} has the shape {found}, {n} series want {shape}; build them with columns_of")
        if n == 0:
            nothing = np.zeros((0, HORIZON), np.float32)
            return DemandBatch(np.zeros((0, HORIZON, len(QUANTILES)), np.float32), nothing, nothing)
        given = inputs(columns)
        quantiles = self._quantiles(given)
        low, high = interval(quantiles, self._factors.of(given.level, quantiles))
        quantiles[:, :, 0] = _without_crumbs(quantiles[:, :, 0])
        return DemandBatch(quantiles, low, high)

    def _quantiles(self, given: Inputs) -> Floats:
        rows = np.arange(len(given.level))
        with torch.inference_mode():
            return np.concatenate([
                self._of_chunk(given.take(rows[start : start + CHUNK])) for start in range(0, len(rows), CHUNK)
            ])  # fmt: skip

    def _of_chunk(self, given: Inputs) -> Floats:
        history, summary, ahead, level = (torch.from_numpy(part).to(self._device) for part in given)
        shares = torch.stack([network(history, summary, ahead) for network in self._networks]).mean(dim=0)
        found: Floats = (shares * level[:, None, None]).cpu().numpy()
        return found


def spread(quantiles: Floats) -> Floats:
    """(n, HORIZON, 3) -> (n,) how far the outer quantiles of the week are apart, relative to its median."""
    low, middle, high = (quantiles[:, :, place].sum(axis=1) for place in range(len(QUANTILES)))
    found: Floats = (high - low) / np.maximum(middle, LEAST)
    return found


def bands(edges: NDArray[np.float64], values: Floats) -> NDArray[np.int64]:
    """(n,) values -> (n,) between which edges each lies; one that is equal to an edge lies above it."""
    return np.searchsorted(edges, values, side="right")


def interval(quantiles: Floats, factors: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """(n, HORIZON, 3) and factors that broadcast to (n, HORIZON) -> low and high, (n, HORIZON) each."""
    low, middle, high = (quantiles[:, :, place] for place in range(len(QUANTILES)))
    down = np.maximum(middle - factors * (middle - low), 0).astype(np.float32)
    return _without_crumbs(down), (middle + factors * (high - middle)).astype(np.float32)


def covered(low: Floats, high: Floats, truth: Floats) -> NDArray[np.bool_]:
    """Whether each day lies in its interval, ends included."""
    return (low <= truth) & (truth <= high)


def _without_crumbs(low: Floats) -> Floats:
    return np.where(low < LEAST, np.float32(0), low)


def load_demand(path: Path | None = None, device: str = "cpu", network: str | None = None) -> DemandPredictor:
    """The predictor of an artifact folder; None = the one shipped in the package.

    `network`: dnn or lstm, both are in it; None = the one that was better in validation. Errors: ArtifactError.
    """
    artifact = load(path or shipped(KIND), KIND)
    manifest = artifact.manifest
    try:
        name = network or str(manifest.inputs["best"])
        given = manifest.inputs["networks"][name]
        members = []
        for number in range(int(given["members"])):
            member = build(name, int(given["width"]))
            member.load_state_dict(_weights(artifact.tensors, f"{name}.{number}."))
            members.append(member)
        factors = Factors(given["levels"], given["spreads"], given["factors"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{artifact.path} holds {manifest.name} {manifest.version}, whose weights do not fit this code: {error!r}; "
            "train it again with `shelfstream train demand`"
        ) from error
    return DemandPredictor(ModelInfo(manifest.name, manifest.version), members, factors, device)


def _weights(tensors: Mapping[str, NDArray[np.generic]], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(values.astype(np.float32))
        for name, values in tensors.items()
        if name.startswith(prefix)
    }
