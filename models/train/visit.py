"""Train the model of the next visit on a year of household purchases: `shelfstream train visit`.

Households of buckets 2-8 are fitted on. Those of bucket 9 decide when to stop and, with what is not known of those who
were not seen again (Kaplan and Meier 1958), at which shares of the distribution the answers are taken.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.behaviour.visit import ENDS, FEATURES, QUANTILES, Doubles, VisitModel, Weights, at_days
from models.behaviour.visit_artifact import NAME, save_visit
from models.columns import ModelInfo
from models.data import journey
from models.data.journey import Purchases
from models.data.splits import TRAIN, VALIDATION
from models.evaluate.visit import evaluate
from models.registry import with_metrics
from models.train.seeds import one_thread, seeded
from models.train.visit_cases import Visits, visits

EPOCHS = 8
UNITS = 64
BATCH = 2_048
RATE, DECAY = 4e-3, 1e-3
RARE = -4.0  # logarithm of what a span adds, to begin with
WITHIN = 0.12  # share of events within a basket that are fitted on, besides the last of each


def train(
    output: Path, *, epochs: int | None = None, seed: int = 7, purchases: Purchases | None = None
) -> dict[str, Any]:
    """Fit, calibrate, store and measure. `output`: the artifact's folder; `purchases`: lines, by default all there are.

    Gives the figures, which also go into the manifest, as JSON-able values.
    """
    began = time.monotonic()
    lines = journey.lines() if purchases is None else purchases
    events = journey.events(lines)
    end_ms = int(events.times_ms.max())
    random = seeded(seed)
    every = visits(events.of_buckets(*TRAIN), end_ms)
    taught = every.take(every.last | (random.random(len(every.days)) < WITHIN))
    held = visits(events.of_buckets(VALIDATION), end_ms)
    held = held.take(held.last)
    with one_thread():
        weights, history = fit(taught, held, epochs or EPOCHS)
    weights = calibrated(weights, held)
    training = {
        "data": journey.NAME,
        "fingerprint": lines.fingerprint(),
        "fitted_buckets": list(TRAIN),
        "validated_buckets": [VALIDATION],
        "events": len(taught.days),
        "not_seen_again": int((~taught.came).sum()),
        "seed": seed,
        "epochs": history,
        "levels": [round(level, 4) for level in weights.levels.tolist()],
        "seconds": round(time.monotonic() - began),
    }
    save_visit(output, weights, metrics={}, training=training)
    measured = evaluate(output, purchases=lines)
    with_metrics(output, measured)
    return measured


def fit(taught: Visits, held: Visits, epochs: int) -> tuple[Weights, list[dict[str, float]]]:
    """The weights of the best epoch on `held`, and the loss after each. Draws from torch's generator."""
    mean, scale = taught.x.mean(axis=0), taught.x.std(axis=0) + 1e-6
    first, last = nn.Linear(len(FEATURES), UNITS), nn.Linear(UNITS, len(ENDS))
    nn.init.constant_(last.bias, RARE)
    network = nn.Sequential(first, nn.ReLU(), last)
    inputs, outcome = _tensors(taught, mean, scale)
    asked, known = _tensors(held, mean, scale)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    steps = epochs * -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    history, best, kept = [], float("inf"), network.state_dict()
    for epoch in range(epochs):
        for rows in torch.split(torch.randperm(len(inputs)), BATCH):
            optimiser.zero_grad()
            torch.autograd.backward(_loss(network(inputs[rows]), outcome[rows]))
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            value = float(_loss(network(asked), known))
        history.append({"epoch": epoch + 1, "loss": round(value, 4)})
        if value < best:
            best, kept = value, {name: tensor.clone() for name, tensor in network.state_dict().items()}
    named = {name: tensor.double().numpy() for name, tensor in kept.items()}
    levels = np.array(QUANTILES)
    layers = named["0.weight"].T.copy(), named["0.bias"], named["2.weight"].T.copy(), named["2.bias"]
    return Weights(mean, scale, *layers, levels), history


def _tensors(cases: Visits, mean: Doubles, scale: Doubles) -> tuple[Tensor, Tensor]:
    """(n, FEATURES) standardised, and (n, 3): the span of days in which the visit came or was lost sight of, the part
    of it that was over then, and whether it came.
    """
    days = np.minimum(cases.days, ENDS[-1])
    span = np.minimum(np.searchsorted(ENDS, days, side="right"), len(ENDS) - 1)
    begins = np.concatenate([[0.0], ENDS])
    part = (days - begins[span]) / np.diff(begins)[span]
    came = cases.came & (cases.days < ENDS[-1])
    inputs = torch.from_numpy(((cases.x - mean) / scale).astype(np.float32))
    return inputs, torch.from_numpy(np.stack([span, part, came], axis=1).astype(np.float32))


def _loss(added: Tensor, outcome: Tensor) -> Tensor:
    """Mean minus log likelihood of (n, 3) outcomes, but for the lengths of the spans, which no weight changes."""
    place, part, came = outcome[:, :1].long(), outcome[:, 1], outcome[:, 2]
    still = F.pad(added.exp().cumsum(dim=1), (1, 0))  # (n, ENDS + 1) minus log of not being back
    own = added.gather(1, place)[:, 0]
    return (still.gather(1, place)[:, 0] + part * own.exp() - came * own).mean()


def calibrated(weights: Weights, held: Visits) -> Weights:
    """With the shares of the distribution before which QUANTILES of the cases of `held` came."""
    sums = VisitModel(ModelInfo(NAME, ""), weights).sums(held.x).tolist()
    days = np.minimum(held.days, ENDS[-1]).tolist()
    share = 1 - np.exp([-at_days(of_one, passed) for of_one, passed in zip(sums, days, strict=True)])
    return replace(weights, levels=_levels(share, held.came & (held.days < ENDS[-1])))


def _levels(share: Doubles, came: NDArray[np.bool_]) -> Doubles:
    """(n,) shares of the distribution at which a visit came or was lost sight of -> (3,) Kaplan-Meier quantiles."""
    order = np.lexsort((~came, share))
    left = np.cumprod(1 - came[order] / np.arange(len(share), 0, -1))
    place = np.searchsorted(-left, -(1 - np.array(QUANTILES)))
    return np.asarray(share[order][np.minimum(place, len(share) - 1)])
