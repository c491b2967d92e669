"""Untrusted pictures: what can be read is read the same in every form, the rest is an ImageError with its reason."""

from __future__ import annotations

import pickle
import resource
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.image.decode import MAX_PIXELS, SIDE, decode
from models.image.errors import ImageError
from schemas.events import MAX_IMAGE_BYTES
from tests.unit.models.pictures import GREEN, RED, WHITE, encoded, halves, near

# Pillow warns of odd files; what counts here is that it ends as a picture or as an ImageError.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

LEFT, RIGHT, MIDDLE = SIDE // 8, SIDE - SIDE // 8, SIDE // 2
FORMS = {
    "JPEG": encoded(halves(), "JPEG", quality=95),
    "progressive JPEG": encoded(halves(), "JPEG", quality=95, progressive=True),
    "CMYK JPEG": encoded(halves().convert("CMYK"), "JPEG", quality=95),
    "PNG": encoded(halves(), "PNG"),
    "PNG with a palette": encoded(halves().convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "interlaced GIF": encoded(halves(), "GIF", interlace=1),
    "animated GIF": encoded(halves(), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48), "blue")]),
    "WebP": encoded(halves(), "WEBP", lossless=True),
    "animated WebP": encoded(
        halves(), "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGB", (64, 48), "blue")]
    ),
    "animated PNG": encoded(halves(), "PNG", save_all=True, append_images=[Image.new("RGB", (64, 48), "blue")]),
}


def reason(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    return caught.value.reason


def outcome(data: bytes) -> str:
    """decoded, or the reason of the only error there may be."""
    try:
        return "decoded" if decode(data).shape == (SIDE, SIDE, 3) else "of another shape"
    except ImageError as error:
        return error.reason


@pytest.mark.parametrize("form", FORMS)
def test_the_same_picture_comes_out_of_every_form(form: str) -> None:
    pixels = decode(FORMS[form])
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    assert near(pixels[MIDDLE, LEFT], RED)
    assert near(pixels[MIDDLE, RIGHT], GREEN)
    assert near(pixels[2, MIDDLE], WHITE)  # 4:3 in a square: white above and below


def test_transparency_is_white() -> None:
    image = halves().convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat(np.uint8([[0] * 32 + [255] * 32]), 48, axis=0)))
    palette = halves().convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    for data in (encoded(image, "PNG"), encoded(image, "WEBP", lossless=True)):
        pixels = decode(data)
        assert near(pixels[MIDDLE, LEFT], WHITE)
        assert near(pixels[MIDDLE, RIGHT], GREEN)
    clear = palette.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        pixels = decode(encoded(palette, kind, transparency=clear))
        assert near(pixels[MIDDLE, LEFT], WHITE)
        assert near(pixels[MIDDLE, RIGHT], GREEN)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(halves(), "JPEG", quality=95, exif=exif))
    red = {1: "left", 4: "left", 2: "right", 3: "right", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}[orientation]
    row, column = {
        "left": (MIDDLE, LEFT),
        "right": (MIDDLE, RIGHT),
        "top": (LEFT, MIDDLE),
        "bottom": (RIGHT, MIDDLE),
    }[red]
    assert near(pixels[row, column], RED)


def test_damaged_exif_turns_nothing() -> None:
    data = encoded(halves(), "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff")
    assert near(decode(data)[MIDDLE, LEFT], RED)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    grey = Image.fromarray(np.full((32, 32), 0x4000, dtype=np.uint16))
    assert near(decode(encoded(grey, "PNG"))[MIDDLE, MIDDLE], (0x40, 0x40, 0x40))


def test_one_pixel_is_a_picture() -> None:
    assert near(decode(encoded(Image.new("RGB", (1, 1), RED), "PNG"))[MIDDLE, MIDDLE], RED)


def test_reasons_of_what_is_no_picture() -> None:
    assert reason(b"") == "empty"
    assert reason(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "format"
    assert reason(encoded(halves(), "BMP")) == "format"
    assert reason(encoded(halves(), "TIFF")) == "format"
    assert reason(b"\xff\xd8\xff\xe0" + bytes(40)) in ("format", "broken")
    assert reason(FORMS["PNG"] + bytes(MAX_IMAGE_BYTES)) == "too_many_bytes"


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_cut_off_is_broken(form: str) -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    kind = {"interlaced GIF": "GIF", "animated GIF": "GIF", "WebP": "WEBP", "animated WebP": "WEBP"}.get(form)
    data = encoded(noise, kind or ("PNG" if "PNG" in form else "JPEG"))
    assert reason(data[: len(data) // 2]) in ("broken", "format")


def test_a_name_that_lies_changes_nothing() -> None:
    """A GIF sent as something else is read by its content; the magic of one format with the body of another is not."""
    assert reason(b"\x89PNG\r\n\x1a\n" + FORMS["JPEG"][8:]) in ("broken", "format")


def png_of(width: int, height: int) -> bytes:
    """A one-bit PNG of black pixels: a thousandth of its pixels in bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    line = bytes(1 + -(-width // 8))
    body = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def webp_of(width: int, height: int) -> bytes:
    """The header of a WebP of that canvas, with a small picture in it."""
    small = encoded(halves(), "WEBP", lossless=True)[12:]
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4)
    body += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + small
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def gif_of(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + FORMS["interlaced GIF"][10:]


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize(
    "data",
    [png_of(12_000, 12_000), webp_of(13_000, 13_000), webp_of(16_000, 16_000), gif_of(65_000, 65_000)],
    ids=["png", "webp", "webp past Pillow's own limit", "gif"],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_before_it_is_decoded(data: bytes) -> None:
    assert len(data) <= MAX_IMAGE_BYTES
    before, started = peak_mib(), time.process_time()
    assert reason(data) in ("too_many_pixels", "broken")
    assert peak_mib() - before < 32
    assert time.process_time() - started < 0.5


def test_many_scans_are_refused_before_they_are_decoded() -> None:
    """Each scan of a progressive JPEG is a pass over all pixels and may be a few bytes long: hours in 256 KiB."""
    data = encoded(Image.new("L", (2048, 2048), 90), "JPEG", progressive=True, quality=10)
    scan = data.rindex(b"\xff\xda")
    last = data[scan:-2]
    bomb = data[:-2] + last * ((MAX_IMAGE_BYTES - len(data)) // len(last)) + data[-2:]
    assert bomb.count(b"\xff\xda") > 32
    started = time.process_time()
    assert reason(bomb) == "too_many_pixels"
    assert time.process_time() - started < 0.5


def test_the_largest_picture_that_is_read_stays_within_memory_and_time() -> None:
    width = 4096
    before, started = peak_mib(), time.process_time()
    assert decode(png_of(width, MAX_PIXELS // width)).shape == (SIDE, SIDE, 3)
    assert peak_mib() - before < 192
    assert time.process_time() - started < 10


def test_an_error_keeps_its_reason_between_processes() -> None:
    again = pickle.loads(pickle.dumps(ImageError("broken", "cut off")))
    assert (again.reason, again.detail, str(again)) == ("broken", "cut off", "broken: cut off")


@given(st.binary(max_size=2_000))
def test_random_bytes_are_an_image_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode(data)


@given(
    form=st.sampled_from(sorted(FORMS)),
    changes=st.lists(st.tuples(st.integers(0, 4_000), st.binary(min_size=1, max_size=8)), max_size=6),
    cut=st.integers(0, 4_000),
)
@settings(max_examples=400, deadline=None)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_damaged_picture_is_a_picture_or_an_image_error(
    form: str, changes: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(FORMS[form])
    for place, piece in changes:
        start = place % len(data)
        data[start : start + len(piece)] = piece
    assert outcome(bytes(data[: len(data) - cut % len(data)])) in ("decoded", "format", "broken", "too_many_pixels")
