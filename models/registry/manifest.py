"""manifest.json: what an artifact is, what it was fitted on, how good it was, and the SHA-256 of its files.

Fields are only ever added; a reader ignores those it does not know and refuses a `format` above its own.
"""

from __future__ import annotations

from typing import Any

import msgspec

FORMAT = 1  # raised when an old reader would misread a new artifact


class Manifest(msgspec.Struct, kw_only=True, frozen=True):
    """The manifest as stored. `files` is filled in by `save`; whoever builds one leaves it empty."""

    name: str
    version: str
    kind: str  # "products" or "behaviour": which predictor can read the tensors
    format: int = FORMAT
    inputs: dict[str, Any] = {}  # columns the model reads, limits, sizes of layers
    labels: dict[str, Any] = {}  # small label tables by head; big ones are JSON files of their own
    metrics: dict[str, Any] = {}  # figures as measured, with baselines and intervals
    training: dict[str, Any] = {}  # seed, epochs, data fingerprint, buckets it was fitted on
    files: dict[str, str] = {}  # file name -> SHA-256, hex


def encode(manifest: Manifest) -> bytes:
    """The manifest as indented JSON, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode(raw: bytes) -> Manifest:
    """JSON -> manifest. Errors: msgspec.DecodeError with the path of the bad value."""
    return msgspec.json.decode(raw, type=Manifest)
