"""A trained risk model as an artifact, there and back: weights.safetensors has Weights' fields and the two tables."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from models.behaviour.risk_model import FEATURES, RiskModel, Weights
from models.columns import ModelInfo
from models.errors import ArtifactError
from models.registry import Manifest, content_version, load, save, shipped

KIND = "risk"
NAME = "behaviour-risk"
SCALARS = ("out_bias", "slope", "intercept", "alarm", "notable")


def save_risk(path: Path, model: RiskModel, *, metrics: dict[str, Any], training: dict[str, Any]) -> Manifest:
    """Write a trained model; its version is derived from its weights."""
    tensors = {field.name: np.asarray(getattr(model.weights, field.name), np.float64) for field in fields(Weights)}
    tensors["shares"], tensors["prices"] = model.shares, model.prices
    tensors = {name: np.atleast_1d(tensor) for name, tensor in tensors.items()}
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs={"features": list(FEATURES)},
        labels={"categories": list(model.categories)},
        metrics=metrics,
        training=training,
    )
    return save(path, manifest, tensors)


def load_risk(path: Path | None = None) -> RiskModel:
    """The model of an artifact folder; None is the one shipped in the package.

    Errors: ArtifactError when a file is missing or altered, or the artifact reads other features than this code.
    """
    artifact = load(path or shipped(KIND), KIND)
    manifest, tensors = artifact.manifest, artifact.tensors
    if manifest.inputs.get("features") != list(FEATURES):
        raise ArtifactError(
            f"{artifact.path} reads other features of an event than this code has; "
            "train it again with `shelfstream train risk`"
        )
    try:
        values: dict[str, Any] = {field.name: tensors[field.name] for field in fields(Weights)}
        values |= {name: float(tensors[name][0]) for name in SCALARS}
        categories = manifest.labels["categories"]
        info = ModelInfo(manifest.name, manifest.version)
        return RiskModel(info, categories, tensors["shares"], tensors["prices"], Weights(**values))
    except KeyError as error:
        raise ArtifactError(
            f"{artifact.path} holds {manifest.name} {manifest.version} without {error}; "
            "train it again with `shelfstream train risk`"
        ) from error
