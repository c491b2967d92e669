"""Measure the explanations of user predictions: `shelfstream evaluate user-explanation`. Do the named events matter?

Of each household of bucket 0 one moment is drawn, and its likeliest next category is explained. Removal: the events
with the largest weights are taken out of the history, the rest is streamed again, and the answer's confidence is looked
at; beside it, as many events drawn at random from those looked at, the latest ones, those of the answer's own category,
and those that the LSTM's part of the weights alone would name. Sum: how far the weights are from adding up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.behaviour import BehaviourPredictor, load_behaviour
from models.columns import EventColumns
from models.data import journey
from models.data.journey import Purchases
from models.data.sequences import as_events
from models.data.splits import TEST
from models.evaluate.households import Households
from models.explain.user import EventWeight, UserExplanation
from models.explain.users import LAST, UserExplainer, row_after

HOUSEHOLDS = 200
FEWEST = 20  # events before a moment that is drawn: two baskets or more
REMOVED = (1, 3)  # events
DRAWS = 4  # random choices of events beside each named one
RANDOM, LATEST, SAME, MEMORY = "random events", "latest events", "same category, latest", "memory alone"


@dataclass(frozen=True, slots=True)
class _Moment:
    """One explanation and what its answer loses by removals: by number removed, then by who chose, a confidence."""

    explanation: UserExplanation
    lost: dict[int, dict[str, float]]


def evaluate(
    artifact: Path | None = None, *, households: int = HOUSEHOLDS, seed: int = 7, progress: bool = True
) -> dict[str, Any]:
    """Figures on households of bucket 0, one moment each, with 95 % intervals over households, as JSON-able values.

    Errors: ArtifactError; ModelError without captum.
    """
    asked = journey.events(journey.lines()).of_buckets(TEST)
    return measure(load_behaviour(artifact), asked, households=households, seed=seed, progress=progress)


def measure(
    predictor: BehaviourPredictor, asked: Purchases, *, households: int, seed: int, progress: bool
) -> dict[str, Any]:
    """As `evaluate`, for a model and purchases at hand."""
    random = np.random.default_rng(seed)
    columns = as_events(asked, {int(product): number for number, product in enumerate(predictor.products)})
    explainer = UserExplainer(predictor)
    numbers, counts = np.unique(asked.household, return_counts=True)
    drawn = random.permutation(numbers[counts > FEWEST])[:households]
    moments = []
    for household in tqdm(drawn.tolist(), desc="explanations", disable=not progress):
        mine = np.flatnonzero(asked.household == household)
        events = columns.take(mine[: random.integers(FEWEST, len(mine))])
        moments.append(_moment(predictor, events, explainer.explain(events), random))
    people = Households(np.arange(len(moments)))
    return {
        "artifact": {"name": predictor.info.name, "version": predictor.info.version},
        "households": len(moments),
        "events_looked_at": LAST,
        "figures": _removal(people, moments) + _shares(people, moments),
        "baselines": [RANDOM, LATEST, SAME, MEMORY],
    }


def _moment(
    predictor: BehaviourPredictor, events: EventColumns, found: UserExplanation, random: np.random.Generator
) -> _Moment:
    first = found.events[0].place
    looked, before = events.take(slice(first, None)), row_after(predictor, events.take(slice(first)))
    lost: dict[int, dict[str, float]] = {}
    for count in REMOVED:
        chosen = {name: [each.place - first for each in ranked[:count]] for name, ranked in _rankings(found).items()}
        draws = [random.choice(len(found.events), count, replace=False).tolist() for _ in range(DRAWS)]
        left = confidences(predictor, before, looked, [*chosen.values(), *draws], found.category)
        gone = found.confidence - left
        lost[count] = dict(zip(chosen, gone.tolist(), strict=False)) | {RANDOM: float(gone[len(chosen) :].mean())}
    return _Moment(found, lost)


def _rankings(found: UserExplanation) -> Mapping[str, Sequence[EventWeight]]:
    """The events looked at in the order in which each method would name them; the explanation's own first."""
    latest = found.events[::-1]
    return {
        "": sorted(latest, key=lambda event: -event.weight),
        LATEST: latest,
        SAME: sorted(latest, key=lambda event: event.category != found.category),
        MEMORY: sorted(latest, key=lambda event: -event.parts.memory),
    }


def confidences(
    predictor: BehaviourPredictor,
    before: np.ndarray,
    looked: EventColumns,
    removed: Sequence[Sequence[int]],
    category: str,
) -> NDArray[np.float64]:
    """(1,) row before n events; v lists of places removed -> (v,) confidence of the category after the others."""
    n = len(looked.types)
    kept = np.ones((len(removed), n), bool)
    for variant, places in enumerate(removed):
        kept[variant, list(places)] = False
    slots, left = np.nonzero(kept)
    last = np.append(slots[1:] != slots[:-1], True)
    rows = np.repeat(before, len(removed))
    batch = predictor.run(rows, slots, looked.take(left), top=len(predictor.categories), emit=last)
    number = predictor.categories.index(category)
    found: NDArray[np.float64] = np.where(batch.category_ids == number, batch.category_confidence, 0).sum(axis=1)
    return found.astype(np.float64)


def _removal(people: Households, moments: Sequence[_Moment]) -> list[dict[str, Any]]:
    figures = []
    for count in REMOVED:
        lost = {name: np.array([each.lost[count][name] for each in moments]) for name in moments[0].lost[count]}
        named = lost.pop("")
        what = "1 event removed" if count == 1 else f"{count} events removed"
        figures.append(
            _figure(f"confidence lost, {what}", people.mean(named), {k: float(v.mean()) for k, v in lost.items()})
        )
        more = named > lost[RANDOM]
        figures.append(_figure(f"users that lose more by the named than by chance, {what}", people.mean(more), {}))
    return figures


def _shares(people: Households, moments: Sequence[_Moment]) -> list[dict[str, Any]]:
    shares = [each.explanation.parts.shares() for each in moments]
    figures = [
        _figure(f"share of {name}", people.mean(np.array([each[name] for each in shares])), {}) for name in shares[0]
    ]
    rest = np.abs([each.explanation.rest for each in moments])
    figures.append(_figure("error of the sum of weights, mean", people.mean(rest), {}))
    figures.append(_figure("error of the sum of weights, largest", (len(rest), float(rest.max()), None, None), {}))
    return figures


def _figure(
    metric: str, measured: tuple[int, float, float | None, float | None], others: dict[str, float]
) -> dict[str, Any]:
    n, value, low, high = measured
    common = {"set": journey.NAME, "task": "next category", "metric": metric, "n": n}
    return {**common, "value": value, "low": low, "high": high, "baselines": others}
