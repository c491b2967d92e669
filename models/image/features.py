"""Pictures -> vectors of the frozen pretrained network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.image.efficientnet import MEAN, STD, WIDTH, load_backbone

AT_ONCE = 16  # pictures: 16 of 224 x 224 need about 200 MiB in the widest layer


class PictureFeatures:
    """The pretrained network as a function; loading it takes a second. Errors: ArtifactError."""

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = load_backbone(device)

    def embed(self, pictures: Sequence[NDArray[np.uint8] | None]) -> NDArray[np.float32]:
        """(n,) pictures of (h, w, 3) uint8, all of one size -> (n, 1280) float32 >= 0; zeros where there is none."""
        answer = np.zeros((len(pictures), WIDTH), dtype=np.float32)
        there = [row for row, picture in enumerate(pictures) if picture is not None]
        for first in range(0, len(there), AT_ONCE):
            rows = there[first : first + AT_ONCE]
            stacked = np.stack([picture for row in rows if (picture := pictures[row]) is not None])
            given = torch.from_numpy(stacked).to(self._device).permute(0, 3, 1, 2).float()
            with torch.inference_mode():
                answer[rows] = self._network((given - MEAN) / STD).cpu().numpy()
        return answer
