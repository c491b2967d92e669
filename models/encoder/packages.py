"""Where the packages keep their weights. They are read as files: importing them would bring other libraries along."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from models.errors import ArtifactError


def file_of(package: str, *parts: str) -> Path:
    """A file of an installed package. Errors: ArtifactError."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError(f"the package {package.replace('_', '-')} is not installed; it carries the weights")
    file = Path(spec.submodule_search_locations[0], *parts)
    if not file.is_file():
        raise ArtifactError(f"{file} is missing: another version of {package.replace('_', '-')} is installed")
    return file
