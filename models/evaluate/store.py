"""Whether a session of the electronics store still brings a purchase: `shelfstream evaluate behaviour --part store`.

Every event of a session is a case. The users of bucket 0 are few and their purchases fewer, so the same is measured
a second time with every user once: the buckets take turns to be test and validation, and each turn fits anew, model and
baseline alike. These figures are of the way of fitting, the first are of the artifact.

baseline    logistic regression on views, carts, seconds since the session began and price, by their logarithms
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.data import store
from models.data.splits import KEPT_OUT, TEST, TRAIN, VALIDATION
from models.data.store import Visits
from models.evaluate.chances import average_precision, best_threshold, chances, log_loss, precision, recall
from models.evaluate.figure import rounded
from models.evaluate.metrics import Cases, Metric, calibration_error, group_draws, interval, value
from models.session.counters import FEATURES
from models.session.log import Walked, walk
from models.session.predictor import load_session
from models.train.session_fit import fit

BASELINE = "logistic regression"
TASK = "purchase later in the session"
COUNTED = [FEATURES.index(name) for name in ("views", "carts", "seconds", "price")]
Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Judged:
    """Chances of the same events from the model and from the baseline, and what validation set as thresholds."""

    mine: Cases
    floor: Cases | None
    thresholds: tuple[float, float]


def evaluate(
    data: Path, artifact: Path | None = None, *, baselines: bool = True, progress: bool = True, turns: bool = True
) -> dict[str, Any]:
    """Figures of an artifact (None = the shipped one) on bucket 0, as JSON-able values.

    `figures`: n, value, 95 % interval over users and the baseline's value. Without `turns`, or without `baselines`, the
    buckets do not take turns, which saves a minute. Errors: DataError, ArtifactError.
    """
    info, model = load_session(artifact)
    visits = store.load(data)
    walked, later = walked_of(visits), visits.bought_later()
    asked, held = visits.bucket == TEST, visits.bucket == VALIDATION
    chance = model.run(walked)
    floor = _regression(walked, later, np.isin(visits.bucket, TRAIN)) if baselines else None
    judged = _judged(visits, later, chance, floor, asked, held)
    figures = _figures(store.NAME, judged)
    if baselines and turns:
        figures += _figures(f"{store.NAME}, every user once", by_turns(visits, walked, later, progress=progress))
    return {
        "artifact": {"name": info.name, "version": info.version},
        "figures": figures,
        "baselines": [BASELINE] if baselines else [],
    }


def walked_of(visits: Visits) -> Walked:
    """The whole log, event by event in its order."""
    return walk(
        *(visits.user, visits.session, visits.types, visits.product, visits.category),
        *(visits.price, visits.times_ms),
    )


def by_turns(visits: Visits, walked: Walked, later: NDArray[np.bool_], *, seed: int = 7, progress: bool) -> Judged:
    """Each bucket is test once, with the one before it as validation and the others to fit on."""
    ring = [bucket for bucket in range(10) if bucket != KEPT_OUT]
    mine, floor = np.zeros(len(later), np.float32), np.zeros(len(later), np.float32)
    for place, bucket in enumerate(ring):
        asked, held = visits.bucket == bucket, visits.bucket == ring[place - 1]
        taught = ~asked & ~held
        model, _ = fit(
            (walked.take(taught), later[taught], visits.user[taught]),
            (walked.take(held), later[held]),
            seed=seed,
            progress=progress,
        )
        mine[asked] = model.run(walked.take(asked))
        floor[asked] = _regression(walked, later, taught)[asked]
    everyone = np.ones(len(later), bool)
    return _judged(visits, later, mine, floor, everyone, everyone)


def _regression(walked: Walked, later: NDArray[np.bool_], taught: NDArray[np.bool_]) -> Floats:
    """(n,) chances of all events, fitted on those taught."""
    counts = walked.features[:, COUNTED]
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(counts[taught], later[taught])
    chance: Floats = fitted.predict_proba(counts)[:, 1]
    return chance


def _judged(
    visits: Visits,
    later: NDArray[np.bool_],
    mine: Floats,
    floor: Floats | None,
    asked: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> Judged:
    def cases(chance: Floats, which: NDArray[np.bool_]) -> Cases:
        return chances(later[which], chance[which], visits.user[which])

    own = best_threshold(cases(mine, held))
    if floor is None:
        return Judged(cases(mine, asked), None, (own, own))
    return Judged(cases(mine, asked), cases(floor, asked), (own, best_threshold(cases(floor, held))))


def _figures(name: str, judged: Judged) -> list[dict[str, Any]]:
    mine, floor = judged.mine, judged.floor
    positives = int(mine.truth.sum())
    alarms = int((mine.confidence >= judged.thresholds[0]).sum())
    at_mine, at_floor = judged.thresholds
    rows: list[tuple[str, int, Metric, Metric]] = [
        ("average precision", len(mine), average_precision, average_precision),
        ("ECE", len(mine), calibration_error, calibration_error),
        ("log loss", len(mine), log_loss, log_loss),
        ("precision at the best F1 of validation", alarms, precision(at_mine), precision(at_floor)),
        ("recall at the best F1 of validation", positives, recall(at_mine), recall(at_floor)),
    ]
    figures = [
        _row(name, metric, n, value(own, mine), interval(own, mine), None if floor is None else value(other, floor))
        for metric, n, own, other in rows
    ]
    if floor is not None:
        ratio = value(average_precision, mine) / value(average_precision, floor)
        figures.append(_row(name, "average precision over the baseline's", positives, ratio, _ratio(mine, floor), 1.0))
    return figures


def _ratio(mine: Cases, floor: Cases) -> tuple[float, float]:
    """95 % interval of the ratio of the average precisions, both of the same draws of users."""
    with np.errstate(invalid="ignore"):
        drawn = [
            average_precision(mine, draw[mine.groups]) / average_precision(floor, draw[mine.groups])
            for draw in group_draws(mine.groups)
        ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _row(
    name: str, metric: str, n: int, measured: float, ends: tuple[float, float], floor: float | None
) -> dict[str, Any]:
    return rounded(name, TASK, metric, (n, measured, *ends), {} if floor is None else {BASELINE: floor})
