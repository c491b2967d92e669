"""One tier of the cascade: products in, features out, encoded once however often they are sent."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.predict import (
    Extracted,
    ProductBatch,
    ProductColumns,
    ProductPredictor,
    Refiner,
    sure,
    with_explanations,
)
from schemas.codec import encode
from schemas.events import ProductUpsert
from schemas.predictions import ENCODER, FAST, Attribute, Category, ModelRef, PriceRange
from schemas.state import ROW_FORMAT, ProductFeatures, attribute_key
from streams.logic.inputs import UNREACHABLE, Inputs, Picture

DIGITS = 6  # of a confidence
_TRY_AGAIN = b"again"  # no product has this hash: an equal event is answered anew

Pairs = list[tuple[int, float]]


class Tier:
    """Answers products with one model. `revision` is that of its predictions.

    Answers whose category is less likely than `sure_above` are marked as unsure. With `explain_words`, each answer says
    what so many words of its title did for it.
    """

    def __init__(
        self,
        model: ProductPredictor | Refiner,
        run: Callable[[ProductColumns], ProductBatch],
        revision: int,
        sure_above: float = 0.0,
        explain_words: int = 0,
    ) -> None:
        self.ref = ModelRef(model.info.name, model.info.version)
        self.reads = model.reads
        self.revision = revision
        self._model = model
        self._closed = frozenset(model.attributes)  # what users' preferences are counted in
        self._run = run
        self._sure_above = sure_above
        self._explain_words = explain_words
        self._inputs = Inputs(model.reads)

    def answer(
        self, contents: Sequence[bytes], products: Sequence[ProductUpsert], pictures: Sequence[Picture]
    ) -> list[ProductFeatures]:
        """Features of n >= 1 products, without the place of an event. One model call, or two with explanations."""
        given = self._inputs.columns(products, pictures)
        batch = self._run(given)
        if self._explain_words:
            batch = with_explanations(self._run, given, batch, self._explain_words)
        columns = zip(
            [
                _TRY_AGAIN if picture.state == UNREACHABLE else content
                for content, picture in zip(contents, pictures, strict=True)
            ],
            products,
            self._inputs.notes(products, pictures),
            (~sure(batch, self._sure_above)).tolist(),
            _pairs(batch.category_ids, batch.category_confidence),
            _pairs(batch.attribute_ids, batch.attribute_confidence),
            strict=True,
        )
        features = []
        for i, (content, product, note, unsure, categories, attributes) in enumerate(columns):
            named = self._attributes(attributes, product.title, batch.extracted[i] if batch.extracted else ())
            paths = self._categories(categories, batch.taxonomy_ids[i] if batch.taxonomy_ids else ())
            features.append(
                ProductFeatures(
                    format=ROW_FORMAT,
                    content=content,
                    offset=-1,
                    category=paths[0].path[-1] if paths else "",
                    attribute_keys=[
                        attribute_key(one.name, one.value) for one in named if (one.name, one.value) in self._closed
                    ],
                    categories=encode(paths),
                    attributes=encode(named),
                    revision=self.revision,
                    unsure=unsure,
                    inputs=note,
                    price=_price(batch, i),
                    explanation=_explanation(batch, i),
                )
            )
        return features

    def take_cut(self) -> Counter[str]:
        """How many texts were too long, by column, since the last call."""
        cut, self._inputs.cut = self._inputs.cut, Counter()
        return cut

    def _categories(self, found: Pairs, taxonomy_ids: Sequence[str | None]) -> list[Category]:
        paths = self._model.categories
        if not taxonomy_ids:
            return [Category(list(paths[label]), confidence) for label, confidence in found if label >= 0]
        return [
            Category(list(paths[label]), confidence, id_)
            for (label, confidence), id_ in zip(found, taxonomy_ids, strict=True)
            if label >= 0
        ]

    def _attributes(self, found: Pairs, title: str, extracted: Sequence[Extracted]) -> list[Attribute]:
        folded = title.lower()
        attributes = []
        for label, confidence in found:
            if label >= 0:
                name, value = self._model.attributes[label]
                attributes.append(Attribute(name, value, confidence, _evidence(folded, title, value)))
        if extracted:
            named = {attribute.name for attribute in attributes}
            attributes += [
                Attribute(one.name, title[one.start : one.end], round(one.confidence, DIGITS), (one.start, one.end))
                for one in extracted
                if one.name not in named
            ]
        return attributes


def fast_tier(model: ProductPredictor, sure_above: float = 0.0, explain_words: int = 0) -> Tier:
    """The tier that answers every product."""
    return Tier(model, model.run, FAST, sure_above, explain_words)


def encoder_tier(model: Refiner, explain_words: int = 0) -> Tier:
    """The tier that is asked where the fast one is not sure."""
    return Tier(model, model.refine, ENCODER, explain_words=explain_words)


def _price(batch: ProductBatch, i: int) -> bytes:
    if batch.prices is None or np.isnan(batch.prices[i]).any():
        return b""
    low, median, high = (round(price, 4) for price in batch.prices[i].tolist())
    return encode(PriceRange(low, median, high, batch.far_outside is not None and bool(batch.far_outside[i])))


def _explanation(batch: ProductBatch, i: int) -> bytes:
    explanation = batch.explanations[i] if batch.explanations is not None else None
    return b"" if explanation is None else encode(explanation)


def _pairs(labels: NDArray[np.int32], confidences: NDArray[np.float32]) -> list[Pairs]:
    """Labels with their confidences, row by row; rounded here, all at once."""
    rounded = np.round(confidences.astype(np.float64), DIGITS).tolist()
    return [list(zip(*row, strict=True)) for row in zip(labels.tolist(), rounded, strict=True)]


def _evidence(folded: str, title: str, value: str) -> tuple[int, int] | None:
    """Where the value stands in the title as whole words, if it does."""
    if len(folded) != len(title):
        return None  # lower() changed the length of a letter, so places in `folded` are not places in `title`
    wanted, start = value.lower(), -1
    while (start := folded.find(wanted, start + 1)) >= 0:
        end = start + len(wanted)
        if not (folded[start - 1 : start].isalnum() or folded[end : end + 1].isalnum()):
            return start, end
    return None
