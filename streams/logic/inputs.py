"""What a model is given of a product: texts cut to a bounded length, the picture, the price, and a note of it all.

A text may have a megabyte; the time that a record takes must not grow with it. What a title means stands at its
beginning, so that much is read, and the prediction says that the rest was not.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.predict import ProductColumns
from schemas.codec import encode
from schemas.events import ProductUpsert

MOST_CHARS = {"title": 1_024, "brand": 256, "description": 2_048, "category_hint": 256}  # that a model is given
_ANSWERS = "2"  # to be raised when the same models' answers are put otherwise: taxonomy ids, which spans are kept
_KEPT_NOTES = 4_096  # encoded; there are as many as combinations of states and reasons


@dataclass(frozen=True, slots=True)
class Picture:
    """A product's picture as models get it, or None; and what the prediction says of it."""

    pixels: NDArray[np.uint8] | None
    state: str  # "read", "missing" or "broken: " and the reason


NO_PICTURE = Picture(None, "missing")
UNREACHABLE = "broken: unreachable"  # may be there the next time


class Pictures(Protocol):
    """Fetches and decodes pictures where nothing waits for it."""

    def prepare(self, product: ProductUpsert) -> "Future[Picture]":
        """The product's picture, in bounded time; whatever is wrong with it is in its state."""


def has_picture(product: ProductUpsert) -> bool:
    """Whether the event brings a picture, or says where one lies."""
    return bool(product.image or product.image_uri)


class Inputs:
    """What models with these columns are given. `cut` counts, by column, the texts that were too long."""

    def __init__(self, reads: frozenset[str]) -> None:
        self.cut: Counter[str] = Counter()
        self._reads = reads
        self._texts = [name for name in MOST_CHARS if name in reads]
        self._notes: dict[tuple[str, ...], bytes] = {}

    def columns(self, products: Sequence[ProductUpsert], pictures: Sequence[Picture]) -> ProductColumns:
        """Columns of n products, as the model reads them."""
        texts = {name: self._cut(name, [getattr(product, name) for product in products]) for name in self._texts}
        return ProductColumns(
            titles=[title or "" for title in texts["title"]],
            brands=texts.get("brand"),
            descriptions=texts.get("description"),
            hints=texts.get("category_hint"),
            images=[picture.pixels for picture in pictures] if "image" in self._reads else None,
            prices=[product.price for product in products] if "price" in self._reads else None,
            currencies=[product.currency for product in products] if "price" in self._reads else None,
        )

    def notes(self, products: Sequence[ProductUpsert], pictures: Sequence[Picture]) -> list[bytes]:
        """The encoded `inputs` of n predictions."""
        states = [
            [
                "missing" if not text else "read" if len(text) <= MOST_CHARS[name] else "cut"
                for text in (getattr(product, name) for product in products)
            ]
            for name in self._texts
        ]
        names = list(self._texts)
        if "image" in self._reads:
            names.append("image")
            states.append([picture.state for picture in pictures])
        if "price" in self._reads:
            names.append("price")
            states.append(["missing" if product.price is None else "read" for product in products])
        return [self._note(names, row) for row in zip(*states, strict=True)]

    def _note(self, names: Sequence[str], states: tuple[str, ...]) -> bytes:
        note = self._notes.get(states)
        if note is None:
            if len(self._notes) >= _KEPT_NOTES:
                self._notes.clear()
            note = self._notes[states] = encode(dict(zip(names, states, strict=True)))
        return note

    def _cut(self, name: str, texts: list[str | None]) -> list[str | None]:
        most = MOST_CHARS[name]
        if max((len(text) for text in texts if text), default=0) <= most:
            return texts
        self.cut[name] += sum(len(text) > most for text in texts if text)
        return [text[:most] if text else text for text in texts]


class Content:
    """Hashes all that models read of a product, and the models themselves.

    A picture by address counts by its address: one that was changed in its place is not seen.
    """

    def __init__(self, models: Sequence[tuple[str, str]], reads: frozenset[str]) -> None:
        self._seed = "\0".join((_ANSWERS, *(part for model in models for part in model))).encode()
        self._key = self._seed if len(self._seed) <= 64 else blake2b(self._seed, digest_size=64).digest()
        self._image = "image" in reads
        self._price = "price" in reads

    def of(self, product: ProductUpsert) -> bytes:
        """16 bytes: equal for equal content."""
        parts = (product.title, product.brand, product.description, product.category_hint)
        digest = blake2b("\0".join(part or "" for part in parts).encode(), digest_size=16, key=self._key)
        if self._image:
            digest.update(b"\0image\0%b\0" % (product.image_uri or "").encode())
            digest.update(product.image or b"")
        if self._price:
            digest.update(b"\0price\0%r %r" % (product.price, product.currency))
        return digest.digest()
