"""Fitting the reranker: of a title's candidates, the right ones together shall have the probability."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.taxonomy.reranker import Reranker
from models.taxonomy.vectors import Floats

HIDDEN = 24
EPOCHS = 40
PATIENCE = 6  # epochs without a better validation loss
RATE = 4e-3
DECAY = 1e-2
TITLES_AT_ONCE = 128


def fit_reranker(
    values: Floats,
    right: NDArray[np.bool_],
    weights: Floats,
    held: tuple[Floats, NDArray[np.bool_]],
    seed: int = 0,
) -> Reranker:
    """Fit on (n, K, features) candidates with (n, K) right ones and (n,) weights; stop early on `held`.

    The loss is the negative log of the probability of all right candidates together, so a label that names only a
    coarse category asks for nothing but to stay below it. Titles without a right candidate teach nothing.
    """
    torch.manual_seed(seed)
    known = right.any(axis=1)
    mean = values[known].mean(axis=(0, 1))
    spread = np.maximum(values[known].std(axis=(0, 1)), 1e-3)
    asked = torch.from_numpy((values[known] - mean) / spread)
    truth = torch.from_numpy(right[known])
    weight = torch.from_numpy(weights[known])
    usable = held[1].any(axis=1)
    held_asked = torch.from_numpy((held[0][usable] - mean) / spread)
    held_truth = torch.from_numpy(held[1][usable])
    first, second = nn.Linear(values.shape[2], HIDDEN), nn.Linear(HIDDEN, 1, bias=False)
    direct = nn.Linear(values.shape[2], 1, bias=False)
    layers = nn.ModuleList([first, second, direct])
    optimiser = torch.optim.AdamW(layers.parameters(), lr=RATE, weight_decay=DECAY)

    def losses(rows: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        scores = (second(torch.relu(first(rows))) + direct(rows)).squeeze(2)
        found = torch.log_softmax(scores, dim=1).masked_fill(~wanted, -torch.inf)
        return -torch.logsumexp(found, dim=1)

    best, since = float("inf"), 0
    kept = {name: tensor.clone() for name, tensor in layers.state_dict().items()}
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(asked)).split(TITLES_AT_ONCE):  # type: ignore[no-untyped-call]
            optimiser.zero_grad()
            (losses(asked[rows], truth[rows]) * weight[rows]).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            now = float(losses(held_asked, held_truth).mean())
        since += 1
        if now < best:
            best, since = now, 0
            kept = {name: tensor.clone() for name, tensor in layers.state_dict().items()}
        if since >= PATIENCE:
            break
    layers.load_state_dict(kept)
    return Reranker(
        mean.astype(np.float32),
        spread.astype(np.float32),
        first.weight.detach().numpy().T.copy(),
        first.bias.detach().numpy().copy(),
        second.weight.detach().numpy()[0].copy(),
        direct.weight.detach().numpy()[0].copy(),
    )
