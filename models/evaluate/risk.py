"""Measure the risk model: `shelfstream evaluate risk`.

Purchases of the households of bucket 0, of which one in five is taken over by the rules of models/data/takeovers.py,
go through the walk of the stream. Each kind of takeover is measured on its own and all together, several times with
other takeovers. The rules beside it see the same events:

    rate       events of the last hour, by how many the user's events usually had in the hour before them
    category   mean surprise of the visit at its categories, less the user's usual one
    price      mean price of the visit beside its categories', less the user's usual one
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.behaviour import load_behaviour
from models.behaviour.risk_artifact import load_risk
from models.behaviour.risk_model import FEATURES, Doubles, RiskModel
from models.data import journey
from models.data.splits import TEST
from models.data.takeovers import KINDS
from models.evaluate.figure import figure
from models.evaluate.metrics import group_draws
from models.train.risk_signs import Tables, Watched, watch

SHARE = 0.2  # of households that are taken over
REPEATS = 2
ALARMS = 1e-3
HOUR_MS = 3_600_000
RATE, CATEGORY, PRICE = "rate rule", "category rule", "price rule"
ALL = "all kinds"


@dataclass(frozen=True, slots=True)
class Judged:
    """n scored events."""

    scores: dict[str, Doubles]  # (n,) by who gives them; "" is the model
    taken: NDArray[np.bool_]  # (n,)
    takeover: NDArray[np.int64]  # (n,) number, -1 = none
    group: NDArray[np.int64]  # (n,) household, codes from 0


def evaluate(
    artifact: Path | None = None,
    *,
    behaviour: Path | None = None,
    households: int | None = None,
    repeats: int = REPEATS,
    progress: bool = True,
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, or the first few of its households.

    `figures`: per kind of takeover the area under the ROC curve, and precision, recall and takeovers caught at one
    alarm in 1,000 events, with 95 % intervals over households and the rules' values. Errors: ArtifactError.
    """
    model, predictor = load_risk(artifact), load_behaviour(behaviour)
    lines, prices = journey.priced_lines()
    asked = lines.bucket == TEST
    if households is not None:
        asked &= np.isin(lines.household, np.unique(lines.household[asked])[:households])
    lines, prices = lines.take(asked), prices[asked]
    tables = Tables(model.shares, model.prices)
    figures = []
    chosen = {ALL: KINDS, **{kind: (kind,) for kind in KINDS}}
    with tqdm(total=len(chosen) * repeats, desc="takeovers", disable=not progress) as bar:
        for name, kinds in chosen.items():
            parts = []
            for repeat in range(repeats):
                parts.append(watch(predictor, tables, lines, prices, share=SHARE, kinds=kinds, seed=100 + repeat))
                bar.update()
            figures += _figures(name, judge(model, parts), model.weights.alarm)
    return {
        "artifact": {"name": model.info.name, "version": model.info.version},
        "households": len(np.unique(lines.household)),
        "figures": figures,
        "baselines": [RATE, CATEGORY, PRICE],
    }


def judge(model: RiskModel, parts: list[Watched]) -> Judged:
    """The scores of the model and of the rules, over all parts; a household is one group, whichever the part."""
    x = np.concatenate([part.x for part in parts])
    at = {name: place for place, name in enumerate(FEATURES)}
    scores = {
        "": model.weights.score(x),
        RATE: np.concatenate([rate_rule(part.household, part.times_ms) for part in parts]),
        CATEGORY: x[:, at["mean surprise"]],
        PRICE: x[:, at["mean price"]],
    }
    _, group = np.unique(np.concatenate([part.household for part in parts]), return_inverse=True)
    most = max(int(part.takeover.max()) for part in parts) + 1
    takeover = np.concatenate(
        [np.where(part.takeover < 0, -1, part.takeover + number * most) for number, part in enumerate(parts)]
    )
    return Judged(scores, takeover >= 0, takeover, group)


def rate_rule(household: NDArray[np.int32], times_ms: NDArray[np.int64]) -> Doubles:
    """(n,) events of the user in the hour up to each, divided by the mean of that over the user's events before."""
    starts = np.flatnonzero(np.concatenate([[True], household[1:] != household[:-1]]))
    found = np.empty(len(times_ms))
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(times_ms)], strict=True):
        mine = times_ms[start:stop]
        places = np.arange(len(mine))
        count = places + 1 - np.searchsorted(mine, mine - HOUR_MS)
        before = np.cumsum(count) - count
        found[start:stop] = count / np.where(places > 0, before / np.maximum(places, 1), count)
    return found


def area(scores: Doubles, taken: NDArray[np.bool_], weights: Doubles) -> float:
    """Area under the ROC curve of weighted events; ties count half."""
    codes = np.unique(scores, return_inverse=True)[1]
    return _area(codes, taken, weights)


def _area(codes: NDArray[np.int64], taken: NDArray[np.bool_], weights: Doubles) -> float:
    """The same, where `codes` are the places of the scores in their order."""
    size = int(codes.max()) + 1
    of_taken = np.bincount(codes[taken], weights[taken], size)
    of_own = np.bincount(codes[~taken], weights[~taken], size)
    below = np.cumsum(of_own) - of_own / 2
    return float((of_taken @ below) / (of_taken.sum() * of_own.sum()))


def _figures(name: str, judged: Judged, alarm: float) -> list[dict[str, Any]]:
    taken, scores = judged.taken, judged.scores
    n, everything = len(taken), np.ones(len(taken))
    codes = np.unique(scores[""], return_inverse=True)[1]
    draws = list(group_draws(judged.group))
    rules = [rule for rule in scores if rule]
    rows = [
        _row(name, "area under ROC", n, _area(codes, taken, everything),
             [_area(codes, taken, draw[judged.group]) for draw in draws],
             {rule: area(scores[rule], taken, everything) for rule in rules})
    ]  # fmt: skip
    at_rate = {rule: _at_rate(judged, scores[rule], draws if not rule else []) for rule in scores}
    for place, metric in enumerate(("precision", "recall", "takeovers caught")):
        counted = (round(ALARMS * n), int(taken.sum()), len(np.unique(judged.takeover)) - 1)[place]
        values = [drawn[place] for drawn in at_rate[""][1:]]
        rows.append(
            _row(name, f"{metric} at 1 alarm in 1,000 events", counted, at_rate[""][0][place], values,
                 {rule: at_rate[rule][0][place] for rule in rules})
        )  # fmt: skip
    told = scores[""] >= alarm
    rows.append(
        _row(name, "alarms in 1,000 events at the artifact's threshold", n, 1e3 * float(told.mean()),
             [1e3 * float((draw[judged.group] @ told) / draw[judged.group].sum()) for draw in draws], {})
    )  # fmt: skip
    return rows


def _at_rate(judged: Judged, scores: Doubles, draws: list[Doubles]) -> list[tuple[float, float, float]]:
    """Precision, recall and share of takeovers caught by the highest scores, one alarm in 1,000 events: as they are,
    and in each draw of households.
    """
    tie = np.random.default_rng(0).random(len(scores))  # a rule gives many events one score
    order = np.lexsort((tie, -scores))
    taken, takeover, group = judged.taken[order], judged.takeover[order], judged.group[order]
    found = []
    for draw in [np.ones(int(group.max()) + 1), *draws]:
        weights = draw[group]
        alarm = np.cumsum(weights) <= ALARMS * weights.sum()
        hits = weights[alarm & taken].sum()
        _, first = np.unique(takeover[alarm & taken], return_index=True)
        _, one = np.unique(takeover[taken], return_index=True)
        by_takeover = weights[taken][one].sum()
        found.append((
            float(hits / max(weights[alarm].sum(), 1)),
            float(hits / max(weights[taken].sum(), 1)),
            float(weights[alarm & taken][first].sum() / max(by_takeover, 1)),
        ))  # fmt: skip
    return found


def _row(kind: str, metric: str, n: int, value: float, drawn: list[float], others: dict[str, float]) -> dict[str, Any]:
    low, high = np.nanpercentile(drawn, [2.5, 97.5]).tolist()
    return figure(f"{journey.NAME}, takeovers", kind, metric, (n, value, low, high), others)
