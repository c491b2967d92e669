"""Measure the fused model on bucket 0 of the marketplace, beside what simple methods reach on the same rows.

The same products are answered three times: with text and picture, with the text alone, with the picture alone.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.data import marketplace
from models.data.marketplace import DOMAIN, FIRST, SECOND, Goods
from models.data.splits import TEST, TRAIN
from models.evaluate.metrics import (
    HONEST,
    Cases,
    Metric,
    accuracy,
    calibration_error,
    coverage,
    honest_error,
    interval,
    macro_f1,
    rarest_third,
    value,
)
from models.evaluate.title_baselines import LINEAR, fit_linear, fit_words
from models.fusion.predictor import GoodsPredictor, load_goods
from models.train.marketplace_vectors import columns_of, rows_of, vectors_of

MAJORITY = "majority"
SHOWN = {
    "text and picture": (True, True, True),
    "text alone": (True, False, True),
    "picture alone": (False, True, False),
}
Answer = tuple[list[str], NDArray[np.float32]]  # (n,) labels and their confidences


def evaluate(
    data: Path,
    artifact: Path | None = None,
    *,
    baselines: bool = True,
    progress: bool = True,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, as JSON-able values.

    `figures`: a row per task, what was shown and metric, with n, value, 95 % interval over names and the baselines;
    `slices`: accuracy by price, length of the name and whether the brand was taught. Errors: DataError, ArtifactError.
    """
    predictor = load_goods(artifact)
    goods = marketplace.load(data)
    taught, asked = goods.where(TRAIN), goods.where([TEST])
    mine = _answers(predictor, goods, cache, progress=progress)
    beside = _baselines(taught, asked) if baselines else {}
    figures: list[dict[str, Any]] = []
    slices: list[dict[str, Any]] = []
    for task in (FIRST, SECOND):
        judge = _Judge(taught, asked, task)
        others = {name: judge.cases(given[task]) for name, given in beside.items()}
        for shown, answers in mine.items():
            figures += judge.figures(f"{task}, {shown}", judge.cases(answers[task]), others)
        slices += judge.slices(judge.cases(mine["text and picture"][task]))
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "figures": figures,
        "slices": slices,
        "baselines": list(beside),
    }


def _answers(
    predictor: GoodsPredictor, goods: Goods, cache: Path | None, *, progress: bool
) -> dict[str, dict[str, Answer]]:
    """By what was shown and task."""
    asked = goods.where([TEST])
    if cache is None:
        vectors = vectors_of(asked, predictor.reader, None, progress=progress)
    else:
        vectors = rows_of(goods, vectors_of(goods, predictor.reader, cache, progress=progress), [TEST])
    given = predictor.inputs(columns_of(asked), vectors)
    found = {}
    for shown, kept in SHOWN.items():
        first, second = predictor.answer(given.only(torch.tensor([kept])))
        found[shown] = {FIRST: _best(first, predictor.first), SECOND: _best(second, predictor.categories)}
    return found


def _baselines(taught: Goods, asked: Goods) -> dict[str, dict[str, Answer]]:
    texts, questions = taught.texts(), asked.texts()
    words = fit_words(texts)
    found: dict[str, dict[str, Answer]] = {LINEAR: {}, MAJORITY: {}}
    for task in (FIRST, SECOND):
        found[LINEAR][task] = fit_linear(texts, task, words).answer(questions.titles)
        ((label, count),) = Counter(texts.labels[task]).most_common(1)
        share = np.full(len(asked), count / len(taught), dtype=np.float32)
        found[MAJORITY][task] = ([label] * len(asked), share)
    return found


def _best(chances: NDArray[np.float32], labels: tuple[str, ...]) -> Answer:
    return [labels[i] for i in chances.argmax(axis=1)], chances.max(axis=1)


class _Judge:
    """The truth of one task, and how answers are held against it."""

    def __init__(self, taught: Goods, asked: Goods, task: str) -> None:
        self._task = task
        self._asked = asked
        self._brands = set(taught.brands)
        labels, wanted = taught.texts().labels[task], asked.texts().labels[task]
        self._code = {label: code for code, label in enumerate(sorted({*labels, *wanted}))}
        self._truth = np.array([self._code[label] for label in wanted])
        _, self._groups = np.unique(asked.keys, return_inverse=True)
        taught_rows = np.bincount([self._code[label] for label in labels], minlength=len(self._code))
        rare = rarest_third(taught_rows)
        self._metrics: dict[str, Metric] = {
            "accuracy": accuracy,
            "macro F1": macro_f1,
            "ECE": calibration_error,
            "macro F1 of the rarest third": lambda cases, weights: macro_f1(cases, weights, rare),
            "coverage at 98 % precision": coverage,
        }

    def cases(self, given: Answer) -> Cases:
        labels, confidence = given
        predicted = np.array([self._code.get(label, len(self._code)) for label in labels])
        return Cases(self._truth, predicted, confidence, self._groups)

    def figures(self, task: str, mine: Cases, others: dict[str, Cases]) -> list[dict[str, Any]]:
        rows = []
        for name, metric in self._metrics.items():
            found = value(metric, mine)
            low, high = (found, found) if np.isnan(found) else interval(metric, mine)
            rows.append(
                {"set": DOMAIN, "task": task, "metric": name, "n": len(mine), "value": _short(found)}
                | {"low": _short(low), "high": _short(high)}
                | {"baselines": {other: _short(value(metric, given)) for other, given in others.items()}}
            )
        exact = zip(("value", "low", "high"), honest_error(mine), strict=True)
        row = {"set": DOMAIN, "task": task, "metric": HONEST, "n": len(mine)}
        return [*rows, row | {name: _short(number) for name, number in exact} | {"baselines": {}}]

    def slices(self, mine: Cases) -> list[dict[str, Any]]:
        asked = self._asked
        words = np.array([len(name.split()) for name in asked.names])
        known = np.array([brand in self._brands for brand in asked.brands])
        given = np.array([bool(brand) for brand in asked.brands])
        pictures = np.array([picture is not None for picture in asked.pictures])
        cuts = {
            "5 words or fewer": words <= 5,
            "6-8 words": (words > 5) & (words <= 8),
            "9 words or more": words > 8,
            "below 500 rupees": asked.discounted < 500,
            "500 rupees or more": asked.discounted >= 500,
            "brand was taught": known & given,
            "brand was not taught": ~known & given,
            "no brand": ~given,
            "without a picture": ~pictures,
        }
        return [
            {"set": DOMAIN, "task": self._task, "slice": name, "n": int(inside.sum())}
            | {"accuracy": _short(accuracy(mine, inside.astype(np.float64)))}
            for name, inside in cuts.items()
            if inside.any()
        ]


def _short(number: float) -> float | None:
    """Four decimals; None (JSON has no nan) where the test rows hold no case of it."""
    return None if np.isnan(number) else round(number, 4)
