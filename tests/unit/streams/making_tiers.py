"""A second products model: the shipped one under another name and with other temperatures, stored and loaded."""

from pathlib import Path

import msgspec

from models.predict import ProductPredictor, load_products
from models.registry import load, save, shipped

COLDER = 0.5  # of each temperature: the second model is surer of the same labels, so that its answers can be told apart


def save_second(path: Path, name: str = "second") -> Path:
    """Write it as an artifact."""
    artifact = load(shipped("products"), "products")
    inputs = dict(artifact.manifest.inputs)
    inputs["temperatures"] = {key: value * COLDER for key, value in inputs["temperatures"].items()}
    manifest = msgspec.structs.replace(artifact.manifest, name=name, version="2", inputs=inputs, files={})
    save(path, manifest, artifact.tensors, artifact.tables)
    return path


def second(path: Path) -> ProductPredictor:
    """Write it and load it."""
    return load_products(save_second(path))
