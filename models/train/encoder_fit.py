"""Fitting the encoder tower: low-rank adapters in every layer and the heads; the package's weights stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models.encoder import TextEncoder, add_lora, load_encoder
from models.encoder.network import EncoderNetwork
from models.encoder.text import Name
from models.text.committee import DOMAIN
from models.text.layout import Layout
from models.train.title_examples import Examples
from models.train.title_targets import Targets

_FLOOR = 0.02  # last learning rate, of the highest
_ALIKE = 32  # batches whose titles are put in order of length together, so that little is padded


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How the encoder tower is fitted."""

    encoder: Name = "minilm"
    rank: int = 16
    alpha: float = 32.0
    hidden: int = 384
    epochs: int = 5
    batch: int = 48  # titles
    rate: float = 1.5e-3
    dropout: float = 0.1
    clip: float = 1.0  # norm of the gradient at most
    warm_up: float = 0.06  # share of the steps
    count_power: float = 0.75  # a title in k rows weighs k**count_power
    shares: tuple[float, ...] = ()  # of each domain's titles that an epoch visits, drawn anew; () = all


def fit_encoder(
    training: Examples,
    validation: Examples,
    layout: Layout,
    recipe: EncoderRecipe,
    *,
    seed: int,
    device: str = "cpu",
    progress: bool = True,
    after_epoch: Callable[[EncoderNetwork, list[float]], None] | None = None,
) -> tuple[EncoderNetwork, list[float]]:
    """The network after the last epoch, and the validation error after each.

    The learning rate has come down to next to nothing by then, so the last epoch is the best but for chance;
    `after_epoch` may keep what there is by then.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    encoder = load_encoder(recipe.encoder, device)
    network = EncoderNetwork(
        add_lora(encoder.bert, recipe.rank, recipe.alpha), recipe.hidden, layout, recipe.dropout
    ).to(device)
    tokens = Tokens(encoder, training.titles)
    held_out = Tokens(encoder, validation.titles)
    targets = Targets(training, layout, recipe.count_power)
    sizes = np.diff(training.starts)
    visited = [math.ceil(n * share) for n, share in zip(sizes, recipe.shares or [1.0] * len(sizes), strict=True)]
    steps = recipe.epochs * math.ceil(sum(visited) / recipe.batch)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, recipe.warm_up))
    errors: list[float] = []
    with tqdm(total=steps, desc="steps", disable=not progress) as bar:
        for _ in range(recipe.epochs):
            network.train()
            drawn = [
                first + random.choice(n, count, replace=False)
                for first, n, count in zip(training.starts[:-1], sizes, visited, strict=True)
            ]
            for rows in _batches(np.concatenate(drawn), tokens.lengths, recipe.batch, random):
                pooled = network.pool(*tokens.take(rows, device), recipe.dropout)
                loss = targets.loss(network, pooled, rows)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
                optimizer.step()
                schedule.step()
                bar.update()
            errors.append(_error(encoder_logits(network, held_out, validation, layout), validation))
            bar.set_postfix(validation_error=f"{errors[-1]:.4f}")
            if after_epoch is not None:
                after_epoch(network, errors)
    return network.eval(), errors


class Tokens:
    """Token ids of n texts, of unequal length, ready to be put into batches."""

    def __init__(self, encoder: TextEncoder, texts: Sequence[str]) -> None:
        self._ids = [np.array(ids, dtype=np.int64) for ids in encoder.ids(texts)]
        self.lengths = np.array([len(ids) for ids in self._ids], dtype=np.int64)

    def take(self, rows: NDArray[np.int64], device: str = "cpu") -> tuple[Tensor, Tensor]:
        """Those of these rows: ids (m, l) int64 and mask (m, l) bool."""
        length = int(self.lengths[rows].max())
        ids = np.zeros((len(rows), length), dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : self.lengths[row]] = self._ids[row]
        mask = np.arange(length) < self.lengths[rows][:, None]
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def encoder_logits(
    network: EncoderNetwork, tokens: Tokens, given: Examples, layout: Layout, device: str = "cpu"
) -> dict[str, Tensor]:
    """Logits of DOMAIN (n, d) and, by head key, of the titles truly of that head's domain (m, labels)."""
    network.eval()
    order = np.argsort(tokens.lengths, kind="stable")
    pooled = torch.zeros(len(order), network.norm.normalized_shape[0], device=device)
    with torch.inference_mode():
        for first in range(0, len(order), 256):
            rows = order[first : first + 256]
            pooled[torch.from_numpy(rows)] = network.pool(*tokens.take(rows, device))
        found = {DOMAIN: network.domain_logits(pooled).cpu()}
        for place, domain in enumerate(layout.domains):
            own = pooled[int(given.starts[place]) : int(given.starts[place + 1])]
            found |= {key: logits.cpu() for key, logits in network.head_logits(domain.name, own).items()}
    return found


def _rate(step: int, steps: int, warm_up: float) -> float:
    """Linear up, then a cosine down to _FLOOR."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return min(1.0, (step + 1) / max(1, warm_up * steps)) * (_FLOOR + (1 - _FLOOR) * cosine)


def _batches(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], size: int, random: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    rows = random.permutation(rows)
    for first in range(0, len(rows), size * _ALIKE):
        part = rows[first : first + size * _ALIKE]
        part = part[np.argsort(lengths[part], kind="stable")]
        starts = np.arange(0, len(part), size)
        for start in random.permutation(starts):
            yield part[start : start + size]


def _error(logits: dict[str, Tensor], given: Examples) -> float:
    """Mean over heads of the share of rows answered wrong."""
    wrong = []
    for key, counts in given.counts.items():
        best = logits[key].argmax(dim=1).numpy()
        wrong.append(1 - counts[np.arange(len(counts)), best].sum() / max(1.0, float(counts.sum())))
    return float(np.mean(wrong))
