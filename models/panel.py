"""The slower tier that asks every product model of the package.

    titles     the n-grams and their encoder tower: category and attributes
    goods      where there is a picture, or the titles leave a doubt: text, picture and price together
    taxonomy   where the doubt stays, or the title is of another script: any of Shopify's categories, in English
    spans      attribute values that stand in the title
    price      the range of plausible prices, for currencies of which prices were learnt

Of several answers the surest counts. The closed set's attributes hang on its own category: where another model names
the category, only what stands in the title is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from models.columns import Extracted, ModelInfo, ProductBatch, ProductColumns
from models.errors import ArtifactError
from models.fusion.artifact import KIND as GOODS
from models.fusion.columns import GoodsColumns
from models.fusion.predictor import GoodsPredictor, load_goods
from models.price.predictor import KIND as PRICE
from models.price.predictor import PricePredictor, load_prices
from models.registry import shipped
from models.spans.predictor import KIND as SPANS
from models.spans.predictor import Span, SpanPredictor, load_spans
from models.taxonomy.mapping import STEP, category_of
from models.taxonomy.predictor import KIND as TAXONOMY
from models.taxonomy.predictor import TaxonomyPredictor, load_taxonomy
from models.taxonomy.tree import NONE
from models.text.predictor import ALTERNATIVES, TOWER, ProductPredictor, load_products

NAME = "shelfstream-panel"
KINDS = (TOWER, GOODS, TAXONOMY, SPANS, PRICE)
DOUBT = 0.6  # below this confidence of the category the next model is asked too
SAID = 0.8  # from this confidence a value in the title is given: where every attribute is tried, less is mostly wrong
MOST_SAID = 80  # letters of such a value
LEVEL = " > "  # between the levels of the goods' categories
LATIN_END = "\u0250"  # letters from here on are none that the closed set's titles have
MARKETS = {"INR": "marketplace", "GBP": "gifts"}  # whose prices were learnt, by currency
PROBE = [
    "Men's navy blue cotton shirt",
    "电热水壶 1.7升",
    "zzyzx 17",
    "Whole milk, 1 gallon",
] * 4  # most are asked of all


class ProductPanel:
    """See the module. A `Refiner` for models.tiers; its answers do not depend on their neighbours."""

    def __init__(
        self,
        titles: ProductPredictor,
        goods: GoodsPredictor,
        taxonomy: TaxonomyPredictor,
        spans: SpanPredictor,
        prices: PricePredictor,
    ) -> None:
        self._titles, self._goods, self._taxonomy, self._spans, self._prices = titles, goods, taxonomy, spans, prices
        tree = taxonomy.tree
        domains = [domain for domain in titles.layout.domains for _ in domain.paths]
        goods_paths = [tuple(label.split(LEVEL)) for label in goods.categories]
        self.categories: list[tuple[str, ...]] = [
            *titles.categories,
            *goods_paths,
            *(tree.path(id_) for id_ in tree.ids),
        ]
        self._ids: list[str | None] = [
            *(_named(domain.name, path[-1]) for domain, path in zip(domains, titles.categories, strict=True)),
            *(_named("marketplace", STEP.join(path)) for path in goods_paths),
            *tree.ids,
        ]
        self.attributes = titles.attributes
        self.reads = titles.reads | {"image", "price"}
        parts = (titles.tower or titles.info, goods.info, spans.info, prices.info)
        versions = [*(part.version for part in parts), titles.info.version, taxonomy.manifest.version]
        self.info = ModelInfo(NAME, "1-" + blake2b("\0".join(versions).encode(), digest_size=4).hexdigest())
        self._first_goods = len(titles.categories)
        self._first_taxonomy = self._first_goods + len(goods.categories)
        self.refine(ProductColumns(PROBE))  # the first call is slower than all others
        began = perf_counter()
        self.refine(ProductColumns(PROBE))
        self.titles_per_second = len(PROBE) / (perf_counter() - began)

    def refine(self, products: ProductColumns) -> ProductBatch:
        """Answer n >= 1 products. Errors: BatchError when a column has another length than the titles."""
        own = self._titles.refine if self._titles.tower else self._titles.run
        batch = own(products)
        foreign = np.array([_is_foreign(title) for title in products.titles])
        pictures = products.images or [None] * len(products.titles)
        for row in np.flatnonzero(foreign):
            _replace(batch, int(row), np.zeros(0, np.int32), np.zeros(0, np.float32))
        doubtful = batch.category_confidence[:, 0] < DOUBT
        seen = np.array([picture is not None for picture in pictures])
        self._ask_goods(batch, products, np.flatnonzero(seen | (doubtful & ~foreign)))
        self._ask_taxonomy(batch, products.titles, np.flatnonzero(batch.category_confidence[:, 0] < DOUBT))
        ranges, outside = self._price_ranges(products)
        return ProductBatch(
            batch.category_ids,
            batch.category_confidence,
            batch.attribute_ids,
            batch.attribute_confidence,
            taxonomy_ids=[[self._ids[i] if i >= 0 else None for i in row] for row in batch.category_ids.tolist()],
            extracted=self._said(products.titles),
            prices=ranges,
            far_outside=outside,
        )

    def _ask_goods(self, batch: ProductBatch, products: ProductColumns, rows: NDArray[np.int64]) -> None:
        if not len(rows):
            return

        def some(column: list[object] | None) -> list[object] | None:
            return None if column is None else [column[i] for i in rows]

        rupees = [
            float(price) if price is not None and currency == "INR" else np.nan
            for price, currency in zip(
                products.prices or [None] * len(products.titles),
                products.currencies or [None] * len(products.titles),
                strict=True,
            )
        ]
        found = self._goods.run(
            GoodsColumns(
                names=[products.titles[i] for i in rows],
                descriptions=some(products.descriptions),  # type: ignore[arg-type]
                brands=some(products.brands),  # type: ignore[arg-type]
                prices=np.array(rupees, dtype=np.float32)[rows],
                pictures=some(products.images),  # type: ignore[arg-type]
            )
        )
        for place, row in enumerate(rows):
            if found.category_confidence[place, 0] > batch.category_confidence[row, 0]:
                ids = found.category_ids[place] + self._first_goods
                _replace(batch, int(row), ids, found.category_confidence[place])

    def _ask_taxonomy(self, batch: ProductBatch, titles: list[str], rows: NDArray[np.int64]) -> None:
        if not len(rows):
            return
        found = self._taxonomy.run([titles[i] for i in rows])
        places = self._taxonomy.tree.places
        for at, row in enumerate(rows):
            if found.confidence[at] > batch.category_confidence[row, 0]:
                ids = np.array([places[str(id_)] for id_ in found.ids[at]], dtype=np.int32) + self._first_taxonomy
                first, scores = found.confidence[at], found.scores[at]
                # The first has a calibrated confidence; the others share what it leaves, as they share the candidates'.
                confidence = np.minimum(scores * ((1 - first) / max(1 - scores[0], 1e-9)), first)
                confidence[0] = first
                _replace(batch, int(row), ids, confidence)

    def _said(self, titles: list[str]) -> list[list[Extracted]]:
        return [_apart(spans) for spans in self._spans.run(titles)]

    def _price_ranges(self, products: ProductColumns) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        count = len(products.titles)
        ranges = np.full((count, 3), np.nan, dtype=np.float32)
        outside = np.zeros(count, dtype=np.bool_)
        descriptions = products.descriptions or [None] * count
        for currency, market in MARKETS.items():
            rows = [i for i, given in enumerate(products.currencies or ()) if given == currency]
            if not rows:
                continue
            found = self._prices.run([f"{products.titles[i]} {descriptions[i] or ''}" for i in rows], market)
            ranges[rows] = np.stack([found.low, found.median, found.high], axis=1)
            own = [products.prices[i] if products.prices else None for i in rows]
            far = found.far_outside([np.nan if price is None else price for price in own])
            outside[rows] = far & np.array([price is not None for price in own])
        return ranges, outside


def load_panel(
    products: Path | None = None, device: str = "cpu", folder: Path | None = None
) -> tuple[ProductPredictor, ProductPanel]:
    """The fast tier (None = the shipped one, with its tower) and the panel of it and all other models.

    Models that `folder` has, each in a folder called as its kind, take the place of the shipped ones.
    Errors: ArtifactError.
    """
    own = {kind: folder / kind for kind in KINDS if folder is not None and (folder / kind).is_dir()}
    if folder is not None and not own:
        raise ArtifactError(f"{folder} holds neither a model nor one of the folders {', '.join(KINDS)}")
    tower = own.get(TOWER, shipped(TOWER) if products is None else None)
    fast = load_products(products, device, tower=tower)
    goods, taxonomy = load_goods(own.get(GOODS), device), load_taxonomy(own.get(TAXONOMY), device)
    return fast, ProductPanel(fast, goods, taxonomy, load_spans(own.get(SPANS)), load_prices(own.get(PRICE)))


def _apart(spans: Sequence[Span]) -> list[Extracted]:
    """The surest attribute of each part of the title; a value of a whole paragraph is none."""
    kept: list[Extracted] = []
    for span in spans:  # surest first
        sayable = span.confidence >= SAID and span.end - span.start <= MOST_SAID
        if sayable and all(span.end <= one.start or one.end <= span.start for one in kept):
            kept.append(Extracted(span.attribute, span.start, span.end, span.confidence))
    return kept


def _named(catalogue: str, label: str) -> str | None:
    found = category_of(catalogue, label)
    return None if found == NONE else found


def _is_foreign(title: str) -> bool:
    letters = [letter for letter in title if letter.isalpha()]
    return 2 * sum(letter >= LATIN_END for letter in letters) > len(letters)


def _replace(batch: ProductBatch, row: int, ids: NDArray[np.int32], confidence: NDArray[np.float32]) -> None:
    """Another model's categories in place of the closed set's, whose attributes go with them."""
    count = min(ALTERNATIVES, len(ids))
    batch.category_ids[row], batch.category_confidence[row] = -1, 0
    batch.category_ids[row, :count], batch.category_confidence[row, :count] = ids[:count], confidence[:count]
    batch.attribute_ids[row], batch.attribute_confidence[row] = -1, 0
