"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28 pixels, ten classes (arXiv:1708.07747, MIT, Zalando).

Files are as Debian's package dataset-fashion-mnist installs them, in the IDX format: a magic number (two zeros, 8 for
unsigned bytes, the number of axes), the length of each axis as big-endian 32 bits, then the values.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError

FOLDER = Path("/usr/share/datasets/fashion-mnist")
CLASSES = 10
_UNSIGNED_BYTE = 8


@dataclass(frozen=True, slots=True)
class Pictures:
    """n pictures with their classes."""

    pixels: NDArray[np.uint8]  # (n, 28, 28)
    classes: NDArray[np.uint8]  # (n,)


def load(folder: Path = FOLDER) -> tuple[Pictures, Pictures]:
    """The publisher's own split: 60,000 to learn from, 10,000 to be measured on. Errors: DataError."""
    return _part(folder, "train"), _part(folder, "t10k")


def read_idx(raw: bytes) -> NDArray[np.uint8]:
    """One IDX file of unsigned bytes. Errors: DataError when it is none, or is cut off."""
    axes = raw[3] if len(raw) > 3 else 0
    start = 4 + 4 * axes
    if raw[:3] != bytes([0, 0, _UNSIGNED_BYTE]) or len(raw) < start:
        raise DataError(f"a file that begins with {raw[:4].hex()} is not an IDX file of unsigned bytes")
    shape = struct.unpack(f">{axes}I", raw[4:start])
    if len(raw) - start != int(np.prod(shape)):
        raise DataError(f"an IDX file says {shape}, but holds {len(raw) - start} values")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def _part(folder: Path, name: str) -> Pictures:
    read = []
    for kind in ("images-idx3", "labels-idx1"):
        file = folder / f"{name}-{kind}-ubyte.gz"
        try:
            read.append(read_idx(gzip.decompress(file.read_bytes())))
        except (OSError, EOFError) as error:
            raise DataError(
                f"{file} cannot be read: {error}; install dataset-fashion-mnist or name a folder"
            ) from error
    return Pictures(*read)
