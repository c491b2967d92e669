"""Writing and reading an artifact folder.

    manifest.json        what it is, and the SHA-256 of every other file
    *.safetensors        tensors; never pickle
    *.json               label tables too long for the manifest

Bytes are hashed and parsed from one read, so what was verified is what is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as tensor_bytes

from models.errors import ArtifactError
from models.registry.manifest import FORMAT, Manifest, decode, encode

MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
SHIPPED = Path(__file__).resolve().parent.parent / "artifacts"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified artifact in memory."""

    path: Path
    manifest: Manifest
    tensors: dict[str, np.ndarray]
    tables: dict[str, Any] = field(default_factory=dict)  # file stem -> content of each *.json but the manifest


def shipped(kind: str) -> Path:
    """The folder of the artifact that comes with the package."""
    return SHIPPED / kind


def content_version(tensors: Mapping[str, np.ndarray], prefix: str) -> str:
    """`prefix-` and eight hex digits of the weights' SHA-256: equal weights, equal version."""
    return f"{prefix}-{hashlib.sha256(_pack(tensors)).hexdigest()[:8]}"


def save(
    path: Path,
    manifest: Manifest,
    tensors: Mapping[str, np.ndarray],
    tables: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write an artifact folder and give back the manifest with `files` filled in.

    The manifest is written last: a crash before that leaves a folder that `load` refuses, never a mixed one it accepts.
    """
    path.mkdir(parents=True, exist_ok=True)
    contents = {WEIGHTS: _pack(tensors)}
    for stem, table in (tables or {}).items():
        contents[f"{stem}.json"] = json.dumps(table, ensure_ascii=False, indent=0).encode() + b"\n"
    if MANIFEST in contents:
        raise ArtifactError(f"a table of {path} is called manifest, which is the manifest's own name; rename the table")
    for name, raw in contents.items():
        _replace(path / name, raw)
    filled = msgspec.structs.replace(
        manifest, files={name: hashlib.sha256(raw).hexdigest() for name, raw in contents.items()}
    )
    _replace(path / MANIFEST, encode(filled))
    return filled


def with_metrics(path: Path, metrics: dict[str, Any], kind: str | None = None) -> Manifest:
    """The artifact again with these figures in its manifest; weights, tables and version stay. Errors: as `load`."""
    artifact = load(path, kind)
    return save(path, msgspec.structs.replace(artifact.manifest, metrics=metrics), artifact.tensors, artifact.tables)


def load(path: Path, kind: str | None = None) -> Artifact:
    """Read an artifact folder and verify every file.

    Errors: ArtifactError when the folder, the manifest or a file is missing, when a file's SHA-256 is not the
    manifest's, when the format is newer than this reader, or when the artifact is not of the `kind` asked for.
    """
    manifest = _read_manifest(path)
    if kind is not None and manifest.kind != kind:
        raise ArtifactError(f"{path} holds a model of kind {manifest.kind!r}, wanted {kind!r}; give the other folder")
    tensors: dict[str, np.ndarray] = {}
    tables: dict[str, Any] = {}
    for name, expected in manifest.files.items():
        raw = _read_verified(path, name, expected)
        try:
            if name.endswith(".safetensors"):
                tensors.update(parse_tensors(raw))
            elif name.endswith(".json"):
                tables[name.removesuffix(".json")] = json.loads(raw)
        except (SafetensorError, ValueError) as error:
            raise ArtifactError(f"{path / name} has the right SHA-256 but cannot be parsed: {error}") from error
    return Artifact(path, manifest, tensors, tables)


def _read_manifest(path: Path) -> Manifest:
    file = path / MANIFEST
    try:
        manifest = decode(file.read_bytes())
    except OSError as error:
        raise ArtifactError(
            f"no artifact at {path}: {file.name} cannot be read ({error.strerror}); "
            "train one with `shelfstream train` or give another folder"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{file} is not a manifest: {error}; restore it from where the artifact came") from error
    if manifest.format > FORMAT:
        raise ArtifactError(f"{file} has format {manifest.format}, this version reads 1 to {FORMAT}; update it")
    return manifest


def _read_verified(path: Path, name: str, expected: str) -> bytes:
    if Path(name).name != name or name in ("", ".", ".."):
        raise ArtifactError(f"{path / MANIFEST} names the file {name!r} outside its folder; do not use this artifact")
    try:
        raw = (path / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path / name} is in the manifest but cannot be read: {error.strerror}") from error
    found = hashlib.sha256(raw).hexdigest()
    if found != expected:
        raise ArtifactError(
            f"{path / name} was altered: the manifest expects SHA-256 {expected}, the file has {found}; "
            "restore the file or train the model again"
        )
    return raw


def _pack(tensors: Mapping[str, np.ndarray]) -> bytes:
    return tensor_bytes({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)})


def _replace(file: Path, raw: bytes) -> None:
    draft = file.with_name(f".{file.name}.draft")
    draft.write_bytes(raw)
    draft.replace(file)
