"""Fitting the network of sessions: all members at once, each on batches of its own, the common training loop."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.session.log import Walked
from models.session.network import SessionNetwork
from models.session.predictor import SessionModel
from models.session.rates import fit_rates
from models.train.behaviour_calibration import platt
from models.train.loop import Settings, run
from models.train.options import NOWHERE, RunPlace
from models.train.rates import Rates
from models.train.seeds import seeded
from models.train.team import Rows, Team

EPOCHS = 10
BATCH = 256
RATE = 3e-3
PRIORS = (100.0, 100.0)  # events that the rate of all stands for in a product's and a category's own


class SessionTask:
    """The task for models.train.loop."""

    def __init__(self, network: SessionNetwork, fitted: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor]) -> None:
        self.network = network
        self._fitted, self._held = fitted, held

    def order(self, random: np.random.Generator) -> list[Rows]:
        """Shuffled batches; the last, smaller one is left out."""
        shuffled = random.permutation(len(self._fitted[1]))
        return [shuffled[at : at + BATCH] for at in range(0, len(shuffled) - BATCH + 1, BATCH)]

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Summed over the members: none may lean on another."""
        inputs, bought = self._fitted[0][rows], self._fitted[1][rows]
        logits = self.network(inputs)
        return F.binary_cross_entropy_with_logits(logits, bought.expand_as(logits)) * len(logits)

    def error(self) -> float:
        """Log loss of the held-out users, of the mean logit."""
        self.network.eval()
        with torch.no_grad():
            loss = F.binary_cross_entropy_with_logits(self.network(self._held[0]).mean(dim=0), self._held[1])
        self.network.train()
        return float(loss)


def fit(
    fitted: tuple[Walked, NDArray[np.bool_], NDArray[np.int64]],
    held: tuple[Walked, NDArray[np.bool_]],
    *,
    seed: int,
    epochs: int = EPOCHS,
    place: RunPlace = NOWHERE,
    team: Team | None = None,
    progress: bool,
) -> tuple[SessionModel, list[float]]:
    """Events with what was bought later, and for fitting their users -> a calibrated model, and its validation errors.

    The best epoch, slope and intercept come from the held-out users. Errors: TrainingError.
    """
    random = seeded(seed)
    walked, bought, users = fitted
    tables, gains = zip(
        *(
            fit_rates(keys, bought, users, prior)
            for keys, prior in zip((walked.products, walked.categories), PRIORS, strict=True)
        ),
        strict=True,
    )
    network = SessionNetwork()
    model = SessionModel(network, *tables)
    inputs = torch.from_numpy(np.column_stack([walked.features, *gains]))
    own = (held[0].features, tables[0].of(held[0].products), tables[1].of(held[0].categories))
    asked = torch.from_numpy(np.column_stack(own))
    network.get_buffer("mean").copy_(inputs.mean(dim=0))
    network.get_buffer("scale").copy_(inputs.std(dim=0).clamp(min=1e-3))
    with torch.no_grad():
        network.bias.fill_(float(np.log(bought.mean() / (1 - bought.mean()))))
    truth = torch.from_numpy(bought.astype(np.float32)), torch.from_numpy(held[1].astype(np.float32))
    task = SessionTask(network, (inputs, truth[0]), (asked, truth[1]))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    steps = epochs * (len(inputs) // BATCH)
    rates = Rates(optimizer, "cosine", steps, warm_up=0.2)
    settings = Settings(epochs, epochs, precision="float32", seed=seed)
    checkpoints = place.checkpoints({"seed": seed, "epochs": epochs, "events": _fingerprint(inputs, asked, *truth)})
    errors = run(
        *(task, optimizer, rates, settings),
        random=random,
        team=team,
        checkpoints=checkpoints,
        log_dir=place.log_dir,
        progress=progress,
    )
    network.eval()
    with torch.no_grad():
        logits = network(asked).mean(dim=0).double().numpy()
        network.get_buffer("platt").copy_(torch.tensor(platt(logits, held[1].astype(np.float64))))
    return model, errors


def _fingerprint(*columns: Tensor) -> str:
    """crc32 over all of them: whose run a checkpoint is."""
    crc = 0
    for column in columns:
        crc = zlib.crc32(column.contiguous().numpy().tobytes(), crc)
    return f"{crc:08x}"
