"""Fitting the title network: one loss over all heads, each head taught by the titles of its domain only."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models.text.bags import Bags, Vocabulary
from models.text.committee import DOMAIN, Member
from models.text.layout import Layout
from models.text.network import Size, TitleNetwork
from models.text.ngrams import GROUPS, ngrams
from models.train.title_examples import Examples
from models.train.title_targets import Targets

_WARM_UP = 0.05  # share of the steps
_FLOOR = 0.02  # last learning rate, of the highest


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one title network is fitted. Defaults: what suits a network that reads everything."""

    size: Size
    groups: int = GROUPS  # of n-grams that it reads: 1 words, 2 pairs too, 3 character runs too
    vote: float = 1.0  # its share in the committee
    epochs: int = 14
    patience: int = 4  # epochs without a better validation error before it ends
    batch: int = 1024  # titles
    table_rate: float = 6e-3  # learning rate of the n-gram table
    layer_rate: float = 3e-3
    dropout: float = 0.2  # of units
    thinning: float = 0.4  # share of a title's n-grams left out at each visit
    emptied: float = 0.01  # share of titles shown without any n-gram: what is unreadable gets the base rates
    count_power: float = 0.75  # a title in k rows weighs k**count_power
    at_least: int = 4  # titles an n-gram must be seen in to get a row


@dataclass(frozen=True, slots=True)
class Fitted:
    """The network with the lowest validation error, and how it came about."""

    member: Member
    errors: list[float]  # validation error after each epoch: mean over heads of the share of rows answered wrong


def fit(
    training: Examples, validation: Examples, layout: Layout, recipe: Recipe, *, seed: int, progress: bool = True
) -> Fitted:
    """Fit on `training`, stop by `validation`. Equal seeds give equal weights on one thread of the same machine."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    vocabulary = Vocabulary.seen(training.titles, recipe.at_least, recipe.groups)
    bags, held_out = (vocabulary.bags(ngrams(given.titles)) for given in (training, validation))
    network = TitleNetwork(len(vocabulary), recipe.size, layout, recipe.dropout)
    targets = Targets(training, layout, recipe.count_power)
    steps = math.ceil(len(training) / recipe.batch) * recipe.epochs
    optimizer, schedule = _optimizer(network, recipe, steps)
    best, errors = copy.deepcopy(network), list[float]()
    epochs = tqdm(range(recipe.epochs), desc="epochs", disable=not progress)
    for _ in epochs:
        network.train()
        for rows in _batches(len(training), recipe.batch, random):
            pooled = _pool(network, bags.take(rows).thinned(recipe.thinning, recipe.emptied, random))
            loss = targets.loss(network, pooled, rows)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        errors.append(_error_on(network, held_out, validation, layout))
        epochs.set_postfix(validation_error=f"{errors[-1]:.4f}")
        # By error, not by loss: the loss soon grows with confidence alone, which the temperatures mend afterwards.
        if errors[-1] == min(errors):
            best = copy.deepcopy(network)
        elif len(errors) - int(np.argmin(errors)) > recipe.patience:
            break
    return Fitted(Member(best.eval(), vocabulary, recipe.vote), errors)


def logits(network: TitleNetwork, bags: Bags, given: Examples, layout: Layout) -> dict[str, Tensor]:
    """Logits of DOMAIN (n, d) and, by head key, of the titles truly of that head's domain (m, labels)."""
    network.eval()
    with torch.inference_mode():
        pooled = _pool(network, bags)
        found = {DOMAIN: network.domain_logits(pooled)}
        for place, domain in enumerate(layout.domains):
            own = pooled[int(given.starts[place]) : int(given.starts[place + 1])]
            found |= network.head_logits(domain.name, own)
    return found


def _pool(network: TitleNetwork, bags: Bags) -> Tensor:
    return network.pool(torch.from_numpy(bags.rows), torch.from_numpy(bags.offsets.astype(np.int32)))


def _batches(count: int, size: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    order = random.permutation(count)
    for first in range(0, count, size):
        yield order[first : first + size]


def _error_on(network: TitleNetwork, bags: Bags, given: Examples, layout: Layout) -> float:
    found = logits(network, bags, given, layout)
    wrong = []
    for key, counts in given.counts.items():
        best = found[key].argmax(dim=1).numpy()
        wrong.append(1 - counts[np.arange(len(counts)), best].sum() / max(1.0, float(counts.sum())))
    return float(np.mean(wrong))


def _optimizer(
    network: TitleNetwork, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with a linear warm-up and a cosine down to _FLOOR; only the layers decay."""
    layers = [parameter for name, parameter in network.named_parameters() if name != "table"]
    optimizer = torch.optim.AdamW(
        [
            {"params": [network.table], "lr": recipe.table_rate, "weight_decay": 0.0},
            {"params": layers, "lr": recipe.layer_rate, "weight_decay": 0.01},
        ],
        betas=(0.9, 0.99),
        fused=True,
    )
    warm = max(1, round(_WARM_UP * steps))

    def rate(step: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
        return min(1.0, (step + 1) / warm) * (_FLOOR + (1 - _FLOOR) * cosine)

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
