"""Measure the model of the next visit: `shelfstream evaluate visit`.

Households of bucket 0, asked at the end of each basket for the days until the next one begins. Only baskets are judged
after which the data go on for HORIZON days, so that every case has an outcome: who does not come within them counts as
HORIZON days, and so does an answer of that or more. Asked again three days later, the cases are those who have not
come.

everybody              quantiles of the training households
own mean gap, scaled   the household's mean days between baskets so far, times quantiles of what follows on such a mean
                       among the training households; without a gap so far: everybody's
own mean gap           the same, but the middle answer is the mean itself
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.behaviour.visit import HORIZON, QUANTILES, Doubles
from models.behaviour.visit_artifact import load_visit
from models.data import journey
from models.data.journey import Purchases
from models.data.sequences import DAY_MS
from models.data.splits import TEST, TRAIN
from models.evaluate.figure import figure
from models.evaluate.households import Households
from models.evaluate.metrics import group_draws
from models.train.visit_cases import Visits, visits

OWN, SCALED, EVERYBODY = "own mean gap", "own mean gap, scaled", "everybody"
LATER = 3.0  # days
FEW = 5  # baskets
TASK = "days until the next basket"


@dataclass(frozen=True, slots=True)
class _Asked:
    """m cases with an outcome."""

    outcome: Doubles  # (m,) days, at most HORIZON
    answers: dict[str, Doubles]  # (m, 3) by who gives them; "" is the model
    household: NDArray[np.int32]  # (m,)


def evaluate(
    artifact: Path | None = None,
    *,
    households: int | None = None,
    baselines: bool = True,
    purchases: Purchases | None = None,
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, or the first few of its households.

    `figures`: n, value, 95 % interval over households and the baselines' values. `purchases`: lines, by default all
    that may be used. Errors: ArtifactError.
    """
    model = load_visit(artifact)
    events = journey.events(journey.lines() if purchases is None else purchases)
    end_ms = int(events.times_ms.max())
    usual = _usual(_ends(visits(events.of_buckets(*TRAIN), end_ms)))
    part = events.of_buckets(TEST)
    if households is not None:
        part = part.take(np.isin(part.household, np.unique(part.household)[:households]))
    cases = _ends(visits(part, end_ms))
    gaps, number = _so_far(cases)

    def asked(which: NDArray[np.bool_], later: float = 0.0) -> _Asked:
        chosen = which & (cases.watched >= HORIZON + later) & (~cases.came | (cases.days > later))
        some = cases.take(chosen)
        outcome = np.minimum(np.where(some.came, some.days - later, np.inf), HORIZON)
        answers = {"": np.array(model.answers(some.x, [later] * len(outcome)))}
        if baselines:
            answers |= {name: np.maximum(each - later, 0) for name, each in _baselines(gaps[chosen], usual).items()}
        return _Asked(outcome, answers, some.household)

    everyone = np.ones(len(gaps), bool)
    figures = [
        *_figures(TASK, asked(everyone)),
        *_figures(f"{TASK}, of the first {FEW} baskets", asked(number < FEW)),
        *_figures(f"{TASK}, asked {LATER:.0f} days after the last", asked(everyone, LATER)),
    ]
    return {
        "artifact": {"name": model.info.name, "version": model.info.version},
        "households": len(np.unique(part.household)),
        "figures": figures,
        "baselines": [OWN, SCALED, EVERYBODY] if baselines else [],
    }


def _ends(every: Visits) -> Visits:
    """The last event of each basket."""
    return every.take(every.last)


def _so_far(ends: Visits) -> tuple[Doubles, NDArray[np.int64]]:
    """(m,) mean days between the household's baskets so far, 0 for none, and which basket it is, from 0."""
    begins = np.append(True, ends.household[1:] != ends.household[:-1])
    place = np.arange(len(begins))
    first = np.maximum.accumulate(np.where(begins, place, 0))
    number = place - first
    return (ends.times_ms - ends.times_ms[first]) / DAY_MS / np.maximum(number, 1), number


def _usual(fitted: Visits) -> tuple[Doubles, Doubles]:
    """Quantiles of training households: of the days, and of those as multiples of the mean gap so far."""
    known = fitted.watched >= HORIZON
    outcome = np.minimum(np.where(fitted.came, fitted.days, np.inf), HORIZON)[known]
    gaps = _so_far(fitted)[0][known]
    ratios = outcome[gaps > 0] / gaps[gaps > 0]
    return np.quantile(outcome, QUANTILES), np.quantile(ratios, QUANTILES)


def _baselines(gaps: Doubles, usual: tuple[Doubles, Doubles]) -> dict[str, Doubles]:
    everybody = np.tile(usual[0], (len(gaps), 1))
    scaled = np.where(gaps[:, None] > 0, np.minimum(gaps[:, None] * usual[1], HORIZON), everybody)
    own = scaled.copy()
    own[gaps > 0, 1] = np.minimum(gaps[gaps > 0], HORIZON)
    return {OWN: own, SCALED: scaled, EVERYBODY: everybody}


def _figures(task: str, asked: _Asked) -> list[dict[str, Any]]:
    people = Households(asked.household)
    others = {name: answers for name, answers in asked.answers.items() if name}
    figures = []
    for metric, of in (
        ("pinball loss, days", _pinball),
        ("coverage of the 80 % interval", _covered),
        ("mean absolute error, days", _error),
    ):
        measured = people.mean(of(asked.answers[""], asked.outcome))
        beside = {name: float(of(answers, asked.outcome).mean()) for name, answers in others.items()}
        figures.append(figure(journey.NAME, task, metric, measured, beside))
    errors = _error(asked.answers[""], asked.outcome)
    drawn = [_median(errors, draw[people.code]) for draw in group_draws(people.code)]
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    beside = {name: float(np.median(_error(answers, asked.outcome))) for name, answers in others.items()}
    middle = len(errors), float(np.median(errors)), low, high
    figures.append(figure(journey.NAME, task, "median absolute error, days", middle, beside))
    return figures


def _pinball(answers: Doubles, outcome: Doubles) -> Doubles:
    """(m,) mean over the three answers."""
    apart = outcome[:, None] - answers
    return np.asarray(np.maximum(apart * QUANTILES, apart * (np.array(QUANTILES) - 1)).mean(axis=1))


def _covered(answers: Doubles, outcome: Doubles) -> Doubles:
    return np.asarray((answers[:, 0] <= outcome) & (outcome <= answers[:, 2]), np.float64)


def _error(answers: Doubles, outcome: Doubles) -> Doubles:
    return np.abs(answers[:, 1] - outcome)


def _median(values: Doubles, weights: Doubles) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(sums, sums[-1] / 2)]])
