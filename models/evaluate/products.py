"""Measure the product model: `shelfstream evaluate products`.

Every task is answered from the title alone, on bucket 0 of each catalogue, by the artifact as stored. A head counts as
wrong where the model takes the title for another catalogue's. The baselines are fitted in the same run on the same
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.columns import ProductColumns
from models.data import catalogues
from models.data.price_tags import prices
from models.data.splits import TEST, TRAIN
from models.data.titles import LabelledTitles
from models.evaluate.judged import Judged
from models.evaluate.metrics import (
    HONEST,
    Cases,
    Metric,
    accuracy,
    calibration_error,
    coverage,
    group_calibration_error,
    honest_error,
    interval,
    macro_f1,
    rarest_third,
    value,
)
from models.evaluate.slices import GAP, Traits, gaps, slices, traits
from models.evaluate.title_baselines import LINEAR, PLAIN, fit_linear, fit_plain, fit_words
from models.text.committee import DOMAIN
from models.text.layout import Domain, Layout
from models.text.predictor import ProductPredictor, load_products, sureness

FAST, CASCADE = "fast tier alone", "cascade"
Answer = tuple[list[str], NDArray[np.float32]]  # (n,) labels and their confidences


def evaluate(
    data: Path,
    artifact: Path | None = None,
    *,
    tower: Path | None = None,
    baselines: bool = True,
    progress: bool = True,
    gap: float = GAP,
    keep: Callable[[Judged], None] | None = None,
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, as JSON-able values.

    `figures`: one row per set, task and metric with n, value, 95 % interval over groups and the baselines' values;
    `slices`: accuracy as models.evaluate.slices cuts the rows; `gaps`: those that fall more than `gap` behind. With a
    `tower` they are those of all networks together, and beside them the fast tier alone and the cascade. `keep` is
    handed the judged cases of every task. Errors: DataError, ArtifactError.
    """
    predictor = load_products(artifact, tower=tower)
    sets = catalogues.load(data)
    plain = fit_plain(sets, seed=7, progress=progress) if baselines else None
    figures, cuts = measure(predictor, sets, plain, refined=tower is not None, progress=progress, data=data, keep=keep)
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "figures": figures,
        "slices": cuts,
        "gaps": gaps(cuts, gap),
        "baselines": ([LINEAR, PLAIN] if baselines else []) + ([FAST, CASCADE] if tower is not None else []),
    }


def measure(
    predictor: ProductPredictor,
    sets: Sequence[LabelledTitles],
    plain: ProductPredictor | None = None,
    *,
    refined: bool = False,
    progress: bool = True,
    data: Path | None = None,
    keep: Callable[[Judged], None] | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Figures and slices on bucket 0 of `sets`; beside `plain`, given, and the linear baseline fitted on 2-8.

    `refined`: of all networks together, beside the fast tier alone and the cascade. `data`: the folder in which the
    prices of the price bands are, None = without them. `keep`: see `evaluate`.
    """
    figures: list[dict[str, Any]] = []
    cuts: list[dict[str, Any]] = []
    pairs = _domains(sets, predictor)
    with tqdm(total=sum(len(_tasks(domain)) for _, domain in pairs), desc="figures", disable=not progress) as bar:
        for part, domain in pairs:
            taught, asked = part.where(TRAIN), part.where([TEST])
            given = traits(taught, asked, prices(part.domain, data) if data else {})
            alone = answer(predictor, domain, asked.titles)
            mine = answer(predictor, domain, asked.titles, refined=True) if refined else alone
            unsure = sureness(predictor.run(ProductColumns(asked.titles))) < predictor.threshold
            floor = answer(plain, domain, asked.titles) if plain else {}
            words = fit_words(taught) if plain else None
            for task in _tasks(domain):
                bar.set_postfix(set=part.domain, task=task)
                others = {PLAIN: floor[task]} if plain else {}
                if refined:
                    others[FAST] = alone[task]
                    others[CASCADE] = _choose(unsure, mine[task], alone[task])
                if words:
                    others[LINEAR] = fit_linear(taught, task, words).answer(asked.titles)
                rows, slices_, judged = _figures(taught, asked, task, mine[task], others, given)
                figures += rows
                cuts += slices_
                if keep is not None:
                    keep(judged)
                bar.update()
    return figures, cuts


def _choose(first: NDArray[np.bool_], one: Answer, other: Answer) -> Answer:
    labels = [a if take else b for take, a, b in zip(first, one[0], other[0], strict=True)]
    return labels, np.where(first, one[1], other[1])


def answer(
    predictor: ProductPredictor, domain: Domain, titles: list[str], *, refined: bool = False
) -> dict[str, Answer]:
    """The predictor's best label and its confidence for each task of one catalogue, by task.

    A level of the category's path has the summed confidence of the categories under it.
    """
    return answers(predictor.probabilities(titles, refined=refined), predictor.layout, domain)


def answers(found: Mapping[str, NDArray[np.float32]], layout: Layout, domain: Domain) -> dict[str, Answer]:
    """The same from probabilities by key, as a committee gives them: DOMAIN (n, d), and each head (n, labels)."""
    place = [part.name for part in layout.domains].index(domain.name)
    belongs = found[DOMAIN][:, place]
    own = found[DOMAIN].argmax(axis=1) == place
    results: dict[str, Answer] = {}
    for head in domain.heads:
        results[head.name] = _named(found[head.key], head.labels, belongs, own)
    for level, name in enumerate(_levels(domain)):
        labels = tuple(sorted({path[level] for path in domain.paths}))
        summed = np.zeros((len(belongs), len(labels)), dtype=np.float32)
        np.add.at(summed.T, [labels.index(path[level]) for path in domain.paths], found[domain.category.key].T)
        results.setdefault(name, _named(summed, labels, belongs, own))
    return results


def _named(
    values: NDArray[np.float32], labels: Sequence[str], belongs: NDArray[np.float32], own: NDArray[np.bool_]
) -> Answer:
    best = values.argmax(axis=1)
    names = [labels[i] if mine else "" for i, mine in zip(best, own, strict=True)]
    return names, np.where(own, values.max(axis=1) * belongs, 0).astype(np.float32)


def _levels(domain: Domain) -> tuple[str, ...]:
    return ("masterCategory", "subCategory") if domain.name == "fashion" else ()


def _tasks(domain: Domain) -> list[str]:
    return [*(head.name for head in domain.heads), *_levels(domain)]


def _domains(sets: Sequence[LabelledTitles], predictor: ProductPredictor) -> list[tuple[LabelledTitles, Domain]]:
    known = {domain.name: domain for domain in predictor.layout.domains}
    return [(part, known[part.domain]) for part in sets]


def _figures(
    taught: LabelledTitles, asked: LabelledTitles, task: str, mine: Answer, others: dict[str, Answer], given: Traits
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Judged]:
    known = sorted({*taught.labels[task], *asked.labels[task]} - {""})
    code = {label: i for i, label in enumerate(known)}
    rows = np.flatnonzero([label != "" for label in asked.labels[task]])  # an unknown truth cannot be judged
    truth = np.array([code[asked.labels[task][i]] for i in rows])
    _, groups = np.unique([asked.keys[i] for i in rows], return_inverse=True)

    def cases(answered: Answer) -> Cases:
        labels, confidence = answered
        predicted = np.array([code.get(labels[i], len(known)) for i in rows])
        return Cases(truth, predicted, confidence[rows], groups)

    counts = np.bincount([code[label] for label in taught.labels[task] if label], minlength=len(known))
    model = cases(mine)
    beside = {name: cases(other) for name, other in others.items()}
    figures = []
    for name, metric in _metrics(rarest_third(counts)).items():
        low, high = interval(metric, model)
        figures.append(
            {"set": asked.domain, "task": task, "metric": name, "n": len(model), "value": _short(value(metric, model))}
            | {"low": _short(low), "high": _short(high)}
            | {"baselines": {other: _short(value(metric, given)) for other, given in beside.items()}}
        )
    figures.append(
        {"set": asked.domain, "task": task, "metric": HONEST, "n": len(model)}
        | {name: _short(number) for name, number in zip(("value", "low", "high"), honest_error(model), strict=True)}
        | {"baselines": {}}
    )
    judged = Judged(asked.domain, task, tuple(known), model)
    return figures, slices(model, rows, given, {"set": asked.domain, "task": task}), judged


def _metrics(rare: NDArray[np.int64]) -> dict[str, Metric]:
    def macro_f1_rare(cases: Cases, weights: NDArray[np.float64]) -> float:
        return macro_f1(cases, weights, rare)

    named: dict[str, Callable[[Cases, NDArray[np.float64]], float]] = {
        "accuracy": accuracy,
        "macro F1": macro_f1,
        "ECE": calibration_error,
        "ECE, each title once": group_calibration_error,
        "macro F1 of the rarest third": macro_f1_rare,
        "coverage at 98 % precision": coverage,
    }
    return named


def _short(number: float) -> float | None:
    """Four decimals; None (JSON has no nan) where the test rows hold no case of it."""
    return None if np.isnan(number) else round(number, 4)
