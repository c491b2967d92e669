"""The products of the demo: supermarket goods, and a sample of real electronics offers, each with its true category."""

import csv
from dataclasses import dataclass
from importlib import resources

from models.data import electronics, grocery
from models.data.splits import TEST, bucket
from schemas.codec import encode
from schemas.events import ProductUpsert

SAMPLE = "electronics.csv"
SAMPLE_PREFIX = "pricerunner-"  # its product numbers are not those of the supermarket


@dataclass(frozen=True, slots=True)
class Product:
    """One product. `path` is the truth, widest name first; it is compared with the answer and never sent.

    `unseen`: of the test split, on which the model was not fitted; accuracy is taken on these only.
    """

    product_id: str
    title: str
    path: tuple[str, ...]
    domain: str
    unseen: bool
    image: bytes | None = None

    def event(self, updated_at: int) -> bytes:
        """Its product event: id, title and picture, no category."""
        return encode(
            ProductUpsert(product_id=self.product_id, title=self.title, updated_at=updated_at, image=self.image)
        )


class Catalogue:
    """Supermarket products by number. `test_is_unseen`: the product model was not fitted on the test split."""

    def __init__(self, *, test_is_unseen: bool) -> None:
        frame = grocery.products()
        columns = (frame[name].tolist() for name in ("product_id", "title", "department", "category"))
        self._rows = {int(row[0]): row for row in zip(*columns, strict=True)}
        self._test_is_unseen = test_is_unseen

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, number: int) -> Product | None:
        """The product of that number; None where the source has no words to make a title of."""
        row = self._rows.get(number)
        if row is None:
            return None
        product_id, title, department, category = row
        unseen = self._test_is_unseen and bucket(title.lower()) == TEST
        return Product(product_id, title, (department, category), grocery.DOMAIN, unseen)


def electronics_sample(*, test_is_unseen: bool) -> list[Product]:
    """300 real offers (PriceRunner, CC BY 4.0; see ATTRIBUTION.md)."""
    text = resources.files("streams.demo").joinpath(SAMPLE).read_text(encoding="utf-8")
    return [
        Product(
            SAMPLE_PREFIX + row["product_id"],
            row["title"],
            (row["category"],),
            electronics.DOMAIN,
            test_is_unseen and bucket(row["cluster_label"]) == TEST,
        )
        for row in csv.DictReader(text.splitlines())
    ]
