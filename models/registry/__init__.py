"""Artifacts on disk: a folder with a manifest, safetensors and label tables, each file known by its SHA-256."""

from models.registry.manifest import FORMAT, Manifest
from models.registry.store import MANIFEST, Artifact, content_version, load, save, shipped, with_metrics

__all__ = ["FORMAT", "MANIFEST", "Artifact", "Manifest", "content_version", "load", "save", "shipped", "with_metrics"]
