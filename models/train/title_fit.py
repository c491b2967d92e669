"""Fitting the title network: one loss over all heads, each head taught by the titles of its domain only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from models.text.bags import Bags, Vocabulary
from models.text.committee import DOMAIN, Member
from models.text.layout import Layout
from models.text.network import Size, TitleNetwork
from models.text.ngrams import GROUPS, ngrams
from models.train.distillation import Lessons
from models.train.loop import Settings, run
from models.train.options import NOWHERE, RunPlace
from models.train.rates import Rates
from models.train.seeds import seeded
from models.train.team import Rows, Team
from models.train.title_examples import Examples
from models.train.title_sampling import Sampling, sampler
from models.train.title_targets import Targets


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
    sampling: Sampling = "once"  # how often an epoch visits a title


@dataclass(frozen=True, slots=True)
class Fitted:
    """The network with the lowest validation error, and how it came about."""

    member: Member
    errors: list[float]  # validation error after each epoch: mean over heads of the share of rows answered wrong


def fit(
    training: Examples,
    validation: Examples,
    layout: Layout,
    recipe: Recipe,
    *,
    seed: int,
    place: RunPlace = NOWHERE,
    team: Team | None = None,
    lessons: Lessons | None = None,
    watch: Callable[[int, float], None] | None = None,
    progress: bool = True,
) -> Fitted:
    """Fit on `training`, stop by `validation`. Equal seeds give equal weights on one thread of the same machine.

    `lessons` are of these titles and more: with them a teacher has a say.
    """
    random = seeded(seed)
    task = TitleTask(training, validation, layout, recipe, lessons)
    steps = math.ceil(task.visited / recipe.batch) * recipe.epochs
    optimizer = _optimizer(task.network, recipe)
    identity = {"recipe": asdict(recipe), "seed": seed, "titles": [training.fingerprint(), validation.fingerprint()]}
    if lessons is not None:
        identity["teacher"] = [lessons.teacher, asdict(lessons.how), lessons.titles.fingerprint()]
    errors = run(
        task,
        optimizer,
        Rates(optimizer, "cosine", steps),
        Settings(epochs=recipe.epochs, patience=recipe.patience, seed=seed),
        random=random,
        team=team,
        checkpoints=place.checkpoints(identity),
        log_dir=place.log_dir,
        watch=watch,
        progress=progress,
    )
    return Fitted(Member(task.network.eval(), task.vocabulary, recipe.vote), errors)


class TitleTask:
    """All heads of a layout, learnt from the titles of their domains. Judged by error, not by loss: the loss soon grows
    with confidence alone, which the temperatures mend afterwards."""

    def __init__(
        self,
        training: Examples,
        validation: Examples,
        layout: Layout,
        recipe: Recipe,
        lessons: Lessons | None = None,
    ) -> None:
        # Of the titles alone: forms that somebody made must not bring n-grams into the artifact.
        self.vocabulary = Vocabulary.seen(training.titles, recipe.at_least, recipe.groups)
        given = training if lessons is None else lessons.titles
        self._bags, self._held_out = (self.vocabulary.bags(ngrams(part.titles)) for part in (given, validation))
        self.network = TitleNetwork(len(self.vocabulary), recipe.size, layout, recipe.dropout)
        self._targets = Targets(given, layout, recipe.count_power, lessons)
        self._drawn = sampler(given, layout, recipe.sampling)
        self._validation, self._layout, self._recipe = validation, layout, recipe

    @property
    def visited(self) -> int:
        """Titles of an epoch."""
        return len(self._bags)

    def order(self, random: np.random.Generator) -> list[Rows]:
        """Batches of titles of all domains, mixed."""
        order = self._drawn(random)
        return [order[first : first + self._recipe.batch] for first in range(0, len(order), self._recipe.batch)]

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Cross-entropy of the domain and of every head, on thinned bags; a teacher reads its titles whole."""
        bags = self._bags.take(rows)
        if self._recipe.thinning or self._recipe.emptied:
            bags = bags.thinned(self._recipe.thinning, self._recipe.emptied, random)
        return self._targets.loss(self.network, _pool(self.network, bags), rows)

    def error(self) -> float:
        """Mean over heads of the share of validation rows answered wrong."""
        found = logits(self.network, self._held_out, self._validation, self._layout)
        wrong = []
        for key, counts in self._validation.counts.items():
            best = found[key].argmax(dim=1).numpy()
            wrong.append(1 - counts[np.arange(len(counts)), best].sum() / max(1.0, float(counts.sum())))
        return float(np.mean(wrong))


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


def _optimizer(network: TitleNetwork, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; only the layers decay."""
    layers = [parameter for name, parameter in network.named_parameters() if name != "table"]
    return torch.optim.AdamW(
        [
            {"params": [network.table], "lr": recipe.table_rate, "weight_decay": 0.0},
            {"params": layers, "lr": recipe.layer_rate, "weight_decay": 0.01},
        ],
        betas=(0.9, 0.99),
        fused=True,
    )
