"""Fitting the encoder tower: low-rank adapters in every layer and the heads; the package's weights stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.encoder import TextEncoder, add_lora, load_encoder
from models.encoder.network import EncoderNetwork
from models.encoder.text import Name
from models.text.committee import DOMAIN
from models.text.layout import Layout
from models.train.loop import Settings, run
from models.train.options import NOWHERE, RunPlace
from models.train.rates import Rates
from models.train.seeds import seeded
from models.train.team import Rows, Team
from models.train.title_examples import Examples
from models.train.title_targets import Targets

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
    place: RunPlace = NOWHERE,
    team: Team | None = None,
    watch: Callable[[int, float], None] | None = None,
    progress: bool = True,
) -> tuple[EncoderNetwork, list[float]]:
    """The network with the least validation error, and that error after each epoch; `watch` hears of each."""
    random = seeded(seed)
    task = EncoderTask(training, validation, layout, recipe, device)
    trained = [parameter for parameter in task.network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    identity = {"recipe": asdict(recipe), "seed": seed, "titles": [training.fingerprint(), validation.fingerprint()]}
    errors = run(
        task,
        optimizer,
        Rates(optimizer, "cosine", recipe.epochs * task.steps, warm_up=recipe.warm_up),
        Settings(epochs=recipe.epochs, patience=recipe.epochs, clip=recipe.clip, seed=seed),
        random=random,
        team=team,
        checkpoints=place.checkpoints(identity),
        log_dir=place.log_dir,
        watch=watch,
        progress=progress,
    )
    return task.network.eval(), errors


class EncoderTask:
    """All heads of a layout on a pretrained encoder with adapters. Batches hold titles of like length."""

    def __init__(
        self, training: Examples, validation: Examples, layout: Layout, recipe: EncoderRecipe, device: str
    ) -> None:
        encoder = load_encoder(recipe.encoder, device)
        adapted = add_lora(encoder.bert, recipe.rank, recipe.alpha)
        self.network = EncoderNetwork(adapted, recipe.hidden, layout, recipe.dropout).to(device)
        self._tokens, self._held_out = Tokens(encoder, training.titles), Tokens(encoder, validation.titles)
        self._targets = Targets(training, layout, recipe.count_power)
        self._validation, self._layout, self._recipe, self._device = validation, layout, recipe, device
        self._starts, self._sizes = training.starts[:-1], np.diff(training.starts)
        shares = recipe.shares or [1.0] * len(self._sizes)
        self._visited: list[int] = [math.ceil(n * share) for n, share in zip(self._sizes, shares, strict=True)]

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return math.ceil(sum(self._visited) / self._recipe.batch)

    def order(self, random: np.random.Generator) -> list[Rows]:
        """Batches of the titles that are drawn for this epoch."""
        drawn = [
            first + random.choice(n, count, replace=False)
            for first, n, count in zip(self._starts, self._sizes, self._visited, strict=True)
        ]
        return list(_batches(np.concatenate(drawn), self._tokens.lengths, self._recipe.batch, random))

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Cross-entropy of the domain and of every head."""
        pooled = self.network.pool(*self._tokens.take(rows, self._device), self._recipe.dropout)
        return self._targets.loss(self.network, pooled, rows)

    def error(self) -> float:
        """Mean over heads of the share of validation rows answered wrong."""
        found = encoder_logits(self.network, self._held_out, self._validation, self._layout, self._device)
        return _error(found, self._validation)


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
