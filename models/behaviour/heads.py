"""What network.py makes of a state and a user's memory, in numpy: what the stream runs on the processor.

A window of a few events is some fifty steps on small arrays. torch takes several microseconds to begin each of them,
and numpy one or two; and habits are read where they lie in the row, instead of being spread over all categories. So
that few steps are left, biases are the weights of an input that is always 1, temperature and slope are in the weights
that they multiply, and what depends on an hour or on a category only is in a table. network.py is the same computation
as it is trained; a test holds the two together.

    joint    h | running basket | habits | facts: logs of visits, span, rhythm, sizes of baskets, 1, …  (m, J + 10)
    first    joint -> hidden layers of `deep` and `week`, and 1                                       (m, D + 24 + 1)
    second   those -> what is added to joint: what `deep` says, and the logit of the week                (m, J + 10)
    third    joint -> logits of the categories and of "again", and the gates                             (m, C + 1 + G)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p, sqrt, tanh
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.behaviour.habits import AGE, FADE
from models.behaviour.matrix import Matrix
from models.behaviour.network import MASKED, MEMORY_DAYS, BehaviourNetwork
from models.behaviour.walk import Pace

Floats = NDArray[np.float32]

FACTS = 10  # how many `_facts` there are, and where those are that are not logs of the pace
USUAL_SIZE, SIZE, ONE, WEEK, USUAL, SCALE = range(4, FACTS)
# Columns of a habit's features: those that depend on more than its age first, and eight of them, as numpy copies rows
# of 32 bytes much faster than rows of 28.
AMOUNT, DUE, DUE_SQUARED, VISITS, DAYS, HOURS, TODAY = range(7)
FEATURES = 8


class Heads:
    """The heads of a network: a copy of its weights, for up to `most` events at once."""

    def __init__(self, network: BehaviourNetwork, most: int) -> None:
        w: dict[str, Any] = {n: value.detach().cpu().double().numpy() for n, value in network.state_dict().items()}
        sizes = network.sizes
        joint = sizes.hidden + sizes.basket + sizes.profile
        self._unused = sizes.categories + 1  # column of what is no category: those, "again", and that
        self._width = sizes.categories + 2
        self._week = joint + WEEK
        self._base = np.arange(most)[:, None] * self._width
        self._ones = np.ones((self._width - 1, 1), np.float32)

        bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")  # (256, 8)
        self._mask = bits * np.float32(MASKED)
        counting = np.hstack([w["basket"], np.ones((sizes.categories, 1))])  # the last column: how many
        self._basket = Matrix(_rows(counting, (sizes.categories + 7) // 8 * 8) / MASKED)
        self._profile = Matrix(_rows(w["profile"], self._width))
        self._first, self._second, self._third = _layers(w, sizes.hidden, joint)
        self._zeros = np.zeros(most * max(sizes.habits * sizes.mixer, len(self._second.weights)), np.float32)
        self._left = np.stack([FADE, FADE * (AGE / 24)])  # (2, 65536) of a weight, and that times the days
        self._by_age = _by_age()
        self._mix = Matrix(_mix(w["mix.weight"].T))
        self._mix_category = _rows(w["mix_category"] + w["mix.bias"], self._width).astype(np.float32)
        self._scales = [1 / sqrt(1 + known) for known in range(sizes.habits + 1)]

    def __call__(
        self, h: Floats, kept: np.ndarray, known: list[int], hours: list[int], pace: list[Pace]
    ) -> tuple[Floats, Floats]:
        """Chances of the next category, and of another purchase within a week.

        Shapes: (m, hidden) states and (m,) of a Window -> (m, C + 1) chances, 0 in the running basket and for "again",
        and (m,).
        """
        m, k = len(h), max(known)
        facts = np.array(self._facts(pace, known), np.float32)  # (m, 10)
        category = kept["habit_id"][:, :k]  # (m, k)
        if m > 1:
            category = np.minimum(category, self._unused)  # unused places count for a column that is not read
        cell = category + self._base[:m]
        age = np.array(hours, np.uint16)[:, None] - kept["habit_hour"][:, :k]
        left = self._left.take(age, axis=1)  # (2, m, k)
        left *= kept["habit_weight"][:, :k].astype(np.float32)
        left[1] *= facts[:, USUAL, None]
        facts[:, USUAL_SIZE] *= left[0].sum(axis=1)
        amount, due = np.log1p(left, out=left)
        by_category = np.zeros((m, self._width), np.float32)
        by_category.reshape(-1)[cell] = amount
        mask = self._mask.take(kept["basket"], axis=0).reshape(m, -1)  # (m, C and up to 7 more)

        profile = self._profile.of(by_category)
        profile *= facts[:, SCALE, None]
        basket = self._basket.of(mask)
        facts[:, SIZE] = basket[:, -1]
        sizes = facts[:, USUAL_SIZE : SIZE + 1]
        np.log1p(sizes, sizes)
        joint = np.concatenate([h, basket[:, :-1], profile, facts], axis=1)
        hidden = self._first.of(joint)
        self._relu(hidden)
        joint += self._second.of(hidden)
        logits = self._third.of(joint)  # (m, C + 1 + G)
        features = self._by_age.take(age, axis=0)  # (m, k, 8)
        features[:, :, AMOUNT], features[:, :, DUE], features[:, :, VISITS] = amount, due, facts[:, :1]
        np.multiply(due, due, out=features[:, :, DUE_SQUARED])
        mixed = self._mix_category.take(category, axis=0)  # (m, k, G)
        mixed += self._mix.of(features.reshape(m * k, FEATURES)).reshape(mixed.shape)
        self._relu(mixed)
        by_category.reshape(-1)[cell] = (mixed @ logits[:, self._width - 1 :, None])[:, :, 0]
        logits = logits[:, : self._width - 1]
        logits += by_category[:, :-1]
        logits[:, :-1] += mask[:, : self._width - 2]
        week = np.array([0.5 + 0.5 * tanh(half) for half in joint[:, self._week].tolist()], np.float32)
        return self._softmax(logits), week

    def _relu(self, x: Floats) -> None:
        # With a zero for each number numpy uses vector instructions, with one zero for all it does not.
        np.maximum(x, self._zeros[: x.size].reshape(x.shape), out=x)

    def _softmax(self, logits: Floats) -> Floats:
        """(m, C + 1) logits, which are changed -> chances, 0 for the last."""
        logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
        np.exp(logits, logits)
        chances: Floats = logits / np.dot(logits, self._ones)
        chances[:, -1] = 0
        return chances

    def _facts(self, pace: Sequence[Pace], known: Sequence[int]) -> list[tuple[float, ...]]:
        """Of each event the logs of the user's pace; what a usual basket's size is made with, and room for this one's;
        1 for the biases, 0 for the week, what `due` is multiplied by, and the scale of habits.
        """
        last: Pace | None = None
        facts: tuple[float, ...] = ()
        out: list[tuple[float, ...]] = []
        for each, count in zip(pace, known, strict=True):
            if each is not last:
                last, (_, visits, span, rhythm, _) = each, each  # lines of one basket share one
                usual = span / (1 + span / MEMORY_DAYS)  # days that the weights stand for
                facts = log1p(visits), log1p(span), log1p(rhythm), log1p(usual), 1 / (visits + 0.5), 0.0
                facts += 1.0, 0.0, 1 / (usual + 1)
            out.append((*facts, self._scales[count]))
        return out


def _by_age() -> Floats:
    """(65536, 8) features of a habit by hours now - hours then, modulo 65536; 0 for those that need more than that."""
    table = np.zeros((len(AGE), FEATURES), np.float32)
    table[:, DAYS] = np.log1p(AGE / 24)
    table[:, HOURS] = np.float32(0.3) * np.log1p(AGE)
    table[:, TODAY] = AGE < 1
    return table


def _mix(weight: NDArray[np.float64]) -> Floats:
    """network.py's amount, amount per basket (a log less that of the visits), days, hours, today, due and its square,
    as the columns above.
    """
    amount, per_basket, days, hours, today, due, due_squared = weight
    return np.stack([
        amount + per_basket, due, due_squared, -per_basket, days, hours, today, np.zeros_like(days)
    ]).astype(np.float32)  # fmt: skip


def _layers(w: dict[str, Any], hidden: int, joint: int) -> tuple[Matrix, Matrix, Matrix]:
    """`deep` reads the first of joint; `week` reads h and sums of the logs, as in `week_logit`. The 1 among the facts
    carries the biases: it has a hidden unit of its own, which is 1 too, and is in the sum.

    The logit of the week is halved, for sigmoid(x) is (1 + tanh(x / 2)) / 2.
    """
    deep, week = w["deep.0.weight"].T, w["week.0.weight"].T
    units, end = deep.shape[1], deep.shape[1] + week.shape[1]
    visits, span, rhythm, usual = week[hidden:]
    first = np.zeros((joint + FACTS, end + 1))
    first[:joint, :units] = deep[:joint]
    first[joint : len(deep), :units] = deep[joint:] / 3  # as the logs in `_facts` of network.py
    first[:hidden, units:end] = week[:hidden]
    first[joint : joint + 4, units:end] = visits + usual, span / 3, rhythm, -usual
    first[joint + ONE] = np.hstack([w["deep.0.bias"], w["week.0.bias"], 1])

    slope, intercept = w["week_scale"] / 2
    second = np.zeros((end + 1, joint + FACTS))
    second[:units, :joint] = w["deep.2.weight"].T
    second[units:end, joint + WEEK] = w["week.2.weight"][0] * slope
    second[end, :joint], second[end, joint + WEEK] = w["deep.2.bias"], w["week.2.bias"][0] * slope + intercept

    third = np.zeros((joint + FACTS, w["out.weight"].shape[0] + w["gates.weight"].shape[0]))
    third[:joint] = np.hstack([w["out.weight"].T, w["gates.weight"].T]) / w["temperature"]
    third[joint + ONE] = np.hstack([w["out.bias"], w["gates.bias"]]) / w["temperature"]
    return Matrix(first), Matrix(second), Matrix(third)


def _rows(weight: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """With rows of zeros below, for inputs that do not count."""
    return np.vstack([weight, np.zeros((rows - len(weight), weight.shape[1]))])
