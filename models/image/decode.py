"""Untrusted bytes -> one small square picture, within bounds of memory and time.

What a picture may cost is known before any of it is decoded: the bytes are counted, the size is read from the header,
and the passes of a progressive JPEG are counted. Steps:

    1. bytes      at most MAX_IMAGE_BYTES
    2. header     JPEG, PNG, WebP or GIF by its content; no other decoder is tried, whatever the bytes claim
    3. cost       at most MAX_PIXELS, at most MAX_SCANNED pixels in all passes
    4. decode     a JPEG at an eighth, a quarter or half of its size where that is enough; of several frames the first
    5. shrink     to SIDE, the longer side
    6. colours    transparency on white, 16 bits to 8, CMYK and palettes to RGB
    7. turn       as the EXIF orientation says; EXIF that cannot be read turns nothing
    8. square     in the middle of a white square, as most shops show their goods
"""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from models.image.errors import ImageError
from schemas.events import MAX_IMAGE_BYTES

SIDE = 224  # pixels, of the square that comes out: what the pretrained network was trained on
MAX_PIXELS = 8 * 1024 * 1024  # more do not fit well into MAX_IMAGE_BYTES; about 100 MiB while they are decoded
MAX_SCANNED = 16 * MAX_PIXELS  # a progressive JPEG has about 10 scans, and each is a pass over all of its pixels
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")

_WHITE = (255, 255, 255)
_START_OF_SCAN = b"\xff\xda"  # inside a scan 0xFF is followed by 0, so this is a marker (or a thumbnail's)

# What Pillow's decoders raise on damaged bytes. MemoryError is not among them: it says nothing about the picture.
_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, struct.error, EOFError),
    *(AssertionError, AttributeError, RuntimeError, Image.DecompressionBombError),
)


def decode(data: bytes) -> NDArray[np.uint8]:
    """The picture in `data` as (SIDE, SIDE, 3) uint8, red, green and blue, its proportions kept, on white.

    Errors: ImageError with one of the reasons empty, too_many_bytes, too_many_pixels, format, broken; nothing else.
    """
    if not data:
        raise ImageError("empty", "the picture has no bytes")
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageError("too_many_bytes", f"the picture has {len(data)} bytes, at most {MAX_IMAGE_BYTES} are read")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_cost(image, data)
            return np.asarray(_square(_small(image)))
    except UnidentifiedImageError as error:
        raise ImageError("format", f"the bytes begin with {data[:8]!r}, not as a {', '.join(FORMATS)} does") from error
    except Image.DecompressionBombError as error:
        raise ImageError("too_many_pixels", str(error)) from error
    except _BROKEN as error:
        raise ImageError("broken", f"the picture cannot be decoded: {error!r}") from error


def _check_cost(image: Image.Image, data: bytes) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise ImageError("too_many_pixels", f"{image.width} x {image.height} pixels, at most {MAX_PIXELS} are decoded")
    passes = data.count(_START_OF_SCAN) if data[:2] == b"\xff\xd8" else 1
    if passes * pixels > MAX_SCANNED:
        size = f"{image.width} x {image.height}"
        raise ImageError("too_many_pixels", f"{passes} passes over {size} pixels, at most {MAX_SCANNED} in all")


def _small(image: Image.Image) -> Image.Image:
    """The first frame in RGB, its longer side SIDE pixels, the right way up."""
    image.draft("RGB", (SIDE, SIDE))
    image.load()
    orientation = _turn(image)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, (*_WHITE, 255))
        image = Image.alpha_composite(ground, image).convert("RGB")
    return image if orientation is None else image.transpose(orientation)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112  # the EXIF tag; its values and what they ask for: EXIF 2.3, table 4


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except _BROKEN:
        return None


def _square(image: Image.Image) -> Image.Image:
    ground = Image.new("RGB", (SIDE, SIDE), _WHITE)
    ground.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return ground
