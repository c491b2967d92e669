"""Fitting the fused network on a few hundred products: strong penalties, whole modalities left out, early stopping."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from models.fusion.network import NUMBERS, PICTURE, TEXT, FusionNetwork, Inputs, Size


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one fused network is fitted."""

    epochs: int = 30
    patience: int = 12  # epochs without a validation error as low as the lowest before it ends
    batch: int = 128  # products
    rate: float = 0.03  # of the towers that are one linear layer; they begin at zero
    deep_rate: float = 2e-3  # of the BiLSTM and of the numbers' network
    penalty: float = 0.03  # of the linear towers' squared weights, per product
    decay: float = 0.02  # of the deep towers
    dropout: float = 0.3
    no_text: float = 0.1  # share of products shown without their text
    no_picture: float = 0.3
    no_numbers: float = 0.3
    no_description: float = 0.15  # shown with their name alone
    views: int = 0  # of each picture, altered ones that a step may see in its place


@dataclass(frozen=True, slots=True)
class Labels:
    """(n,) codes of both levels; -1 = a label that was not taught."""

    first: Tensor
    second: Tensor


@dataclass(frozen=True, slots=True)
class Fitted:
    """The network with the lowest validation error, the last of those, and how it came about."""

    network: FusionNetwork
    errors: list[float]  # validation error after each epoch: mean over both levels of the share answered wrong


def fit(
    training: Inputs,
    bare: Inputs,
    labels: Labels,
    validation: Inputs,
    held_out: Labels,
    size: Size,
    parents: list[int],
    recipe: Recipe,
    *,
    seed: int,
    views: Tensor | None = None,
    progress: bool = True,
) -> Fitted:
    """Fit on `training`; `bare` is the same products without their descriptions.

    `views` (v, n, picture): other vectors of each picture; a step sees one of them or the picture's own, as drawn.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = FusionNetwork(size, parents, recipe.dropout)
    _standardise(network, training)
    optimizer, schedule = _optimizer(network, recipe, math.ceil(len(training) / recipe.batch) * recipe.epochs)
    best, errors = copy.deepcopy(network), list[float]()
    epochs = tqdm(range(recipe.epochs), desc="fused network", disable=not progress)
    for _ in epochs:
        network.train()
        order = random.permutation(len(training))
        for start in range(0, len(order), recipe.batch):
            rows = order[start : start + recipe.batch]
            if len(rows) < 2:  # batch normalisation needs two
                continue
            given = _batch(training, bare, rows, recipe, random)
            if views is not None:
                given = replace(given, picture=_drawn(given.picture, views[:, rows], random))
            kept = Labels(labels.first[rows], labels.second[rows])
            loss = loss_of(network, given, kept) + recipe.penalty / len(order) / 2 * _squares(network)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
        errors.append(_error_on(network, validation, held_out))
        epochs.set_postfix(validation_error=f"{errors[-1]:.4f}")
        # By error, not by loss: the loss soon grows with confidence alone, which the temperatures mend afterwards.
        if errors[-1] == min(errors):
            best = copy.deepcopy(network)
        elif int(np.argmin(errors[::-1])) > recipe.patience:
            break
    return Fitted(best.eval(), errors)


def loss_of(network: FusionNetwork, given: Inputs, labels: Labels) -> Tensor:
    """Cross-entropy of the first level and of both together, over the products whose label was taught."""
    first, second = network.log_probabilities(*network.forward(given))
    return functional.nll_loss(first, labels.first, ignore_index=-1) + functional.nll_loss(
        second, labels.second, ignore_index=-1
    )


def _error_on(network: FusionNetwork, given: Inputs, labels: Labels) -> float:
    network.eval()
    with torch.inference_mode():
        first, second = network.log_probabilities(*network.forward(given))
        wrong = [first.argmax(dim=1) != labels.first, second.argmax(dim=1) != labels.second]
    return float(torch.stack(wrong).float().mean())


def _batch(
    training: Inputs, bare: Inputs, rows: NDArray[np.int64], recipe: Recipe, random: np.random.Generator
) -> Inputs:
    """Some of the products, each with some of what is known of it; never with nothing."""
    short = random.random() < recipe.no_description  # for a whole batch: it spares a merge, and batches are many
    given = (bare if short else training).take(rows)
    kept = np.ones((len(rows), 3), dtype=np.bool_)
    for column, share in ((TEXT, recipe.no_text), (PICTURE, recipe.no_picture), (NUMBERS, recipe.no_numbers)):
        kept[:, column] = random.random(len(rows)) >= share
    there = given.there.numpy()
    kept[~(kept & there).any(axis=1)] = True
    return given.only(torch.from_numpy(kept))


def _drawn(own: Tensor, views: Tensor, random: np.random.Generator) -> Tensor:
    """(n, w) and (v, n, w) -> (n, w) of each picture one of its v + 1 vectors."""
    every = torch.cat([own[None], views])
    return every[torch.from_numpy(random.integers(0, len(every), len(own))), torch.arange(len(own))]


def _standardise(network: FusionNetwork, training: Inputs) -> None:
    """Centres and scales from the training products that have the modality."""
    seen = training.there[:, PICTURE]
    network.centre_text.copy_(training.text.mean(0))
    if seen.any():
        network.centre_picture.copy_(training.picture[seen].clamp(min=0).sqrt().mean(0))
    network.mean.copy_(training.numbers.mean(0))
    network.scale.copy_(training.numbers.std(0).clamp(min=1e-3))


def _linear(network: FusionNetwork) -> list[Tensor]:
    return [network.words, network.text.weight, network.picture.weight]


def _squares(network: FusionNetwork) -> Tensor:
    return torch.stack([weights.square().sum() for weights in _linear(network)]).sum()


def _optimizer(
    network: FusionNetwork, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    linear = [*_linear(network), network.bias]
    known = {id(weights) for weights in linear}
    deep = [weights for weights in network.parameters() if id(weights) not in known]
    optimizer = torch.optim.AdamW(
        [
            {"params": linear, "lr": recipe.rate, "weight_decay": 0.0},
            {"params": deep, "lr": recipe.deep_rate, "weight_decay": recipe.decay},
        ],
        fused=True,
    )
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
