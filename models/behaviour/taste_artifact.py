"""A trained model of tastes as an artifact, there and back: weights.safetensors has its numbers and usual prices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.behaviour.price_bands import EDGE, UsualPrices
from models.behaviour.taste import NUMBERS, TasteModel
from models.columns import ModelInfo
from models.errors import ArtifactError
from models.registry import Manifest, content_version, load, save, shipped

KIND = "taste"
NAME = "behaviour-taste"
NONE = Path("none")
INPUTS = {"numbers": list(NUMBERS), "edge": EDGE}
AGAIN = "train it again with `shelfstream train taste`"


def save_taste(path: Path, model: TasteModel, *, metrics: dict[str, Any], training: dict[str, Any]) -> Manifest:
    """Write a trained model; the version is derived from its numbers."""
    tensors: dict[str, NDArray[Any]] = {
        "weights": model.weights,
        "usual_price": model.usual.usual_price,
        "price_spread": model.usual.price_spread,
    }
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs=INPUTS,
        labels={"categories": list(model.usual.categories)},
        metrics=metrics,
        training=training,
    )
    return save(path, manifest, tensors)


def choose_taste(path: Path | None) -> TasteModel | None:
    """The model of an artifact folder; None is the one in the package, "none" is none. Errors: as `load_taste`."""
    return None if path == NONE else load_taste(path)


def load_taste(path: Path | None = None) -> TasteModel:
    """The model of an artifact folder; None is the one shipped in the package.

    Errors: ArtifactError when a file is missing or altered, or the artifact was made for other numbers.
    """
    artifact = load(path or shipped(KIND), KIND)
    manifest, tensors = artifact.manifest, artifact.tensors
    if {name: manifest.inputs.get(name) for name in INPUTS} != INPUTS:
        raise ArtifactError(f"{artifact.path} holds other numbers or price bands than this code has; {AGAIN}")
    try:
        categories = tuple(manifest.labels["categories"])
        prices, spread = tensors["usual_price"], tensors["price_spread"]
        weights = tensors["weights"].astype(np.float64)
    except KeyError as error:
        raise ArtifactError(
            f"{artifact.path} holds {manifest.name} {manifest.version} without {error}; {AGAIN}"
        ) from error
    if not len(categories) == len(prices) == len(spread) or weights.shape != (len(NUMBERS),):
        raise ArtifactError(
            f"{artifact.path} names {len(categories)} categories, it has {len(prices)} usual prices, {len(spread)} "
            f"spreads and {weights.size} of {len(NUMBERS)} numbers; {AGAIN}"
        )
    return TasteModel(ModelInfo(manifest.name, manifest.version), weights, UsualPrices(categories, prices, spread))
