"""Pictures changed as photographs of the same thing differ: moved, mirrored, with a part hidden."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augmented(pictures: Tensor, random: torch.Generator, *, shift: int = 2, hidden: int = 0) -> Tensor:
    """(n, c, h, w) -> the same shape. Each picture is mirrored or not, moved by up to `shift` pixels, and loses a
    square of `hidden` pixels (cutout, arXiv:1708.04552) where that is above 0."""
    count, _, height, width = pictures.shape
    padded = functional.pad(pictures, (shift, shift, shift, shift))
    down = torch.randint(0, 2 * shift + 1, (count, 1), generator=random)
    right = torch.randint(0, 2 * shift + 1, (count, 1), generator=random)
    columns = torch.arange(width)[None] + right  # (n, w)
    mirrored = torch.rand(count, 1, generator=random) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    rows = torch.arange(height)[None] + down  # (n, h)
    moved = padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)
    moved = moved.permute(0, 3, 1, 2)
    if hidden:
        top = torch.randint(0, height, (count, 1), generator=random)
        left = torch.randint(0, width, (count, 1), generator=random)
        in_rows = (torch.arange(height)[None] - top).abs() <= hidden // 2  # (n, h)
        in_columns = (torch.arange(width)[None] - left).abs() <= hidden // 2
        moved = moved.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0.0)
    return moved


def zoomed(pictures: Tensor, random: torch.Generator, *, least: float = 0.7) -> Tensor:
    """(n, c, h, w) -> the same shape: of each picture a part with at least this share of its sides, at full size."""
    count = len(pictures)
    share = least + (1 - least) * torch.rand(count, 2, generator=random)  # of width and height
    centre = (1 - share) * (2 * torch.rand(count, 2, generator=random) - 1)  # -1 and 1 are the edges
    way = torch.zeros(count, 2, 3)
    way[:, 0, 0], way[:, 1, 1], way[:, :, 2] = share[:, 0], share[:, 1], centre
    grid = functional.affine_grid(way, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def relit(pictures: Tensor, random: torch.Generator, *, strength: float = 0.3) -> Tensor:
    """(n, 3, h, w) of 0 to 1 -> the same. Brightness, contrast and saturation of each picture are multiplied by
    1 - `strength` to 1 + `strength`, as under another lamp and with another camera."""
    light, contrast, colour = 1 + strength * (2 * torch.rand(3, len(pictures), 1, 1, 1, generator=random) - 1)
    found = pictures * light
    mean = found.mean(dim=(1, 2, 3), keepdim=True)
    found = (found - mean) * contrast + mean
    grey = found.mean(dim=1, keepdim=True)
    lit: Tensor = ((found - grey) * colour + grey).clamp(0, 1)
    return lit
