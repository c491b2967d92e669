"""A trained model of sessions as an artifact, and its answers.

weights.safetensors   net.* the network; product.*, category.*: keys and gains of the rates
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.columns import ModelInfo
from models.errors import ArtifactError
from models.registry import Manifest, content_version, load, save, shipped
from models.session.counters import FEATURES
from models.session.log import Walked
from models.session.network import SessionNetwork
from models.session.rates import Rates

KIND = "session"
NAME = "session-purchase"
TABLES = ("product", "category")
SHIPPED, NONE = Path("shipped"), Path("none")


@dataclass(frozen=True, slots=True)
class SessionModel:
    """A network with the rates it reads."""

    network: SessionNetwork
    products: Rates
    categories: Rates

    def run(self, walked: Walked) -> NDArray[np.float32]:
        """(n,) events -> (n,) calibrated chance that the session brings a purchase after each."""
        gains = self.products.of(walked.products), self.categories.of(walked.categories)
        return answer(self.network, np.column_stack([walked.features, *gains]))


def answer(network: SessionNetwork, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, INPUTS) features with gains -> (n,) calibrated chances."""
    network.eval()
    with torch.no_grad():
        return network.probability(torch.from_numpy(np.ascontiguousarray(inputs, np.float32))).numpy()


def save_session(path: Path, model: SessionModel, *, metrics: dict[str, Any], training: dict[str, Any]) -> Manifest:
    """Write a trained model; its version is derived from its weights."""
    tensors = {f"net.{name}": value.detach().numpy() for name, value in model.network.state_dict().items()}
    for name, rates in zip(TABLES, (model.products, model.categories), strict=True):
        tensors |= {f"{name}.keys": rates.keys, f"{name}.gain": rates.gain}
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={"features": list(FEATURES), "rates": list(TABLES)},
        metrics=metrics,
        training=training,
    )
    return save(path, manifest, tensors)


def choose_session(path: Path | None) -> SessionModel | None:
    """The model of an artifact folder; "shipped" is the one in the package, "none" or None is none at all.

    Errors: as `load_session`.
    """
    if path is None or path == NONE:
        return None
    return load_session(None if path == SHIPPED else path)[1]


def load_session(path: Path | None = None) -> tuple[ModelInfo, SessionModel]:
    """The model of an artifact folder; None is the one shipped in the package.

    Errors: ArtifactError when a file is missing or altered, or was made for other features.
    """
    artifact = load(path or shipped(KIND), KIND)
    again = "train it again with `shelfstream train behaviour --set store`"
    if artifact.manifest.inputs.get("features") != list(FEATURES):
        raise ArtifactError(f"{artifact.path} reads other features than this version counts; {again}")
    try:
        tensors = artifact.tensors
        members, _, hidden = tensors["net.first"].shape
        network = SessionNetwork(members, hidden)
        network.load_state_dict(
            {name[4:]: torch.from_numpy(value.copy()) for name, value in tensors.items() if name.startswith("net.")}
        )
        products, categories = (Rates(tensors[f"{name}.keys"], tensors[f"{name}.gain"]) for name in TABLES)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{artifact.path} lacks what a model of sessions needs: {error}; {again}") from error
    return ModelInfo(artifact.manifest.name, artifact.manifest.version), SessionModel(network, products, categories)
