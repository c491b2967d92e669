"""The shipped products model on real titles: titles a second with one worker, categories and attributes for each."""

from collections.abc import Iterator
from typing import Any

from benchmarks import kafka, shop
from benchmarks.setting import Setting
from models.data import grocery
from schemas.codec import encode
from schemas.events import ProductUpsert
from schemas.topics import PRODUCT_ATTRIBUTES, PRODUCT_CATEGORIES, PRODUCT_UPSERT


def run(setting: Setting) -> dict[str, Any]:
    """Preload the supermarket's catalogue, start the worker, watch both prediction topics grow."""
    opened = shop.open_shop(setting, "products")
    products = kafka.preload(
        setting.bootstrap, opened.topic(PRODUCT_UPSERT.name), _catalogue(setting.pick(60_000, 2_000))
    )
    with opened.worker() as serving:
        watched = shop.until_answered(opened, serving, PRODUCT_CATEGORIES.name, products, setting.pick(180, 60))
        shop.until_answered(opened, serving, PRODUCT_ATTRIBUTES.name, products, 30)
        letters = serving.metric("shelfstream_dead_letters_total")
        memory = serving.process.peak_bytes()
    return {
        "titles_per_second": watched.rate,
        "titles": products,
        "seconds": watched.seconds,
        "dead_letters": letters,
        "longest_pause_seconds": watched.longest_pause,
        "peak_memory_bytes": memory,
    }


def _catalogue(count: int) -> Iterator[tuple[bytes, bytes]]:
    frame = grocery.products().head(count)
    for product_id, title in zip(frame["product_id"], frame["title"], strict=True):
        yield (
            product_id.encode(),
            encode(ProductUpsert(product_id=product_id, title=title, updated_at=1_483_228_800_000)),
        )
