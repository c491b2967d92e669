"""Distilling a teacher into the title networks (Hinton, Vinyals and Dean 2015, arXiv:1503.02531).

    titles of the training buckets ──► labels, hard ─────────────────────┐
                                  └──► teacher ──► softened by T, soft ──┴──► loss
    the same, altered, without a label ──► teacher ──► softened by T ────┘

A teacher is surer of the titles that it was fitted on than of others. Altered ones it has not read, and what it says of
those is what it has understood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.text.layout import Layout
from models.train.text_augmentation import altered
from models.train.title_examples import Examples, together, unlabelled
from models.train.title_teacher import Logits, Teacher


@dataclass(frozen=True, slots=True)
class Distillation:
    """How far a student heeds its teacher."""

    share: float = 0.5  # of the loss of a labelled title that is the teacher's
    temperature: float = 2.0  # softens the answers of both: above 1 the unlikely labels are heard too
    copies: int = 0  # altered titles for each training title; they did not pay, see docs/training.md


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a teacher says of titles."""

    teacher: str  # its version
    how: Distillation
    titles: Examples  # the labelled ones, and altered ones of which no label is known
    logits: Logits  # row for row as in their counts

    def soft(self) -> dict[str, Tensor]:
        """The teacher's probabilities at the temperature, (m, labels) float32 by head key."""
        wide = {key: torch.from_numpy(values.astype(np.float32)) for key, values in self.logits.items()}
        return {key: torch.softmax(values / self.how.temperature, dim=1) for key, values in wide.items()}


def lessons(
    training: Examples, layout: Layout, teacher: Teacher, how: Distillation, *, seed: int, progress: bool = True
) -> Lessons:
    """Ask a teacher about the training titles and altered ones. Errors: TrainingError, see `Teacher.answers`."""
    extra = unlabelled(_altered(training, how.copies, seed), layout)
    # Asked apart, so that the cache has what it said of the titles themselves however they are altered.
    said, more = (teacher.answers(given, layout, progress=progress) for given in (training, extra))
    logits = {key: np.concatenate([said[key], more[key]]) for key in said}
    return Lessons(teacher.version, how, together(training, extra, layout), logits)


def soft_cross_entropy(logits: Tensor, soft: Tensor, temperature: float) -> Tensor:
    """A student's logits and a teacher's softened probabilities, both (n, labels) -> (n,) the loss of each title.

    Times the square of the temperature, so that the gradients stay as large as those of hard labels.
    """
    each = -(soft * functional.log_softmax(logits / temperature, dim=1)).sum(dim=1)
    return each * temperature**2


def _altered(training: Examples, copies: int, seed: int) -> list[list[str]]:
    """Of each domain, `copies` times each title in another form; forms that are titles already are left out."""
    random = np.random.default_rng(seed)
    made: list[list[str]] = []
    for first, last in zip(training.starts[:-1], training.starts[1:], strict=True):
        own = training.titles[int(first) : int(last)]
        other = dict.fromkeys(altered(title, random) for _ in range(copies) for title in own)
        known = set(own)
        made.append([title for title in other if title not in known])
    return made
