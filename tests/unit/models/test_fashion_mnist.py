"""The check of the image path: its files are read right, its pictures are changed right, and the network learns."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from models.data.fashion_mnist import load, read_idx
from models.errors import DataError
from models.train import fashion_mnist
from models.train.augment import augmented


def idx(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten classes, each a bright square in a place of its own."""
    random = np.random.default_rng(5)
    for name, count in (("train", 900), ("t10k", 100)):
        classes = random.integers(0, 10, count)
        pixels = random.integers(0, 60, (count, 28, 28))
        for picture, kind in zip(pixels, classes, strict=True):
            picture[3 + 5 * (kind // 2) : 7 + 5 * (kind // 2), 12:16] = 250 if kind % 2 else 120
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(classes)))
    return tmp_path


def test_files_are_read_as_they_were_written(folder: Path) -> None:
    taught, asked = load(folder)
    assert taught.pixels.shape == (900, 28, 28)
    assert asked.classes.shape == (100,)
    assert np.array_equal(read_idx(idx(np.arange(6).reshape(2, 3))), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("raw", [b"", b"\x00\x00\x08", b"\x00\x00\x0d\x01\x00\x00\x00\x01\x05", b"GIF89a", None])
def test_a_file_that_is_none_is_refused(raw: bytes | None) -> None:
    with pytest.raises(DataError):
        read_idx(idx(np.arange(6))[:-1] if raw is None else raw)


def test_a_missing_folder_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dataset-fashion-mnist"):
        load(tmp_path)


def test_a_changed_picture_is_moved_or_mirrored_and_nothing_else() -> None:
    picture = torch.arange(1.0, 26.0).reshape(1, 1, 5, 5)
    whole = torch.nn.functional.pad(picture, (1, 1, 1, 1))[0, 0]
    possible = {
        tuple((part.flip(1) if mirrored else part).flatten().tolist())
        for mirrored in (False, True)
        for down in range(3)
        for right in range(3)
        for part in [whole[down : down + 5, right : right + 5]]
    }
    found = augmented(picture.expand(200, 1, 5, 5), torch.Generator().manual_seed(0), shift=1)
    assert {tuple(one.flatten().tolist()) for one in found} == possible


def test_a_hidden_square_is_empty() -> None:
    found = augmented(torch.ones(50, 2, 9, 9), torch.Generator().manual_seed(0), shift=0, hidden=3)
    assert all(0 < int((one == 0).sum()) <= 2 * 9 for one in found)


def test_the_small_network_learns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "HELD_OUT", 100)
    measured = fashion_mnist.run(folder, epochs=6, progress=False)
    assert measured["n"] == 100
    assert measured["test accuracy"] > 0.8
