"""Evidence for whole batches: the words of each title that carried each answer, cheaply enough for a stream.

The same integral as models.explain.titles takes, with few points and without captum: a bag is a sum, so the gradient of
the bag, integrated once per text and answer, gives the part of every n-gram by a dot product with its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.columns import ProductBatch, ProductColumns
from models.explain.chance import Sums, chances, nodes
from models.explain.places import places
from models.explain.titles import Question, questions
from models.text.ngrams import ngrams
from models.text.predictor import ProductPredictor, reads_brand

POINTS = 2  # of the integral: enough to rank words, not to state their weights
BESIDE = 0.5  # a word next to the leading one joins it from this part of its weight on: "Navy Blue", not "Navy"
_CHUNK = 256  # texts per pass


@dataclass(frozen=True, slots=True)
class EvidenceBatch:
    """Spans in the titles of n products, [begin, end) in code points; (-1, -1) where no word of the title spoke for an
    answer."""

    category: NDArray[np.int32]  # (n, 2) for the likeliest category
    attributes: NDArray[np.int32]  # (n, A, 2) for each attribute of ProductBatch.attribute_ids


class TitleEvidence:
    """Finds the evidence for one predictor's answers."""

    def __init__(self, predictor: ProductPredictor, points: int = POINTS) -> None:
        self._predictor = predictor
        self._nodes = nodes(points)
        self._categories, self._attributes = questions(predictor)

    def evidence(self, products: ProductColumns, texts: Sequence[str], answers: ProductBatch) -> EvidenceBatch:
        """Evidence for answers that `predictor.read(products)` gave, with the texts that it gave."""
        begins = [
            len(str(products.brands[i])) + 1 if products.brands and reads_brand(title, products.brands[i]) else 0
            for i, title in enumerate(products.titles)
        ]
        spans = np.array([(b, b + len(title)) for b, title in zip(begins, products.titles, strict=True)])
        asked = [
            [self._categories[category], *(self._attributes[label] if label >= 0 else None for label in labels)]
            for category, labels in zip(answers.category_ids[:, 0], answers.attribute_ids, strict=True)
        ]
        found = np.concatenate(
            [self._chunk(texts[i : i + _CHUNK], spans[i : i + _CHUNK], asked[i : i + _CHUNK]) for i in _starts(texts)]
        )
        return EvidenceBatch(found[:, 0], found[:, 1:])

    def weights(self, texts: Sequence[str], asked: Sequence[Sequence[Question | None]]) -> list[NDArray[np.float32]]:
        """(words, q) for each text: the weight of its words in the answer to each of its q questions."""
        found, where = ngrams(texts), places(texts)
        sums = Sums(self._predictor.members, found)
        parts = np.zeros((len(sums.owners), len(asked[0])), dtype=np.float32)  # (f, q)
        gradients = self._gradients(sums, asked)
        for member, rows, gradient in zip(self._predictor.members, sums.rows, gradients, strict=True):
            known = np.flatnonzero(rows >= 0)
            table = member.network.table.detach()[torch.from_numpy(rows[known])]  # (k, width)
            owners = torch.from_numpy(sums.owners[known])
            for column in range(parts.shape[1]):  # one at a time: all at once would be a gigabyte for a large batch
                parts[known, column] += (table * gradient[owners, column]).sum(dim=1).cpu().numpy()
        words = np.zeros((len(where.words), parts.shape[1]), dtype=np.float32)
        np.add.at(words, where.first, parts / 2)
        np.add.at(words, where.second, parts / 2)
        edges = np.searchsorted(where.owners, np.arange(len(texts) + 1))
        return [words[edges[i] : edges[i + 1]] for i in range(len(texts))]

    def _gradients(self, sums: Sums, asked: Sequence[Sequence[Question | None]]) -> list[Tensor]:
        """(n, q, width) per member: the gradient of each answer's confidence by a row of the table, integrated."""
        width = len(asked[0])
        found = [bag.new_zeros(len(bag), width, bag.shape[1]) for bag in sums.bags]
        for domain, part in enumerate(self._predictor.layout.domains):
            keys = [head.key for head in part.heads]
            columns = np.full((len(asked), len(keys)), -1)  # which question of a text asks this head
            labels = np.zeros((len(asked), len(keys)), dtype=np.int64)
            for row, questions_ in enumerate(asked):
                for column, question in enumerate(questions_):
                    if question is not None and question.domain == domain:
                        place = keys.index(question.key)
                        columns[row, place], labels[row, place] = column, question.label
            rows = np.flatnonzero((columns >= 0).any(axis=1))
            if len(rows):
                device = sums.bags[0].device
                own = {key: torch.from_numpy(labels[rows, place]).to(device) for place, key in enumerate(keys)}
                bags = [bag[torch.from_numpy(rows)] for bag in sums.bags]
                for place, gradients in enumerate(self._integrate(domain, own, bags)):
                    inside = columns[rows, place] >= 0
                    target = torch.from_numpy(rows[inside]), torch.from_numpy(columns[rows, place][inside])
                    for total, scale, gradient in zip(found, sums.scales, gradients, strict=True):
                        total[target] = gradient[torch.from_numpy(inside)] * scale[target[0]].unsqueeze(1)
        return found

    def _integrate(self, domain: int, labels: dict[str, Tensor], bags: list[Tensor]) -> list[list[Tensor]]:
        """By head, in the order of `labels`: (m, width) per member, the mean gradient on the way from empty bags."""
        total = [[torch.zeros_like(bag) for bag in bags] for _ in labels]
        for share, weight in self._nodes:
            here = [(bag * share).requires_grad_() for bag in bags]
            pooled = [member.network.norm(each) for member, each in zip(self._predictor.members, here, strict=True)]
            answers = chances(self._predictor.committee, domain, labels, pooled)
            for sums, answer in zip(total, answers.values(), strict=True):
                gradients = torch.autograd.grad(answer.sum(), here, retain_graph=True)
                for each, gradient in zip(sums, gradients, strict=True):
                    each.add_(gradient, alpha=weight)
        return total

    def _chunk(
        self, texts: Sequence[str], spans: NDArray[np.int64], asked: Sequence[Sequence[Question | None]]
    ) -> NDArray[np.int32]:
        where = places(texts)
        edges = np.searchsorted(where.owners, np.arange(len(texts) + 1))
        found = np.full((len(texts), len(asked[0]), 2), -1, dtype=np.int32)
        for row, weights in enumerate(self.weights(texts, asked)):
            words = where.words[edges[row] : edges[row + 1]]
            begin, end = spans[row]
            inside = np.flatnonzero((words[:, 0] >= begin) & (words[:, 1] <= end))
            for column, question in enumerate(asked[row]):
                if question is not None and len(inside):
                    found[row, column] = _span(words[inside] - begin, weights[inside, column])
        return found


def _span(words: NDArray[np.int64], weights: NDArray[np.float32]) -> tuple[int, int]:
    """The leading word and the words beside it that weigh nearly as much; (-1, -1) if none has a weight above 0."""
    first = last = int(weights.argmax())
    if weights[first] <= 0:
        return -1, -1
    enough = BESIDE * weights[first]
    while first > 0 and weights[first - 1] >= enough:
        first -= 1
    while last + 1 < len(weights) and weights[last + 1] >= enough:
        last += 1
    return int(words[first, 0]), int(words[last, 1])


def _starts(texts: Sequence[str]) -> range:
    return range(0, len(texts), _CHUNK)
