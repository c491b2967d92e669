"""Why a picture cannot be used: one error with a reason that can be counted."""

from __future__ import annotations

from typing import Literal

from models.errors import ModelError

ImageReason = Literal[
    "empty",  # no bytes at all
    "too_many_bytes",
    "too_many_pixels",  # or too many passes over them: a decompression bomb
    "format",  # not a JPEG, PNG, WebP or GIF
    "broken",  # begins as one of them, but is cut off or damaged
    "not_allowed",  # the address is outside the allowed prefixes, or is written so that this cannot be told
    "not_found",
    "unreachable",  # the store did not answer, refused, or took too long
]


class ImageError(ModelError):
    """The picture of one product cannot be used; the product is answered without it."""

    def __init__(self, reason: ImageReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: ImageReason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[ImageError], tuple[ImageReason, str]]:
        """By its two parts: a decoder in another process hands it back by pickling."""
        return type(self), (self.reason, self.detail)
