"""The five products of the demo, and what the checker makes of answers that come in two revisions."""

import io
from typing import Any

from PIL import Image

from schemas.codec import Codec
from schemas.events import ProductUpsert
from schemas.predictions import Attribute, Category, ModelRef, ProductAttributes, ProductCategories, Source
from streams.demo.showcase import PREFIX, TITLES, Showcase, showcase

COMMON: dict[str, Any] = {
    "as_of": 1,
    "source": Source("product-upsert", 0, 1),
    "model": ModelRef("m", "1"),
}


def categories(name: str, path: list[str], **more: Any) -> ProductCategories:
    return ProductCategories(
        prediction_id="p", product_id=PREFIX + name, categories=[Category(path, 0.9, "aa-1")], **COMMON, **more
    )


def test_the_five_are_events_and_one_has_a_picture() -> None:
    events = [Codec(ProductUpsert).decode(product.event(1)) for product in showcase()]
    assert [event.title for event in events] == list(TITLES.values())
    (picture,) = [event.image for event in events if event.image]
    assert Image.open(io.BytesIO(picture)).size == (224, 224)


def test_the_newest_revision_is_shown() -> None:
    shown = Showcase()
    shown.categories(categories("picture", ["Mugs"], revision=1, tier="encoder", inputs={"image": "read"}))
    shown.categories(categories("picture", ["Cameras"], revision=0))
    one = shown.shown["picture"]
    assert (one.category, one.tier, one.inputs, one.taxonomy_id) == (["Mugs"], "encoder", {"image": "read"}, "aa-1")


def test_attributes_stand_beside_and_other_products_are_left_alone() -> None:
    shown = Showcase()
    said = [Attribute("Brand", "Puma", 0.9, (0, 4))]
    shown.attributes(ProductAttributes(prediction_id="p", product_id=PREFIX + "fashion", attributes=said, **COMMON))
    shown.attributes(ProductAttributes(prediction_id="p", product_id="1234", attributes=said, **COMMON))
    shown.categories(categories("nothing of ours", ["x"]))
    assert shown.shown["fashion"].attributes == {"Brand": "Puma"}
    assert all(not one.attributes for name, one in shown.shown.items() if name != "fashion")
