"""Fitting one span network: all places where a value stands count as right, and its stopping."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models.data.spans import AskedTitle
from models.spans.network import Questions, Size, SpanNetwork
from models.spans.predictor import best_span, log_chances
from models.spans.questions import ReadTitle, questions

UNLISTED = 6  # attributes of its category, not asked of the title, that it is tried for in each epoch
NAMELESS = 0.1  # share of attributes that are known by name only, so that new names have an answer
AVERAGE = 0.99  # of the weights over steps (Polyak and Juditsky 1992): what is stored and stopped by


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to fit."""

    size: Size = field(default_factory=Size)
    epochs: int = 14
    batch: int = 16
    rate: float = 3e-3
    dropout: float = 0.3
    patience: int = 5


@dataclass(frozen=True, slots=True)
class Asking:
    """What training and stopping know of the attributes."""

    place: Mapping[str, int]
    names: Mapping[str, NDArray[np.float32]]
    by_category: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One title, encoded, with what people found in it."""

    read: ReadTitle
    row: AskedTitle

    def right(self, attribute: str) -> list[int]:
        """Candidates that are a value of the attribute."""
        values = {value.strip() for value in self.row.asked.get(attribute, ())}
        title = self.read.title
        return [place for place in title.candidates if title.value(place) in values] if values else []


def fit(
    lessons: Sequence[Lesson],
    held_out: Sequence[Lesson],
    asking: Asking,
    recipe: Recipe,
    *,
    seed: int,
    progress: bool,
) -> tuple[SpanNetwork, list[float]]:
    """The network of the best epoch by F1 on `held_out`, and that F1 by epoch."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = SpanNetwork(recipe.size, len(asking.place)).train()
    average = copy.deepcopy(network).eval()
    usable = [lesson for lesson in lessons if lesson.read.title.candidates]
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=0.01)
    steps = math.ceil(len(usable) / recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, steps * recipe.epochs, pct_start=0.1)
    best, scores = copy.deepcopy(average), [0.0]
    for _ in tqdm(range(recipe.epochs), desc="spans", disable=not progress):
        for batch in batches(usable, recipe.batch, random):
            optimizer.zero_grad()
            loss = _loss(network, batch, asking, recipe.dropout, random)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
                    slow.lerp_(fast, 1 - AVERAGE)
        scores.append(f1([average], held_out, asking))
        if scores[-1] == max(scores):
            best = copy.deepcopy(average)
        elif len(scores) - 1 - int(np.argmax(scores)) >= recipe.patience:
            break
    return best, scores[1:]


def batches(lessons: Sequence[Lesson], size: int, random: np.random.Generator | None = None) -> list[list[Lesson]]:
    """Titles of like length together, so that little is padded; in random order, or by length without `random`."""
    lengths = np.array([len(lesson.read.title.units) for lesson in lessons], dtype=np.float64)
    if random is not None:
        lengths += random.uniform(-3, 3, len(lengths))
    order = np.argsort(lengths, kind="stable")
    cut = [[lessons[i] for i in order[first : first + size]] for first in range(0, len(order), size)]
    return cut if random is None else [cut[i] for i in random.permutation(len(cut))]


def f1(networks: Sequence[SpanNetwork], lessons: Sequence[Lesson], asking: Asking) -> float:
    """Micro F1 over (title, attribute, value) of what was asked for."""
    right = claimed = true = 0
    with torch.inference_mode():
        for batch in batches(lessons, 32):
            asked = [list(lesson.row.asked) for lesson in batch]
            given = questions([lesson.read for lesson in batch], asked, asking.place, asking.names)
            chances = log_chances(networks, given, everything=False).softmax(2).numpy()
            for row, lesson in enumerate(batch):
                for at, name in enumerate(asked[row]):
                    span = best_span(name, lesson.read, chances[row, at])
                    right += span.value in lesson.row.asked[name]
                    claimed += span.value is not None
                    true += len(lesson.row.asked[name])
    return 2 * right / max(claimed + true, 1)


def _loss(
    network: SpanNetwork, batch: Sequence[Lesson], asking: Asking, dropout: float, random: np.random.Generator
) -> Tensor:
    asked = [[*lesson.row.asked, *_unlisted(lesson.row, asking, random)] for lesson in batch]
    given = questions([lesson.read for lesson in batch], asked, asking.place, asking.names)
    given.labels[torch.from_numpy(random.random(given.labels.shape) < NAMELESS)] = -1
    right, present, absent, unlisted = _targets(batch, asked, given)
    scores, nothing, tried = network(given, dropout)
    some = scores.logsumexp(2)
    hit = scores.masked_fill(~right, -1e9).logsumexp(2)
    whole, whole_tried = torch.logaddexp(some, nothing), torch.logaddexp(some, tried)
    loss = (whole - hit)[present].sum() + (whole - nothing)[absent].sum()
    loss = loss + 0.5 * ((whole_tried - hit)[present].sum() + (whole_tried - tried)[absent].sum())
    loss = loss + 0.3 * (whole_tried - tried)[unlisted].sum()
    mean: Tensor = loss / max(int(present.sum() + absent.sum()), 1)
    return mean


def _unlisted(row: AskedTitle, asking: Asking, random: np.random.Generator) -> list[str]:
    others = [name for name in asking.by_category.get(row.category, ()) if name not in row.asked]
    if len(others) <= UNLISTED:
        return others
    return [others[i] for i in random.choice(len(others), UNLISTED, replace=False)]


def _targets(
    batch: Sequence[Lesson], asked: Sequence[Sequence[str]], given: Questions
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(n, a, c) right candidates, and (n, a) of each kind: a value is there, it was sought in vain, nobody sought it.

    A value that is no candidate (it is longer than any, say) is of no kind: there is nothing to learn from it.
    """
    n, a = given.labels.shape
    right = np.zeros((n, a, given.present.shape[1]), dtype=np.bool_)
    kinds = np.zeros((3, n, a), dtype=np.bool_)
    for row, lesson in enumerate(batch):
        for at, name in enumerate(asked[row]):
            places = lesson.right(name)
            right[row, at, places] = True
            if places:
                kinds[0, row, at] = True
            elif name not in lesson.row.asked:
                kinds[2, row, at] = True
            elif not lesson.row.asked[name]:
                kinds[1, row, at] = True
    present, absent, unlisted = (torch.from_numpy(kind) for kind in kinds)
    return torch.from_numpy(right), present, absent, unlisted
