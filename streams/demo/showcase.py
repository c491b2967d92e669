"""Five products that show what the models read: fashion, electronics, grocery, one with a picture, one in Chinese."""

from dataclasses import dataclass, field
from importlib import resources

from schemas.predictions import ProductAttributes, ProductCategories
from streams.demo.catalogue import Product

PREFIX = "showcase-"
PICTURE = "coffee.jpg"  # see ATTRIBUTION.md
TITLES = {
    "fashion": "Puma Women Ferrari Pink Polo T-shirt",
    "electronics": "Bosch Serie 4 washing machine 8 kg 1400 rpm",
    "grocery": "YOGURT NOT MULTI-PACKS 6 OZ",
    "picture": "Clay Craft Ceramic Coffee Mug with Saucer",
    "chinese": "男士纯棉圆领短袖T恤",
}


def showcase() -> list[Product]:
    """The five; nothing is known of their true categories, so nothing is scored."""
    picture = resources.files("streams.demo").joinpath(PICTURE).read_bytes()
    return [
        Product(PREFIX + name, title, ("",), name, unseen=False, image=picture if name == "picture" else None)
        for name, title in TITLES.items()
    ]


@dataclass(slots=True)
class Shown:
    """What was predicted of one product, the newest revision of each topic."""

    title: str
    category: list[str] = field(default_factory=list)
    confidence: float = 0.0
    taxonomy_id: str | None = None
    tier: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    revisions: tuple[int, int] = (-1, -1)  # of the categories, of the attributes


class Showcase:
    """Gathers the answers to the five, by the last part of their product number."""

    def __init__(self) -> None:
        self.shown = {name: Shown(title) for name, title in TITLES.items()}

    def categories(self, answer: ProductCategories) -> None:
        """An answer to any product; those of others are left alone."""
        one = self._of(answer.product_id)
        if one is None or answer.revision < one.revisions[0]:
            return
        one.revisions = (answer.revision, one.revisions[1])
        one.tier = answer.tier
        one.inputs = answer.inputs if isinstance(answer.inputs, dict) else {}
        if answer.categories:
            best = answer.categories[0]
            one.category, one.confidence = list(best.path), best.confidence
            one.taxonomy_id = best.taxonomy_id if isinstance(best.taxonomy_id, str) else None

    def attributes(self, answer: ProductAttributes) -> None:
        """The same for its attributes."""
        one = self._of(answer.product_id)
        if one is None or answer.revision < one.revisions[1]:
            return
        one.revisions = (one.revisions[0], answer.revision)
        one.attributes = {attribute.name: attribute.value for attribute in answer.attributes}

    def _of(self, product_id: str) -> Shown | None:
        return self.shown.get(product_id.removeprefix(PREFIX)) if product_id.startswith(PREFIX) else None
