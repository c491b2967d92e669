"""Honest confidence for attribute values, from the validation titles, for each way of asking.

asked   what people asked for: a curve for values that the attribute had in training, one for other answers
all     every attribute tried, of which people listed as far as they asked: a temperature
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.spans.confidence import Curve, log_odds
from models.spans.gazetteer import Gazetteer
from models.spans.network import SpanNetwork
from models.spans.predictor import Span, best_span, log_chances
from models.spans.questions import questions
from models.train.span_fit import Asking, Lesson, batches

_STEPS = np.exp(np.linspace(-0.7, 1.4, 22))  # temperatures tried: 0.5 to 4
_FEWEST = 20  # answers of a kind, and of those right and wrong both, below which it gets the curve of all


def temperature(networks: Sequence[SpanNetwork], lessons: Sequence[Lesson], asking: Asking) -> float:
    """Of trying every attribute: it makes the log loss of "this answer is right" least."""
    losses = []
    for divisor in _STEPS.tolist():
        found = list(_answers(networks, lessons, asking, divisor, everything=True))
        confidence = np.array([span.confidence for span, _ in found])
        losses.append(_log_loss(confidence, np.array([right for _, right in found])))
    return round(float(_STEPS[int(np.argmin(losses))]), 4)


def curve(
    networks: Sequence[SpanNetwork], lessons: Sequence[Lesson], asking: Asking, gazetteer: Gazetteer
) -> Curve | None:
    """Of answering what was asked. None where there are too few answers, or where surer is not righter."""
    found = list(_answers(networks, lessons, asking, 1.0, everything=False))
    odds = np.array([log_odds(span.confidence) for span, _ in found])
    right = np.array([right for _, right in found], dtype=np.bool_)
    known = np.array([gazetteer.knows(span.attribute, span.value) for span, _ in found], dtype=np.bool_)
    if not _enough(right):
        return None
    lines = [_line(odds[part], right[part]) if _enough(right[part]) else _line(odds, right) for part in (~known, known)]
    return Curve(*lines[0], *lines[1]) if min(slope for slope, _ in lines) > 0 else None


def _answers(
    networks: Sequence[SpanNetwork], lessons: Sequence[Lesson], asking: Asking, divisor: float, *, everything: bool
) -> Iterator[tuple[Span, bool]]:
    """Every answer at a temperature, and whether it is right."""
    for batch in batches(lessons, 16):
        asked = [
            list(asking.by_category.get(lesson.row.category, ())) if everything else list(lesson.row.asked)
            for lesson in batch
        ]
        with torch.inference_mode():
            given = questions([lesson.read for lesson in batch], asked, asking.place, asking.names)
            chances = (log_chances(networks, given, everything=everything) / divisor).softmax(2).numpy()
        for row, lesson in enumerate(batch):
            for at, name in enumerate(asked[row]):
                span = best_span(name, lesson.read, chances[row, at])
                true = lesson.row.asked.get(name, ())
                yield span, span.value in true if span.value is not None else not true


def _enough(right: NDArray[np.bool_]) -> bool:
    return len(right) >= _FEWEST and bool(right.any()) and not bool(right.all())


def _line(odds: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0).fit(odds[:, None], right)
    return round(float(fitted.coef_[0, 0]), 5), round(float(fitted.intercept_[0]), 5)


def _log_loss(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    chance = np.clip(np.where(right, confidence, 1 - confidence), 1e-4, 1)
    return float(-np.log(chance).mean())
