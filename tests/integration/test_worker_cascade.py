"""The cascade in real workers: what the fast model leaves to the slower one is answered by it, kills or not."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from schemas.codec import encode
from schemas.events import ProductUpsert
from schemas.predictions import ProductAttributes, ProductCategories
from schemas.state import WAITING_KEY
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES, PRODUCT_FEATURES, PRODUCT_UPSERT
from tests.integration.conftest import StartWorker
from tests.integration.worker_process import Place, Record, Worker, wait_until
from tests.unit.streams.making import NOW_MS
from tests.unit.streams.making_tiers import save_second

pytestmark = pytest.mark.integration

PRODUCTS = 2_000


@pytest.fixture(scope="module")
def second_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second model."""
    return save_second(tmp_path_factory.mktemp("models") / "second")


def upsert(number: int, words: str) -> Record:
    """An event of a product, in the partition of its number."""
    key = f"product-{number}"
    value = encode(ProductUpsert(product_id=key, title=f"{words} {number}", updated_at=NOW_MS))
    return Record(number % 2, key.encode(), value)


def read(place: Place) -> list[tuple[Record, ProductCategories | None]]:
    """What stands in product-categories."""
    decode = msgspec.msgpack.Decoder(ProductCategories).decode
    return [(one, decode(one.value) if one.value else None) for one in place.read(PRODUCT_CATEGORIES.name)]


def newest(place: Place) -> dict[bytes, tuple[int, int] | None]:
    """Offset and revision of the last answer of each product, None for a deleted one."""
    return {one.key or b"": (found.source.offset, found.revision) if found else None for one, found in read(place)}


def waiting(place: Place) -> set[bytes]:
    """The products that wait, as the changelog has it."""
    rows: dict[bytes, bytes | None] = {}
    for one in place.read(PRODUCT_FEATURES.name):
        if one.key and one.key.startswith(WAITING_KEY):
            rows[one.key] = one.value
    return {key for key, row in rows.items() if row}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_products_that_waited_when_a_worker_was_killed_get_their_second_answer(
    place: Place, start_worker: StartWorker, second_artifact: Path, delivery: str
) -> None:
    def start(**settings: str) -> Worker:
        return start_worker(
            agents='["products"]',
            delivery=delivery,
            products_encoder=str(second_artifact),
            products_sure_above="1",  # the fast model never is
            kafka_instance_id="cascade",
            **settings,
        )

    place.send(PRODUCT_UPSERT.name, [upsert(number, "Blue cotton shirt") for number in range(PRODUCTS)])
    worker = start(products_encoder_budget_ms="0.01").wait_ready(150)  # one product in a window
    wait_until(lambda: place.count(PRODUCT_CATEGORIES.name) >= PRODUCTS, "answers", why=place.logs)
    wait_until(lambda: bool(waiting(place)), "products that wait: their rows are written after the answers")
    worker.kill()
    assert waiting(place), "the worker was killed too late to leave anything"

    changed, deleted = range(PRODUCTS - 40, PRODUCTS - 20), range(PRODUCTS - 20, PRODUCTS)
    place.send(PRODUCT_UPSERT.name, [upsert(number, "Red silk saree") for number in changed])
    place.send(PRODUCT_UPSERT.name, [Record(number % 2, b"product-%d" % number, None) for number in deleted])
    worker = start().wait_ready(150)

    def done() -> bool:
        found = newest(place)
        return len(found) == PRODUCTS and all(one is None or one[1] == 1 for one in found.values())

    wait_until(done, "the second answers", timeout_s=120, why=place.logs)
    wait_until(lambda: not waiting(place), "nobody to wait", why=place.logs)
    wait_until(lambda: place.committed(PRODUCT_UPSERT.name) == place.ends(PRODUCT_UPSERT.name), "all committed")

    found = newest(place)
    assert all(found[b"product-%d" % number] is None for number in deleted)
    first = PRODUCTS // 2  # events of each partition before the second batch
    for number in changed:
        place_of = found[b"product-%d" % number]
        assert place_of is not None
        assert place_of[0] >= first
    said = read(place)
    for answers in _by_key(said).values():
        assert answers == sorted(answers) or delivery == "at-least-once"
    counts = Counter(found.prediction_id for _, found in said if found)
    if delivery == "exactly-once":
        assert max(counts.values()) == 1
    contents: dict[str, set[bytes]] = {}
    for _, one in said:
        if one is not None:
            told = msgspec.msgpack.encode([one.model, one.revision, one.tier, [each.path for each in one.categories]])
            contents.setdefault(one.prediction_id, set()).add(told)
    assert all(len(told) == 1 for told in contents.values()), "one id, one content"
    described = [
        msgspec.msgpack.decode(one.value, type=ProductAttributes)
        for one in place.read(PRODUCT_ATTRIBUTES.name)
        if one.value
    ]
    assert {one.prediction_id for one in described} == set(counts)
    assert 'shelfstream_refinements_total{agent="products",result="later"}' in worker.get("/metrics")[1]
    assert worker.alive()


def _by_key(said: list[tuple[Record, ProductCategories | None]]) -> dict[bytes, list[tuple[int, int]]]:
    found: dict[bytes, list[tuple[int, int]]] = {}
    for record, one in said:
        if one is not None:
            found.setdefault(record.key or b"", []).append((one.source.offset, one.revision))
    return found
