"""Products: an upsert becomes predicted categories and attributes, and the features the behaviour side reads.

A product whose content the same model has seen before is answered from its features, without inference. A record whose
offset is not past the one in the features was answered before a restart, and is skipped.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from models.predict import ProductBatch, ProductColumns, ProductPredictor
from schemas.codec import encode
from schemas.events import ProductUpsert
from schemas.predictions import (
    Attribute,
    Category,
    ModelRef,
    ProductAttributes,
    ProductCategories,
    Source,
    prediction_id,
)  # fmt: skip
from schemas.state import ROW_FORMAT, ProductFeatures, attribute_key
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer, ReadRows
from streams.logic.decode import Decoded, WindowDecoder

_features = msgspec.msgpack.Decoder(ProductFeatures)


class ProductLogic:
    """Answers product-upsert. `inferred` counts products that went through the model."""

    name = "products"

    def __init__(self, model: ProductPredictor, clock: Clock) -> None:
        self.model_name, self.model_version = model.info.name, model.info.version
        self.inferred = 0
        self._model = model
        self._ref = ModelRef(model.info.name, model.info.version)
        self._decoder = WindowDecoder(ProductUpsert, lambda product: product.product_id, clock)
        self._seed = f"{model.info.name}\0{model.info.version}".encode()

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """See `Logic.answer`."""
        answer = Answer()
        decoded = self._decoder.decode(window, answer)
        known = self._read(decoded, read)
        fresh = [item for item in decoded if not self._redelivered(item, known, answer)]
        contents = [b"" if item.event is None else self._content(item.event) for item in fresh]
        answers = {features.content: features for features in known.values()}
        inferred = self._infer(fresh, contents, answers)
        answers.update(inferred)
        for item, content in zip(fresh, contents, strict=True):
            self._emit(item, answers.get(content), content in inferred, answer)
        return answer

    def _read(self, decoded: Sequence[Decoded[ProductUpsert]], read: ReadRows) -> dict[bytes, ProductFeatures]:
        keys: dict[int, dict[bytes, None]] = {}
        for item in decoded:
            keys.setdefault(item.tp.partition, {})[item.key] = None
        known = {}
        for partition, wanted in keys.items():
            for key, row in zip(wanted, read(partition, list(wanted)), strict=True):
                if row is not None:
                    known[key] = _features.decode(row)
        return known

    @staticmethod
    def _redelivered(item: Decoded[ProductUpsert], known: dict[bytes, ProductFeatures], answer: Answer) -> bool:
        features = known.get(item.key)
        if features is None or features.partition != item.tp.partition or item.record.offset > features.offset:
            return False
        answer.results["redelivered"] += 1
        return True

    def _content(self, product: ProductUpsert) -> bytes:
        """Hash of all that the model reads, and of the model."""
        parts = (product.title, product.brand, product.description, product.category_hint)
        return blake2b("\0".join(part or "" for part in parts).encode(), digest_size=16, key=self._seed[:64]).digest()

    def _infer(
        self,
        fresh: Sequence[Decoded[ProductUpsert]],
        contents: Sequence[bytes],
        answers: Mapping[bytes, ProductFeatures],
    ) -> dict[bytes, ProductFeatures]:
        """One model call for all contents of the window that no known product has."""
        wanted: dict[bytes, ProductUpsert] = {}
        for item, content in zip(fresh, contents, strict=True):
            if item.event is not None and content not in answers:
                wanted.setdefault(content, item.event)
        if not wanted:
            return {}
        products = list(wanted.values())
        columns = ProductColumns(
            titles=[product.title for product in products],
            brands=[product.brand for product in products],
            descriptions=[product.description for product in products],
            hints=[product.category_hint for product in products],
        )
        self.inferred += len(products)
        batch = self._model.run(columns)
        return {
            content: _make_features(content, *self._read_batch(batch, i, product.title))
            for i, (content, product) in enumerate(wanted.items())
        }

    def _read_batch(self, batch: ProductBatch, i: int, title: str) -> tuple[list[Category], list[Attribute]]:
        categories = [
            Category(list(self._model.categories[label]), round(confidence, 6))
            for label, confidence in _pairs(batch.category_ids[i], batch.category_confidence[i])
            if label >= 0
        ]
        folded = title.lower()
        attributes = []
        for label, confidence in _pairs(batch.attribute_ids[i], batch.attribute_confidence[i]):
            if label >= 0:
                name, value = self._model.attributes[label]
                attributes.append(Attribute(name, value, round(confidence, 6), _evidence(folded, title, value)))
        return categories, attributes

    def _emit(
        self, item: Decoded[ProductUpsert], features: ProductFeatures | None, inferred: bool, answer: Answer
    ) -> None:
        tp, record, product = item.tp, item.record, item.event
        part = answer.partitions[tp]
        categories, attributes = part.outputs[PRODUCT_CATEGORIES.name], part.outputs[PRODUCT_ATTRIBUTES.name]
        if product is None or features is None:
            categories.add(item.key, None)
            attributes.add(item.key, None)
            part.rows[item.key] = None
            answer.results["deleted"] += 1
            return
        common: dict[str, Any] = {
            "prediction_id": prediction_id(tp.topic, tp.partition, record.offset),
            "product_id": product.product_id,
            "as_of": product.updated_at,
            "source": Source(tp.topic, tp.partition, record.offset),
            "model": self._ref,
        }
        raw_categories: Any = msgspec.Raw(features.categories)  # encoded once, however often it is sent
        raw_attributes: Any = msgspec.Raw(features.attributes)
        categories.add(item.key, encode(ProductCategories(categories=raw_categories, **common)))
        attributes.add(item.key, encode(ProductAttributes(attributes=raw_attributes, **common)))
        answered = msgspec.structs.replace(features, offset=record.offset, partition=tp.partition)
        part.rows[item.key] = encode(answered)
        answer.results["predicted" if inferred else "unchanged"] += 1


def _make_features(content: bytes, categories: list[Category], attributes: list[Attribute]) -> ProductFeatures:
    return ProductFeatures(
        format=ROW_FORMAT,
        content=content,
        offset=-1,
        category=categories[0].path[-1] if categories else "",
        attribute_keys=[attribute_key(attribute.name, attribute.value) for attribute in attributes],
        categories=encode(categories),
        attributes=encode(attributes),
    )


def _pairs(labels: np.ndarray, confidences: np.ndarray) -> Iterator[tuple[int, float]]:
    return zip(labels.tolist(), confidences.tolist(), strict=True)


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
