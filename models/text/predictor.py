"""The door for products: columns in, calibrated categories and attributes out.

    domain       P(d)            which kind of catalogue the text is from
    category     P(d) P(c | d)   over the categories of all domains, times the likelihood of the catalogue's hint
    attributes   P(d) P(a | d)   of the most likely domain only

With a tower the model is a cascade (Viola and Jones, CVPR 2001): `run` answers from the n-grams alone, and `refine`
answers again, the encoder's vote counted in, what `unsure` names.

The text is the title, preceded by the brand where the title does not name it. A description is text of another kind
than the model learnt from, so it is read only where the title leaves the category in doubt, and counts only where it
makes the answer surer. A hint is weighed as models.text.hints says. An answer does not depend on its neighbours.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.columns import ModelInfo, ProductBatch, ProductColumns
from models.encoder.member import encoder_member
from models.errors import ArtifactError, BatchError
from models.registry import Artifact, load, shipped
from models.taxonomy.mapping import category_of
from models.text.committee import DOMAIN, Committee, Voter
from models.text.compact import member
from models.text.confidence import curves_of
from models.text.hints import Hints
from models.text.layout import Layout
from models.text.network import Size

KIND = "products"
TOWER = "products-encoder"
ALTERNATIVES = 3
DOUBT = 0.6  # below this confidence the description is read too

Floats = NDArray[np.float32]


class ProductPredictor:
    """Answers for products with one artifact, and with that of a tower where there is one, on one device."""

    reads = frozenset({"title", "brand", "description", "category_hint"})

    def __init__(self, artifact: Artifact, device: str = "cpu", tower: Artifact | None = None) -> None:
        manifest = artifact.manifest
        try:
            layout = Layout.from_table(artifact.tables["layout"])
            temperatures = {key: float(value) for key, value in manifest.inputs["temperatures"].items()}
            curves = curves_of(manifest.inputs)
            self.members = [
                member(artifact.tensors, place, layout, Size(**given["size"]), given["groups"], given["vote"])
                for place, given in enumerate(manifest.inputs["members"])
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{artifact.path} lacks what a product model needs: {error!r}; retrain it") from error
        self.info = ModelInfo(manifest.name, manifest.version)
        self.layout = layout
        self.categories = layout.categories()
        self.attributes = layout.attributes()
        self._taxonomy_ids = [category_of(domain.name, path[-1]) for domain in layout.domains for path in domain.paths]
        self.committee = Committee(layout, self.members, temperatures, device, curves=curves)
        self._whole = None if tower is None else self._with(tower, device)
        self.tower = None if tower is None else ModelInfo(tower.manifest.name, tower.manifest.version)
        self.threshold = 0.0 if tower is None else float(tower.manifest.inputs.get("threshold", 1.0))
        self._hints = Hints(layout)
        sizes = [len(domain.paths) for domain in layout.domains]
        self._category_base = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
        self._width = max(len(domain.attributes) for domain in layout.domains)

    def run(self, products: ProductColumns) -> ProductBatch:
        """Answer n >= 1 products from the n-grams. Shapes: see ProductBatch, with 3 alternatives.

        Errors: BatchError when a column has another length than the titles.
        """
        return self._run(products, self.committee)[1]

    def read(self, products: ProductColumns, *, refined: bool = False) -> tuple[list[str], ProductBatch]:
        """As `run`, or as `refine`, with the text that each answer was taken from. Errors: as theirs."""
        return self._run(products, self.chosen(refined=refined))

    def chosen(self, *, refined: bool) -> Committee:
        """The networks that `run` asks, or those that `refine` does. Errors: BatchError when there is no tower."""
        if not refined:
            return self.committee
        if self._whole is None:
            raise BatchError("this product model has no encoder tower to refine its answers with")
        return self._whole

    def refine(self, products: ProductColumns) -> ProductBatch:
        """The same with the encoder's vote, some hundred titles a second. Errors: BatchError, also without a tower."""
        return self._run(products, self.chosen(refined=True))[1]

    def unsure(self, answer: ProductBatch) -> NDArray[np.int64]:
        """(m,) the rows of an answer of `run` that are worth refining; none without a tower."""
        return np.flatnonzero(sureness(answer) < self.threshold)

    def probabilities(self, texts: list[str], *, refined: bool = False) -> dict[str, Floats]:
        """Calibrated probabilities by key, from the text alone; see Committee.probabilities.

        `refined` counts the encoder's vote in. Errors: BatchError when there is no tower.
        """
        return self.chosen(refined=refined).probabilities(texts)

    def _with(self, tower: Artifact, device: str) -> Committee:
        """The n-grams' members and the tower's, with the temperatures that they have together."""
        try:
            made_for = tower.manifest.inputs["fast_tier"]
            votes = {key: float(value) for key, value in tower.manifest.inputs["votes"].items()}
            temperatures = {key: float(value) for key, value in tower.manifest.inputs["temperatures"].items()}
            curves = curves_of(tower.manifest.inputs)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{tower.path} lacks what an encoder tower needs: {error!r}; retrain it") from error
        if made_for != self.info.version:
            raise ArtifactError(
                f"{tower.path} was calibrated beside version {made_for} of the product model, this is "
                f"{self.info.version}: train the tower again with `shelfstream train products --preset encoder`"
            )
        shares = {key: [*(one.vote * (1 - vote) for one in self.members), vote] for key, vote in votes.items()}
        members: list[Voter] = [*self.members, encoder_member(tower, self.layout, device)]
        return Committee(self.layout, members, temperatures, device, shares, curves)

    def _run(self, products: ProductColumns, committee: Committee) -> tuple[list[str], ProductBatch]:
        texts = list(_texts(products))
        answer = self._answer(texts, products.hints, committee)
        if products.descriptions is not None:
            unsure = np.flatnonzero(answer.category_confidence[:, 0] < DOUBT)
            rows = np.array([i for i in unsure if products.descriptions[i]], dtype=np.int64)
            if len(rows):
                longer = [f"{texts[i]} {products.descriptions[i]}" for i in rows]
                hints = None if products.hints is None else [products.hints[i] for i in rows]
                for place in _take_surer(answer, rows, self._answer(longer, hints, committee)):
                    texts[rows[place]] = longer[place]
        named = [[self._taxonomy_ids[i] if i >= 0 else None for i in row] for row in answer.category_ids.tolist()]
        return texts, replace(answer, taxonomy_ids=named)

    def _answer(self, texts: list[str], hints: list[str | None] | None, committee: Committee) -> ProductBatch:
        found = committee.probabilities(texts)
        domain = found[DOMAIN]
        joint = np.concatenate(
            [domain[:, i : i + 1] * found[part.category.key] for i, part in enumerate(self.layout.domains)], axis=1
        )  # (n, c)
        if hints is not None:
            joint = joint * np.stack([self._hints.likelihood(hint) for hint in hints])
            joint /= np.maximum(joint.sum(axis=1, keepdims=True), 1e-30)
            domain = np.add.reduceat(joint, self._category_base[:-1], axis=1)
        ids, confidence = _best(joint, ALTERNATIVES)
        attribute_ids, attribute_confidence = self._attributes(found, domain)
        return ProductBatch(ids, confidence, attribute_ids, attribute_confidence)

    def _attributes(self, found: dict[str, Floats], domain: Floats) -> tuple[NDArray[np.int32], Floats]:
        ids = np.full((len(domain), self._width), -1, dtype=np.int32)
        confidence = np.zeros((len(domain), self._width), dtype=np.float32)
        chosen = domain.argmax(axis=1)
        base = 0
        for place, part in enumerate(self.layout.domains):
            rows = np.flatnonzero(chosen == place)
            for column, head in enumerate(part.attributes):
                values = found[head.key][rows]  # (m, labels)
                ids[rows, column] = base + values.argmax(axis=1)
                confidence[rows, column] = values.max(axis=1) * domain[rows, place]
                base += len(head.labels)
        order = np.argsort(-confidence, axis=1, kind="stable")
        return np.take_along_axis(ids, order, axis=1), np.take_along_axis(confidence, order, axis=1)


def load_products(path: Path | None = None, device: str = "cpu", tower: Path | None = None) -> ProductPredictor:
    """The predictor of an artifact folder; None = the one shipped in the package. Errors: ArtifactError.

    `tower` is the folder of its encoder tower; None = without one.
    """
    return ProductPredictor(load(path or shipped(KIND), KIND), device, None if tower is None else load(tower, TOWER))


def sureness(answer: ProductBatch) -> Floats:
    """(n,) the share of its heads that an answer expects to be right: the mean of their confidences."""
    answered = (answer.attribute_ids >= 0).sum(axis=1)
    sure: Floats = (answer.category_confidence[:, 0] + answer.attribute_confidence.sum(axis=1)) / (1 + answered)
    return sure


def reads_brand(title: str, brand: str | None) -> bool:
    """Whether the brand is read before the title: only where the title does not name it."""
    return bool(brand) and str(brand).lower() not in title.lower()


def _texts(products: ProductColumns) -> list[str]:
    count = len(products.titles)
    if count == 0:
        raise BatchError("a batch of products has no titles; ask for at least one")
    for name in ("brands", "descriptions", "hints"):
        column = getattr(products, name)
        if column is not None and len(column) != count:
            raise BatchError(f"{name} has {len(column)} entries for {count} titles; give None for a missing value")
    if products.brands is None:
        return products.titles
    return [
        f"{brand} {title}" if reads_brand(title, brand) else title
        for title, brand in zip(products.titles, products.brands, strict=True)
    ]


def _best(values: Floats, count: int) -> tuple[NDArray[np.int32], Floats]:
    """The `count` largest of each row, falling."""
    top = torch.topk(torch.from_numpy(values), count, dim=1)
    return top.indices.numpy().astype(np.int32), top.values.numpy()


def _take_surer(answer: ProductBatch, rows: NDArray[np.int64], other: ProductBatch) -> NDArray[np.int64]:
    """Put what `other` answers surer into these rows of `answer`; gives the places in `rows` that were replaced."""
    better = other.category_confidence[:, 0] > answer.category_confidence[rows, 0]
    for name in ("category_ids", "category_confidence", "attribute_ids", "attribute_confidence"):
        getattr(answer, name)[rows[better]] = getattr(other, name)[better]
    return np.flatnonzero(better)
