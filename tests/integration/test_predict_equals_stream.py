"""`shelfstream predict` and the worker give the same answers to the same messages, with the shipped models."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.codec import Codec, encode
from schemas.events import ProductUpsert, UserBehaviour
from schemas.predictions import ProductAttributes, ProductCategories
from tests.integration.conftest import StartWorker
from tests.integration.worker_process import Place, Record
from tests.programs import shelfstream

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def predicted(*arguments: str) -> list[dict[str, Any]]:
    """The lines that `shelfstream predict` writes."""
    done = shelfstream("predict", *arguments, folder=ROOT, environment=os.environ)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def lines(name: str) -> list[bytes]:
    return (EXAMPLES / name).read_bytes().splitlines()


@pytest.mark.timeout(240)
def test_files_and_stream_are_answered_alike(place: Place, start_worker: StartWorker) -> None:
    products, events = Codec(ProductUpsert), Codec(UserBehaviour)
    upserts = [products.decode(line) for line in lines("products.jsonl")]
    happened = [events.decode(line) for line in lines("events.jsonl")]
    place.send("product-upsert", [Record(0, each.product_id.encode(), encode(each)) for each in upserts])
    start_worker(models_behaviour="", models_session="shipped")  # the shipped ones
    categories = place.read("product-categories", at_least=len(upserts))
    attributes = place.read("product-attributes", at_least=len(upserts))
    place.send("user-behaviour", [Record(0, each.user_id.encode(), encode(each)) for each in happened])
    streamed = place.predictions(at_least=len(happened))

    by_file = predicted("products", "--input", str(EXAMPLES / "products.jsonl"))
    for line, category, attribute in zip(by_file, categories, attributes, strict=True):
        said = msgspec.to_builtins(msgspec.msgpack.decode(category.value or b"", type=ProductCategories))
        told = msgspec.to_builtins(msgspec.msgpack.decode(attribute.value or b"", type=ProductAttributes))
        assert _same(line["categories"], said["categories"])
        assert _same(line["attributes"], json.loads(json.dumps(told["attributes"])))

    files = ("--input", str(EXAMPLES / "events.jsonl"), "--products", str(EXAMPLES / "products.jsonl"))
    by_file = predicted("users", *files, "--emit", "every", "--session", "shipped")
    for line, prediction in zip(by_file, streamed, strict=True):
        stream_line = msgspec.to_builtins(prediction)
        for part in ("user_id", "event_id", "as_of", "model"):
            assert line[part] == stream_line[part]
        for part in ("next_categories", "next_products", "preferred_attributes", "next_visit_days"):
            assert _same(line.get(part), stream_line.get(part))
        for part in ("purchase_probability", "session_purchase_probability"):
            assert (part in line) == (part in stream_line)
            assert line.get(part) == pytest.approx(stream_line.get(part), abs=1e-5)
    for part in ("session_purchase_probability", "next_visit_days"):
        assert any(part in line for line in by_file)
    assert any("probability" in liked for line in by_file for liked in line["preferred_attributes"])


def _same(left: Any, right: Any) -> bool:
    """Equal, numbers to 1e-5."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, float):
        return bool(abs(left - right) <= 1e-5)
    return bool(left == right)
