"""From features to the two predictions of a product, and its row."""

from typing import Any

import msgspec
from faust.types import TP
from msgspec import UNSET

from schemas.codec import encode
from schemas.events import ProductUpsert
from schemas.predictions import ModelRef, ProductAttributes, ProductCategories, Source, prediction_id, tier_of
from schemas.state import ProductFeatures
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES
from streams.logic.answer import PartitionAnswer
from streams.record import Record


def write_product(
    part: PartitionAnswer, tp: TP, record: Record, product: ProductUpsert, features: ProductFeatures, model: ModelRef
) -> None:
    """Both predictions that answer this record, and the row that says so. What is encoded is sent as it is."""
    key, offset, revision = record.key, record.offset, features.revision
    assert key is not None, "a record without a key is a dead letter"
    common: dict[str, Any] = {
        "prediction_id": prediction_id(tp.topic, tp.partition, offset, revision),
        "product_id": product.product_id,
        "as_of": product.updated_at,
        "source": Source(tp.topic, tp.partition, offset),
        "model": model,
        "revision": revision,
        "tier": tier_of(revision),
        "inputs": _raw(features.inputs),
        "explanation": _raw(features.explanation),
    }
    categories: Any = msgspec.Raw(features.categories)
    attributes: Any = msgspec.Raw(features.attributes)
    part.outputs[PRODUCT_CATEGORIES.name].add(key, encode(ProductCategories(categories=categories, **common)))
    part.outputs[PRODUCT_ATTRIBUTES.name].add(
        key, encode(ProductAttributes(attributes=attributes, price=_raw(features.price), **common))
    )
    part.rows.pop(key, None)  # so that it comes behind the row of a request for it
    part.rows[key] = encode(msgspec.structs.replace(features, offset=offset, partition=tp.partition))


def write_deletion(part: PartitionAnswer, key: bytes) -> None:
    """The product is gone, and so are its predictions and its row."""
    part.outputs[PRODUCT_CATEGORIES.name].add(key, None)
    part.outputs[PRODUCT_ATTRIBUTES.name].add(key, None)
    part.rows[key] = None


def _raw(encoded: bytes) -> Any:
    return msgspec.Raw(encoded) if encoded else UNSET
