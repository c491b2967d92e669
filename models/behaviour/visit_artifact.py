"""A trained model of the next visit as an artifact, there and back: weights.safetensors has Weights' fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.behaviour.visit import ENDS, FEATURES, WEIGHTS, VisitModel, Weights
from models.columns import ModelInfo
from models.errors import ArtifactError
from models.registry import Manifest, content_version, load, save, shipped

KIND = "visit"
NAME = "behaviour-visit"
NONE = Path("none")
INPUTS = {"features": list(FEATURES), "ends": [round(end, 6) for end in ENDS.tolist()]}
AGAIN = "train it again with `shelfstream train visit`"


def save_visit(path: Path, weights: Weights, *, metrics: dict[str, Any], training: dict[str, Any]) -> Manifest:
    """Write trained weights, as float32; the version is derived from them."""
    tensors = {name: getattr(weights, name).astype(np.float32) for name in WEIGHTS}
    manifest = Manifest(
        name=NAME,
        version=content_version(tensors, "1"),
        kind=KIND,
        inputs=INPUTS,
        metrics=metrics,
        training=training,
    )
    return save(path, manifest, tensors)


def choose_visit(path: Path | None) -> VisitModel | None:
    """The model of an artifact folder; None is the one in the package, "none" is none. Errors: as `load_visit`."""
    return None if path == NONE else load_visit(path)


def load_visit(path: Path | None = None) -> VisitModel:
    """The model of an artifact folder; None is the one shipped in the package.

    Errors: ArtifactError when a file is missing or altered, or the artifact was made for other features or spans.
    """
    artifact = load(path or shipped(KIND), KIND)
    manifest, tensors = artifact.manifest, artifact.tensors
    if {name: manifest.inputs.get(name) for name in INPUTS} != INPUTS:
        raise ArtifactError(f"{artifact.path} reads other features or spans of days than this code has; {AGAIN}")
    try:
        weights = Weights(**{name: tensors[name].astype(np.float64) for name in WEIGHTS})
    except KeyError as error:
        raise ArtifactError(
            f"{artifact.path} holds {manifest.name} {manifest.version} without {error}; {AGAIN}"
        ) from error
    return VisitModel(ModelInfo(manifest.name, manifest.version), weights)
