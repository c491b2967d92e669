"""Small pictures made for tests, in every form a shop may send."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, WHITE = (220, 20, 30), (10, 160, 40), (255, 255, 255)


def halves(width: int = 64, height: int = 48) -> Image.Image:
    """Red on the left, green on the right."""
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = RED, GREEN
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The image as a file of `kind` (JPEG, PNG, WEBP, GIF)."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def near(pixel: np.ndarray, colour: tuple[int, int, int], within: int = 12) -> bool:
    """Whether a pixel has a colour, but for what a lossy format changes."""
    return bool(np.abs(pixel.astype(int) - np.array(colour)).max() <= within)
