"""Other views of pictures, as a frozen network reads them: what augmentation is where the pictures' network learns not.

A view is a part of the picture under another light, perhaps mirrored, moved, and with a square hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from models.image.efficientnet import WIDTH
from models.image.features import AT_ONCE, PictureFeatures
from models.train.augment import augmented, relit, zoomed

SHIFT, HIDDEN = 8, 48  # pixels of 224
WHITE = 255  # what goods are photographed on


def altered(pictures: NDArray[np.uint8], random: torch.Generator) -> NDArray[np.uint8]:
    """(n, h, w, 3) -> one view of each."""
    given = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / WHITE
    found = relit(zoomed(given, random), random)
    found = 1 - augmented(1 - found, random, shift=SHIFT, hidden=HIDDEN)  # what is moved in, or hidden, is white
    return (found * WHITE).round().permute(0, 2, 3, 1).to(torch.uint8).numpy()


def views_of(
    pictures: Sequence[NDArray[np.uint8] | None], count: int, *, seed: int, progress: bool = True
) -> NDArray[np.float32]:
    """(n,) pictures of (h, w, 3), all of one size -> (count, n, 1280) vectors of so many views; zeros where none is."""
    random, network = torch.Generator().manual_seed(seed), PictureFeatures()
    there = [row for row, picture in enumerate(pictures) if picture is not None]
    found = np.zeros((count, len(pictures), WIDTH), np.float32)
    with tqdm(total=count * len(there), desc="views", disable=not progress) as bar:
        for view in range(count):
            for first in range(0, len(there), AT_ONCE):
                rows = there[first : first + AT_ONCE]
                stacked = np.stack([picture for row in rows if (picture := pictures[row]) is not None])
                found[view, rows] = network.embed(list(altered(stacked, random)))
                bar.update(len(rows))
    return found
