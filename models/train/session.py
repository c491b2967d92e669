"""Train the model of sessions on the log of the electronics store: buckets 2-8 teach, 9 calibrates, 0 measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.data import store
from models.data.splits import TRAIN, VALIDATION
from models.evaluate.store import evaluate, walked_of
from models.registry import with_metrics
from models.session.predictor import save_session
from models.train.options import RunOptions
from models.train.seeds import one_thread
from models.train.session_fit import EPOCHS, fit
from models.train.team import joined


def train(data: Path, output: Path, options: RunOptions) -> dict[str, Any]:
    """Fit, calibrate, store and measure. `output`: the artifact's folder. Errors: DataError, TrainingError.

    Gives the figures, which also go into the manifest, as JSON-able values. With several processes, only the first
    stores and measures; the others give nothing.
    """
    visits = store.load(data)
    walked, later = walked_of(visits), visits.bought_later()
    taught, held = np.isin(visits.bucket, TRAIN), visits.bucket == VALIDATION
    with one_thread(), joined() as team:
        model, errors = fit(
            (walked.take(taught), later[taught], visits.user[taught]),
            (walked.take(held), later[held]),
            seed=options.seed,
            epochs=options.epochs or EPOCHS,
            place=options.place,
            team=team,
            progress=options.progress,
        )
    if not team.first:
        return {}
    training = {
        "data": store.NAME,
        "fingerprint": visits.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "calibrated_on_bucket": VALIDATION,
        "events": int(taught.sum()),
        "seed": options.seed,
        "validation_errors": [round(error, 4) for error in errors],
    }
    save_session(output, model, metrics={}, training=training)
    measured = evaluate(data, output, progress=options.progress)
    with_metrics(output, measured)
    return measured
