"""Why the title model answered as it did: integrated gradients by captum, brought back to words and letters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.columns import ProductColumns
from models.encoder.member import EncoderMember
from models.errors import ModelError
from models.explain.chance import chances
from models.explain.explanation import BRAND, DESCRIPTION, TITLE, Explanation, Product, Reason, Word
from models.explain.gradients import integrated_gradients
from models.explain.places import Places, places
from models.explain.readers import BagReader, Reader, TokenReader
from models.text.committee import Member
from models.text.ngrams import ngrams
from models.text.predictor import ProductPredictor, reads_brand

STEPS = 64  # points of the integral: the error stays well below a point of confidence


@dataclass(frozen=True, slots=True)
class Question:
    """One output of the model: a label of a head."""

    domain: int  # its place in the layout
    key: str  # of the head
    label: int
    name: str
    value: tuple[str, ...]


class TitleExplainer:
    """Explains the answers of one predictor, a product at a time; needs captum (the extra `train`).

    `refined` explains what the encoder tower and the n-grams answer together. Errors: BatchError without a tower.
    """

    def __init__(self, predictor: ProductPredictor, steps: int = STEPS, *, refined: bool = False) -> None:
        self._predictor = predictor
        self._steps = steps
        self._refined = refined
        self._committee = predictor.chosen(refined=refined)
        self._categories, self._attributes = questions(predictor)

    def explain(self, product: Product) -> Explanation:
        """The likeliest category and the attributes, the surest first, each with the words that carried it."""
        columns = ProductColumns([product.title], [product.brand], [product.description], [product.hint])
        (text,), answer = self._predictor.read(columns, refined=self._refined)
        asked = [self._categories[answer.category_ids[0, 0]]]
        asked += [self._attributes[label] for label in answer.attribute_ids[0] if label >= 0]
        towers = [self._predictor.info, *([self._predictor.tower] if self._refined and self._predictor.tower else [])]
        return Explanation(
            product=product,
            model=", ".join(f"{tower.name} {tower.version}" for tower in towers),
            reasons=self.reasons(text, fields(product, text), asked),
            unread=_unread(product, text),
        )

    def reasons(self, text: str, spans: list[tuple[str, int, int]], asked: list[Question]) -> tuple[Reason, ...]:
        """Reasons for these outputs on a text whose fields lie at `spans` (field, begin, end)."""
        features, where = ngrams([text]), places([text])
        readers: list[Reader] = []
        for member in self._committee.members:
            if isinstance(member, Member):
                readers.append(BagReader(member, features, where))
            elif isinstance(member, EncoderMember):
                readers.append(TokenReader(member, text))
            else:
                raise ModelError(
                    f"there is no reader of {type(member).__name__}: models.explain.readers holds the others"
                )
        return tuple(self._reason(text, spans, question, readers, where) for question in asked)

    def _reason(
        self, text: str, spans: list[tuple[str, int, int]], question: Question, readers: list[Reader], where: Places
    ) -> Reason:
        known = [reader for reader in readers if reader.pieces]

        def confidence(*shares: Tensor) -> Tensor:
            count = len(shares[0]) if shares else 1
            given = iter(shares)
            pooled = [
                reader.pool(next(given) if reader.pieces else torch.zeros(count, 0, device=self._committee.device))
                for reader in readers
            ]
            label = torch.full((count,), question.label, device=self._committee.device)
            return chances(self._committee, question.domain, {question.key: label}, pooled)[question.key]

        ones = tuple(torch.ones(1, reader.pieces, device=self._committee.device) for reader in known)
        none = tuple(torch.zeros_like(share) for share in ones)
        with torch.no_grad():
            full, empty = float(confidence(*ones)), float(confidence(*none))
        letters = np.zeros(len(text))
        if known:  # otherwise nothing of the text was read, and the answer is that of an empty one
            gradients = integrated_gradients()(confidence)
            found = gradients.attribute(
                ones, none, n_steps=self._steps, method="gausslegendre", internal_batch_size=self._steps
            )
            for reader, weights in zip(known, found, strict=True):
                letters += reader.letters(weights[0].double().cpu().numpy(), len(text))
        words = tuple(_words(text, spans, where, letters))
        rest = full - empty - sum(word.weight for word in words)
        return Reason(question.name, question.value, full, empty, words, rest)


def questions(predictor: ProductPredictor) -> tuple[list[Question], list[Question]]:
    """The output behind every category id and every attribute id of a predictor."""
    categories, attributes = list[Question](), list[Question]()
    for place, domain in enumerate(predictor.layout.domains):
        for label, path in enumerate(domain.paths):
            categories.append(Question(place, domain.category.key, label, "category", path))
        for head in domain.attributes:
            attributes += [Question(place, head.key, i, head.name, (value,)) for i, value in enumerate(head.labels)]
    return categories, attributes


def fields(product: Product, text: str) -> list[tuple[str, int, int]]:
    """Where the fields of a product lie in the text that was read for it: (field, begin, end)."""
    spans = []
    begin = 0
    if reads_brand(product.title, product.brand):
        begin = len(str(product.brand)) + 1
        spans.append((BRAND, 0, begin - 1))
    end = begin + len(product.title)
    spans.append((TITLE, begin, end))
    if len(text) > end:
        spans.append((DESCRIPTION, end + 1, len(text)))
    return spans


def _unread(product: Product, text: str) -> tuple[str, ...]:
    found = [field for field, _, _ in fields(product, text)]
    given = {BRAND: product.brand, DESCRIPTION: product.description, "price": product.price}
    named = [BRAND] if product.brand and not reads_brand(product.title, product.brand) else []
    return tuple(field for field, value in given.items() if value not in (None, "") and field not in [*found, *named])


def _words(text: str, spans: list[tuple[str, int, int]], where: Places, letters: NDArray[np.float64]) -> Iterator[Word]:
    """The words of each field in their order, and between them whatever else has a weight: signs that are tokens."""
    for field, first, last in spans:
        edges = [(int(b), int(e)) for b, e in where.words if first <= b < last]
        begin = first
        for word in [*edges, (last, last)]:
            for piece in ((begin, word[0]), word):
                weight = float(letters[slice(*piece)].sum())
                if weight or piece in edges:
                    each = tuple(letters[slice(*piece)].tolist())
                    yield Word(field, piece[0] - first, piece[1] - first, text[slice(*piece)], weight, each)
            begin = word[1]
