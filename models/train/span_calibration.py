"""Honest confidence for attribute values: a temperature for each way of asking, from the validation titles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.spans.network import SpanNetwork
from models.spans.predictor import best_span, log_chances
from models.spans.questions import questions
from models.train.span_fit import Asking, Lesson, batches

_STEPS = np.exp(np.linspace(-0.7, 1.4, 22))  # temperatures tried: 0.5 to 4


def temperatures(networks: Sequence[SpanNetwork], lessons: Sequence[Lesson], asking: Asking) -> dict[str, float]:
    """ "asked": of answers to what people asked for; "all": of trying every attribute, which people listed as far as
    they asked. Each makes the log loss of "this answer is right" least."""
    return {
        "asked": _temperature(networks, lessons, asking, everything=False),
        "all": _temperature(networks, lessons, asking, everything=True),
    }


def _temperature(
    networks: Sequence[SpanNetwork], lessons: Sequence[Lesson], asking: Asking, *, everything: bool
) -> float:
    confidence: list[list[float]] = [[] for _ in _STEPS]
    right: list[list[bool]] = [[] for _ in _STEPS]
    with torch.inference_mode():
        for batch in batches(lessons, 16):
            asked = [
                list(asking.by_category.get(lesson.row.category, ())) if everything else list(lesson.row.asked)
                for lesson in batch
            ]
            given = questions([lesson.read for lesson in batch], asked, asking.place, asking.names)
            logs = log_chances(networks, given, everything=everything)
            for step, temperature in enumerate(_STEPS):
                chances = (logs / float(temperature)).softmax(2).numpy()
                for row, lesson in enumerate(batch):
                    for at, name in enumerate(asked[row]):
                        span = best_span(name, lesson.read, chances[row, at])
                        true = lesson.row.asked.get(name, ())
                        confidence[step].append(span.confidence)
                        right[step].append(span.value in true if span.value is not None else not true)
    losses = [_log_loss(np.array(each), np.array(hits)) for each, hits in zip(confidence, right, strict=True)]
    return round(float(_STEPS[int(np.argmin(losses))]), 4)


def _log_loss(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    chance = np.clip(np.where(right, confidence, 1 - confidence), 1e-4, 1)
    return float(-np.log(chance).mean())
