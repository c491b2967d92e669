"""Predict products of a file: one answer per line, in order."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from models.predict import ProductPredictor
from schemas.predictions import ProductAttributes, ProductCategories
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES, PRODUCT_UPSERT
from streams.clock import Clock
from streams.logic.products import ProductLogic
from streams.offline.lines import answers, records, refusals, stringify
from streams.offline.table import MemoryRows

_categories = msgspec.msgpack.Decoder(ProductCategories).decode
_attributes = msgspec.msgpack.Decoder(ProductAttributes).decode


def predict_products(
    model: ProductPredictor, lines: Iterable[bytes], clock: Clock, *, max_events: int = 4096,
    features: MemoryRows | None = None, logic: ProductLogic | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """One dictionary per line: product_id, categories, attributes, model; or product_id, error, reason.

    `product_id` may be missing (the line's number from 0 stands in) and so may `updated_at` (now). `features`, if
    given, is filled with what the behaviour side reads. `logic`, if given, answers in place of `model` alone.
    """

    def complete(fields: dict[str, Any], number: int) -> None:
        fields.setdefault("product_id", str(number))
        fields.setdefault("updated_at", clock())
        stringify(fields, "product_id")

    logic = logic or ProductLogic(model, clock)
    rows = features if features is not None else MemoryRows()
    source = records(lines, PRODUCT_UPSERT.name, "product_id", complete)
    for part, answer in answers(logic, source, rows, max_events, clock, logic.later):
        refused = refusals(answer)
        outputs = next(iter(answer.partitions.values())).outputs if answer.partitions else {}
        found = {}
        if outputs:
            pairs = zip(outputs[PRODUCT_CATEGORIES.name].values, outputs[PRODUCT_ATTRIBUTES.name].values, strict=True)
            for categories, attributes in pairs:
                if categories and attributes:
                    said = _categories(categories)
                    found[said.source.offset] = _line(said, _attributes(attributes))
        for record in part:
            id_ = (record.key or b"").decode()
            yield found.get(record.offset) or {"product_id": id_, **refused.get(record.offset, {})}


def _line(categories: ProductCategories, attributes: ProductAttributes) -> dict[str, Any]:
    line = {
        "product_id": categories.product_id,
        "categories": categories.categories,
        "attributes": attributes.attributes,
        "model": categories.model,
    }
    if categories.revision:
        line |= {"revision": categories.revision, "tier": categories.tier}
        line |= {
            name: value
            for name, value in (("inputs", categories.inputs), ("price", attributes.price))
            if value is not msgspec.UNSET
        }
    if categories.explanation is not msgspec.UNSET:
        line["explanation"] = categories.explanation
    told: dict[str, Any] = msgspec.to_builtins(line)
    return told
