"""How good the attribute values are, on titles (bucket 0) that no fitting saw, beside the baseline of the protocol.

A case is an asked attribute of a title. Micro F1 counts (title, attribute, value) with the exact text: "n/a" is no
value, so answering it wins and costs nothing but what it misses. The baseline answers the most frequent value of the
attribute in training that stands in the title.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import spans
from models.data.spans import AskedTitle
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
    value,
)
from models.spans.predictor import SpanPredictor, load_spans

FREQUENT = "most frequent value in the title"
TASK = "attribute value"
ABSENT, RIGHT, WRONG = 0, 1, 2  # what is there or was said; a true value is always RIGHT
_TOGETHER = 64  # titles asked at once

Answer = tuple[str | None, float]  # value, confidence
Answers = list[dict[str, Answer]]  # by title, by attribute


def evaluate(data: Path, artifact: Path | None = None, *, baselines: bool = True) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, as JSON-able values.

    `figures`: per set and metric n, value, 95 % interval over titles and the baselines' values; `slices`: F1 by
    category and by attribute, and of values that training saw and did not see. Errors: DataError, ArtifactError.
    """
    predictor = load_spans(artifact)
    rows = spans.load(data)
    taught, asked = spans.where(rows, TRAIN), spans.where(rows, [TEST])
    mine = ask(predictor, asked)
    others = {FREQUENT: frequent(taught, asked)} if baselines else {}
    figures = []
    for source in ("all", *spans.SETS):
        figures += _figures(source, asked, mine, others)
    figures += _everything(predictor, taught, asked)
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "figures": figures,
        "slices": _slices(taught, asked, mine),
        "baselines": list(others),
    }


def ask(predictor: SpanPredictor, rows: Sequence[AskedTitle]) -> Answers:
    """The predictor's answer to what was asked of each title."""
    answers: Answers = []
    for first in range(0, len(rows), _TOGETHER):
        part = rows[first : first + _TOGETHER]
        found = predictor.run([row.title for row in part], [list(row.asked) for row in part])
        answers += [{span.attribute: (span.value, span.confidence) for span in each} for each in found]
    return answers


def frequent(taught: Sequence[AskedTitle], asked: Sequence[AskedTitle]) -> Answers:
    """The baseline's answers; its confidence is the value's share among those of the attribute in training."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in taught:
        for name, values in row.asked.items():
            counts[name].update(values)
    ranked = {name: known.most_common() for name, known in counts.items()}

    def answer(title: str, name: str) -> Answer:
        for text, times in ranked.get(name, []):
            if text in title:
                return text, times / counts[name].total()
        return None, 0.0

    return [{name: answer(row.title, name) for name in row.asked} for row in asked]


def micro_f1(cases: Cases, weights: NDArray[np.float64]) -> float:
    """2 right / (said + true), over cases whose truth and answer are ABSENT or not."""
    right = weights[(cases.predicted == RIGHT) & (cases.truth == RIGHT)].sum()
    said, true = weights[cases.predicted != ABSENT].sum(), weights[cases.truth != ABSENT].sum()
    return float(2 * right / max(said + true, 1e-12))


def precision(cases: Cases, weights: NDArray[np.float64]) -> float:
    """Right / said."""
    said = cases.predicted != ABSENT
    return float(weights[said & (cases.predicted == cases.truth)].sum() / max(weights[said].sum(), 1e-12))


def recall(cases: Cases, weights: NDArray[np.float64]) -> float:
    """Right / true."""
    true = cases.truth != ABSENT
    return float(weights[true & (cases.predicted == cases.truth)].sum() / max(weights[true].sum(), 1e-12))


def cases_of(rows: Sequence[AskedTitle], answers: Answers, *, further: bool) -> Cases:
    """Asked attributes as cases. `further`: the second and later values of one attribute are cases too, which no
    answer meets; a figure of single answers leaves them out."""
    truth: list[int] = []
    said: list[int] = []
    confidence: list[float] = []
    groups: list[int] = []
    titles = {title: group for group, title in enumerate(sorted({row.title for row in rows}))}
    for row, given in zip(rows, answers, strict=True):
        for name, values in row.asked.items():
            text, sure = given[name]
            truth.append(RIGHT if values else ABSENT)
            said.append(ABSENT if text is None else RIGHT if text in values else WRONG)
            confidence.append(sure)
            more = len(values) - 1 if further else 0
            truth += [RIGHT] * more
            said += [ABSENT] * more
            confidence += [0.0] * more
            groups += [titles[row.title]] * (1 + max(more, 0))
    return Cases(np.array(truth), np.array(said), np.array(confidence, dtype=np.float32), np.array(groups))


def _figures(
    source: str, asked: Sequence[AskedTitle], mine: Answers, others: Mapping[str, Answers]
) -> list[dict[str, Any]]:
    kept = [place for place, row in enumerate(asked) if source in ("all", row.source)]
    rows = [asked[place] for place in kept]
    metrics: dict[str, tuple[Metric, bool]] = {
        "micro F1": (micro_f1, True),
        "precision": (precision, True),
        "recall": (recall, True),
        "accuracy, n/a included": (accuracy, False),
        "ECE": (calibration_error, False),
        "coverage at 98 % precision": (coverage, False),
    }
    figures = []
    for name, (metric, further) in metrics.items():
        model = cases_of(rows, [mine[place] for place in kept], further=further)
        beside = {
            other: cases_of(rows, [given[place] for place in kept], further=further) for other, given in others.items()
        }
        figures.append(_row(source, name, metric, model, beside))
    answers = cases_of(rows, [mine[place] for place in kept], further=False)
    one_each = replace(answers, groups=np.arange(len(answers)))  # answers about one title are right or wrong apart
    figures.append(_record(source, HONEST, len(answers), honest_error(one_each), {}))
    return figures


def _everything(
    predictor: SpanPredictor, taught: Sequence[AskedTitle], asked: Sequence[AskedTitle]
) -> list[dict[str, Any]]:
    """Every known attribute is tried, as for a product of which nobody asked anything; what people did not list is
    taken as not there, which OA-Mine's people did mean and AE-110k's did not."""
    rows = [row for row in asked if row.source == "oa-mine"]
    listed = {name for row in taught if row.source == "oa-mine" for name in row.asked}
    whole = [
        AskedTitle(row.source, row.title, row.category, {name: row.asked.get(name, ()) for name in listed}, row.bucket)
        for row in rows
    ]
    answers: Answers = []
    for first in range(0, len(rows), _TOGETHER):
        for found in predictor.run([row.title for row in rows[first : first + _TOGETHER]]):
            said = {span.attribute: (span.value, span.confidence) for span in found}
            answers.append({name: said.get(name, (None, 0.0)) for name in listed})
    cases = cases_of(whole, answers, further=True)
    named: dict[str, Metric] = {"micro F1": micro_f1, "precision": precision, "recall": recall}
    return [_row("oa-mine, every attribute tried", name, metric, cases, {}) for name, metric in named.items()]


def _row(source: str, name: str, metric: Metric, model: Cases, beside: Mapping[str, Cases]) -> dict[str, Any]:
    others = {other: round(value(metric, given), 4) for other, given in beside.items()}
    return _record(source, name, len(model), (value(metric, model), *interval(metric, model)), others)


def _record(
    source: str, name: str, count: int, found: tuple[float, float, float], others: Mapping[str, float]
) -> dict[str, Any]:
    known = {key: round(number, 4) for key, number in zip(("value", "low", "high"), found, strict=True)}
    return {
        "set": f"attribute-spans {source}" if source == "all" else source,
        "task": TASK,
        "metric": name,
        "n": count,
        **known,
        "baselines": dict(others),
    }


def _slices(taught: Sequence[AskedTitle], asked: Sequence[AskedTitle], mine: Answers) -> list[dict[str, Any]]:
    known = {(name, text) for row in taught for name, values in row.asked.items() for text in values}

    def seen(row: AskedTitle, name: str) -> bool:
        return any((name, text) in known for text in row.asked[name])

    categories = sorted({row.category for row in asked})
    often = [
        name for name, times in Counter(name for row in asked for name in row.asked).most_common(20) if times >= 10
    ]
    rules: dict[str, Callable[[AskedTitle, str], bool]] = {
        **{f"category {category}": partial(_of_category, category) for category in categories},
        **{f"attribute {attribute}": partial(_of_attribute, attribute) for attribute in often},
        "value seen in training": seen,
        "value not seen in training": lambda row, name: bool(row.asked[name]) and not seen(row, name),
    }
    slices = []
    for title, rule in rules.items():
        rows = [
            AskedTitle(row.source, row.title, row.category, {n: v for n, v in row.asked.items() if rule(row, n)}, 0)
            for row in asked
        ]
        cases = cases_of(rows, mine, further=True)
        if len(cases):
            f1 = round(value(micro_f1, cases), 4)
            slices.append({"set": "attribute-spans", "task": TASK, "slice": title, "n": len(cases), "micro F1": f1})
    return slices


def _of_category(category: str, row: AskedTitle, _: str) -> bool:
    return row.category == category


def _of_attribute(attribute: str, _: AskedTitle, name: str) -> bool:
    return name == attribute
