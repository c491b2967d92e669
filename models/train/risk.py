"""Train the risk model on purchases with takeovers (models/data/takeovers.py): `shelfstream train risk`.

Households of buckets 2-8 are fitted on, all of which are taken over once; those of bucket 9 decide when to stop, the
calibration and the thresholds, where a takeover counts a fifth: as if one household in five were taken over.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.behaviour import load_behaviour
from models.behaviour.risk_artifact import NAME, save_risk
from models.behaviour.risk_model import FEATURES, Doubles, RiskModel, Weights
from models.columns import ModelInfo
from models.data import journey
from models.data.splits import TRAIN, VALIDATION
from models.train.behaviour_calibration import platt
from models.train.risk_signs import Watched, fit_tables, watch

EPOCHS = 12
UNITS = 24
BATCH = 8192
RATE, DECAY = 4e-3, 1e-3
SHARE = 0.2  # of households that are taken over, to which scores are calibrated
ALARMS, NOTABLE = 1e-3, 1e-2  # shares of events


def train(
    output: Path,
    *,
    behaviour: Path | None = None,
    epochs: int | None = None,
    seed: int = 7,
    households: int | None = None,
) -> dict[str, Any]:
    """Fit, calibrate and save a risk artifact to `output`; returns what happened, as in its manifest.

    `behaviour` is the artifact whose rows it reads (None = the shipped one); `households` limits those fitted on.
    """
    began = time.monotonic()
    predictor = load_behaviour(behaviour)
    lines, prices = journey.priced_lines()
    training, held = np.isin(lines.bucket, TRAIN), lines.bucket == VALIDATION
    if households is not None:
        training &= np.isin(lines.household, np.unique(lines.household[training])[:households])
    tables = fit_tables(lines.take(training), prices[training])
    fitted = watch(predictor, tables, lines.take(training), prices[training], share=1.0, seed=seed)
    judged = watch(predictor, tables, lines.take(held), prices[held], share=1.0, seed=seed + 1)

    weights, history = fit(fitted, judged, epochs or EPOCHS, seed)
    facts = {
        "data": journey.NAME,
        "fingerprint": lines.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "events": len(fitted.kind),
        "takeover_events": int((fitted.kind >= 0).sum()),
        "behaviour": {"name": predictor.info.name, "version": predictor.info.version},
        "seed": seed,
        "epochs": history,
        "seconds": round(time.monotonic() - began),
    }
    model = RiskModel(ModelInfo(NAME, ""), lines.categories, tables.shares, tables.prices, weights)
    manifest = save_risk(output, model, metrics={}, training=facts)
    return {"artifact": str(output), "name": manifest.name, "version": manifest.version, **facts}


def fit(fitted: Watched, judged: Watched, epochs: int, seed: int) -> tuple[Weights, list[dict[str, float]]]:
    """The weights that are best on `judged`, calibrated, and the loss after each epoch."""
    torch.manual_seed(seed)
    normal = fitted.x[fitted.kind < 0]
    start = Weights(
        normal.mean(axis=0), normal.std(axis=0) + 1e-6, np.zeros((len(FEATURES), 1)), np.zeros(1), np.zeros(1),
        0.0, 1.0, 0.0, 1.0, 1.0,
    )  # fmt: skip
    last = nn.Linear(UNITS, 1)
    network = nn.Sequential(nn.Linear(len(FEATURES), UNITS), nn.ReLU(), last)
    rare = float((fitted.kind >= 0).mean())
    with torch.no_grad():
        last.bias.fill_(float(np.log(rare / (1 - rare))))
    x, y = _tensors(start, fitted)
    held_x, held_y = _tensors(start, judged)
    loss = nn.BCEWithLogitsLoss()
    steps = epochs * -(-len(x) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    history, best, kept = [], float("inf"), network.state_dict()
    for epoch in range(epochs):
        for rows in torch.split(torch.randperm(len(x)), BATCH):
            optimiser.zero_grad()
            loss(network(x[rows])[:, 0], y[rows]).backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            value = float(loss(network(held_x)[:, 0], held_y))
        history.append({"epoch": epoch + 1, "loss": value})
        if value < best:
            best, kept = value, {name: tensor.clone() for name, tensor in network.state_dict().items()}
    named = {name: tensor.double().numpy() for name, tensor in kept.items()}
    weights = replace(
        start,
        hidden=named["0.weight"].T.copy(),
        hidden_bias=named["0.bias"],
        out=named["2.weight"][0].copy(),
        out_bias=float(named["2.bias"][0]),
    )
    return calibrated(weights, judged), history


def _tensors(weights: Weights, watched: Watched) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.from_numpy(weights.standardised(watched.x).astype(np.float32))
    return x, torch.from_numpy((watched.kind >= 0).astype(np.float32))


def calibrated(weights: Weights, judged: Watched) -> Weights:
    """Slope and intercept of the logit by maximum likelihood (Platt, 1999), and the two thresholds."""
    truth = (judged.kind >= 0).astype(np.float64)
    counts = np.where(truth > 0, SHARE, 1.0)
    logit = weights.logit(weights.standardised(judged.x))
    slope, intercept = platt(logit, truth, rounds=25, counts=counts)
    weights = replace(weights, slope=slope, intercept=intercept)
    scores = weights.score(judged.x)
    return replace(weights, alarm=_reached_by(scores, counts, ALARMS), notable=_reached_by(scores, counts, NOTABLE))


def _reached_by(scores: Doubles, counts: NDArray[np.float64], share: float) -> float:
    """The lowest score that no more than this share of the weighted events reach."""
    order = np.argsort(-scores, kind="stable")
    above = np.cumsum(counts[order]) <= share * counts.sum()
    return float(scores[order[max(int(above.sum()) - 1, 0)]])
