"""Measure the explanations: `shelfstream evaluate explanation`. Are the named words those that the answers rest on?

Removal: the words with the largest weights are taken out of the title, and the answer's confidence is looked at again;
beside it, as many words drawn at random. Completeness: how far the weights are from adding up to the confidence gained.
Randomisation (Adebayo et al., arXiv:1810.03292): with the layers' weights shuffled, from the top down, the explanation
must change; the figure is the rank correlation of the words' weights with those of the model itself.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from models.columns import ProductColumns
from models.data import catalogues
from models.data.splits import TEST
from models.data.titles import LabelledTitles
from models.evaluate.metrics import group_draws
from models.explain.evidence import POINTS, TitleEvidence
from models.explain.explanation import TITLE, Product
from models.explain.places import places
from models.explain.titles import STEPS, Question, TitleExplainer
from models.text.committee import DOMAIN
from models.text.layout import Domain
from models.text.predictor import ProductPredictor, load_products

TITLES = 400  # of each set
EXACT_TITLES = 25  # of each set: one at a time, by captum
DRAWS = 4  # random choices of words beside each named one
RANDOM, QUICK = "random words", f"{POINTS} points, as in a stream"
_FINE = 32  # points of the weights that are judged

Rows = NDArray[np.float64]
LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("heads", ("heads.", "domain.")),
    ("heads and hidden layers", ("heads.", "domain.", "hidden.")),
    ("all layers and the n-gram tables", ("heads.", "domain.", "hidden.", "norm.", "table")),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """n distinct test titles of one set and what is asked of them: the model's own answer for one head."""

    domain: Domain
    place: int  # of the domain in the layout
    key: str
    task: str
    titles: list[str]
    labels: NDArray[np.int64]  # (n,)
    confidence: Rows  # (n,)
    groups: NDArray[np.int64]  # (n,)

    def questions(self) -> list[list[Question]]:
        """One question a title."""
        return [[Question(self.place, self.key, int(label), self.task, ())] for label in self.labels]


def evaluate(
    data: Path, artifact: Path | None = None, *, titles: int = TITLES, seed: int = 7, progress: bool = True
) -> dict[str, Any]:
    """Figures on distinct titles of bucket 0, with baselines and 95 % intervals over groups, as JSON-able values.

    Errors: DataError, ArtifactError; ModelError without captum.
    """
    return measure(load_products(artifact), catalogues.load(data), titles=titles, seed=seed, progress=progress)


def measure(
    predictor: ProductPredictor, sets: Sequence[LabelledTitles], *, titles: int, seed: int, progress: bool
) -> dict[str, Any]:
    """As `evaluate`, for a model and catalogues at hand."""
    asked = [each for part in sets for each in _asked(predictor, part.where([TEST]), titles, seed)]
    shuffled = [(name, randomised(predictor, layers, seed)) for name, layers in LAYERS]
    figures: list[dict[str, Any]] = []
    for each in tqdm(asked, desc="explanations", disable=not progress):
        figures += _removal(predictor, each, seed) + _randomisation(predictor, shuffled, each) + _sums(predictor, each)
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "figures": figures,
        "milliseconds_a_title": _cost(predictor, sets, titles),
        "baselines": [RANDOM, QUICK],
    }


def randomised(predictor: ProductPredictor, layers: Sequence[str], seed: int) -> ProductPredictor:
    """A copy whose parameters of these layers (beginnings of names) have their numbers shuffled."""
    other = copy.deepcopy(predictor)
    random = torch.Generator().manual_seed(seed)
    for member in other.members:
        for name, parameter in member.network.named_parameters():
            if name.startswith(tuple(layers)):
                order = torch.randperm(parameter.numel(), generator=random)
                parameter.data = parameter.data.reshape(-1)[order].reshape(parameter.shape)
    return other


def rank_correlation(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float:
    """Spearman's coefficient of two (k,) arrays; 0 where one of them is constant."""
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64) for values in (one, other)]
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _asked(predictor: ProductPredictor, part: LabelledTitles, count: int, seed: int) -> list[Asked]:
    first = {title: row for row, title in reversed(list(enumerate(part.titles)))}
    rows = np.array(sorted(row for title, row in first.items() if len(places([title]).words) > 1))
    rows = np.random.default_rng(seed).permutation(rows)[:count]
    titles = [part.titles[row] for row in rows]
    _, groups = np.unique([part.keys[row] for row in rows], return_inverse=True)
    found = predictor.probabilities(titles)
    place = [domain.name for domain in predictor.layout.domains].index(part.domain)
    domain = predictor.layout.domains[place]
    belongs = found[DOMAIN][:, place]
    made = []
    for head in domain.heads:
        labels = found[head.key].argmax(axis=1).astype(np.int64)
        confidence = (found[head.key].max(axis=1) * belongs).astype(np.float64)
        made.append(Asked(domain, place, head.key, head.name, titles, labels, confidence, groups))
    return made


def _removal(predictor: ProductPredictor, asked: Asked, seed: int) -> list[dict[str, Any]]:
    words = places(asked.titles)
    edges = np.searchsorted(words.owners, np.arange(len(asked.titles) + 1))
    spans = [words.words[edges[i] : edges[i + 1]] for i in range(len(asked.titles))]
    weights = {
        points: [each[:, 0] for each in TitleEvidence(predictor, points).weights(asked.titles, asked.questions())]
        for points in (_FINE, POINTS)
    }
    figures = []
    for count in (1, 2):
        rows = np.array([i for i, each in enumerate(spans) if len(each) > count])
        if not len(rows):
            continue
        random = np.random.default_rng(seed)
        named, quick = (
            _drop(predictor, asked, spans, rows, [np.argsort(-of[i], kind="stable")[:count] for i in rows])
            for of in weights.values()
        )
        drawn = np.stack(
            [
                _drop(predictor, asked, spans, rows, [random.choice(len(spans[i]), count, replace=False) for i in rows])
                for _ in range(DRAWS)
            ]
        )  # (DRAWS, m)
        by_chance = drawn.mean(axis=0)
        groups = asked.groups[rows]
        what = "1 word removed" if count == 1 else f"{count} words removed"
        figures += [
            _figure(asked, f"confidence lost, {what}", named, groups, {RANDOM: by_chance, QUICK: quick}),
            _figure(
                asked,
                f"titles that lose more by the named than by chance, {what}",
                _more(named, by_chance),
                groups,
                {QUICK: _more(quick, by_chance)},
            ),
        ]
    return figures


def _more(named: Rows, by_chance: Rows) -> Rows:
    return (named > by_chance).astype(np.float64)


def _drop(
    predictor: ProductPredictor,
    asked: Asked,
    spans: Sequence[NDArray[np.int64]],
    rows: NDArray[np.int64],
    removed: Sequence[NDArray[np.int64]],
) -> Rows:
    """(m,) what the answers of these rows lose in confidence without these words."""
    shorter = []
    for row, gone in zip(rows, removed, strict=True):
        title = asked.titles[row]
        for begin, end in sorted(spans[row][gone].tolist(), reverse=True):
            title = title[:begin] + title[end:]
        shorter.append(title)
    found = predictor.probabilities(shorter)
    left = found[asked.key][np.arange(len(rows)), asked.labels[rows]] * found[DOMAIN][:, asked.place]
    lost: Rows = asked.confidence[rows] - left
    return lost


def _randomisation(
    predictor: ProductPredictor, shuffled: Sequence[tuple[str, ProductPredictor]], asked: Asked
) -> list[dict[str, Any]]:
    own = TitleEvidence(predictor, _FINE).weights(asked.titles, asked.questions())
    rows = np.array([i for i, each in enumerate(own) if len(each) > 2])
    figures = []
    for name, other in shuffled if len(rows) else ():
        weights = TitleEvidence(other, _FINE).weights(asked.titles, asked.questions())
        alike = np.array([rank_correlation(own[i][:, 0], weights[i][:, 0]) for i in rows])
        figures.append(_figure(asked, f"rank correlation, shuffled: {name}", alike, asked.groups[rows], {}))
    return figures


def _sums(predictor: ProductPredictor, asked: Asked) -> list[dict[str, Any]]:
    explainer = TitleExplainer(predictor, STEPS)
    rows = np.arange(min(EXACT_TITLES, len(asked.titles)))
    rest = np.zeros(len(rows))
    for row in rows:
        title = asked.titles[row]
        (reason,) = explainer.reasons(title, [(TITLE, 0, len(title))], asked.questions()[row])
        rest[row] = abs(reason.rest)
    mean = _figure(asked, "error of the sum of weights, mean", rest, asked.groups[rows], {})
    largest = {"metric": "error of the sum of weights, largest", "value": round(float(rest.max()), 6)}
    return [mean, {**mean, **largest, "low": None, "high": None}]


def _figure(
    asked: Asked, metric: str, values: Rows, groups: NDArray[np.int64], others: dict[str, Rows]
) -> dict[str, Any]:
    _, codes = np.unique(groups, return_inverse=True)
    total, count = np.bincount(codes, values), np.bincount(codes)
    drawn = [float(draw @ total / (draw @ count)) for draw in group_draws(codes)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "set": asked.domain.name,
        "task": asked.task,
        "metric": metric,
        "n": len(values),
        "value": round(float(values.mean()), 6),
        "low": round(float(low), 6),
        "high": round(float(high), 6),
        "baselines": {name: round(float(other.mean()), 4) for name, other in others.items()},
    }


def _cost(predictor: ProductPredictor, sets: Sequence[LabelledTitles], titles: int) -> dict[str, float]:
    """Processor time of answering, of the evidence for all heads in a batch, and of one full explanation."""
    columns = ProductColumns([title for part in sets for title in sorted(set(part.where([TEST]).titles))[:titles]])
    texts, answers = predictor.read(columns)
    evidence, explainer = TitleEvidence(predictor), TitleExplainer(predictor)
    some = columns.titles[:: max(1, len(columns.titles) // 10)]

    def spent(work: Callable[[], object], count: int) -> float:
        work()
        begun = time.process_time()
        work()
        return round((time.process_time() - begun) * 1_000 / count, 3)

    return {
        "answer": spent(lambda: predictor.read(columns), len(columns.titles)),
        "evidence": spent(lambda: evidence.evidence(columns, texts, answers), len(columns.titles)),
        "explanation": spent(lambda: [explainer.explain(Product(title)) for title in some], len(some)),
    }
