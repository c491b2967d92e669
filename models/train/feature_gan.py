"""A conditional generator of pooled text features: more rows for classes that have few.

    noise, mean of the class ──► generator ──► feature      critic: feature, mean of the class ──► score

Wasserstein with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028), conditioned as in "Feature generating
networks" (Xian et al. 2018, arXiv:1712.00981); the condition is the class' mean feature, which a rare class has too, so
what the frequent classes show of the spread around a mean is lent to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.train.oversampling import square_root
from models.train.seeds import seeded

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GanRecipe:
    """How the generator is fitted."""

    steps: int = 300  # of the generator
    critic_steps: int = 4  # of the critic before each of them
    batch: int = 256
    noise: int = 64
    hidden: int = 256
    rate: float = 2e-4
    penalty: float = 10.0  # of the gradient: the paper's


class Generator:
    """A fitted generator."""

    def __init__(self, network: nn.Module, means: Tensor, centre: Tensor, spread: Tensor, noise: int) -> None:
        self._network, self._means = network.eval(), means
        self._centre, self._spread, self._noise = centre, spread, noise

    def draw(self, codes: NDArray[np.int64], random: np.random.Generator) -> Floats:
        """(n,) classes -> (n, width) features, float32."""
        noise = torch.from_numpy(random.standard_normal((len(codes), self._noise)).astype(np.float32))
        with torch.inference_mode():
            drawn = self._network(torch.cat([noise, self._means[torch.from_numpy(codes)]], dim=1))
            found: Floats = (drawn * self._spread + self._centre).numpy()
        return found


def fit_generator(
    features: Floats, codes: NDArray[np.int64], recipe: GanRecipe, *, seed: int
) -> tuple[Generator, list[float]]:
    """Fit on (n, width) features of (n,) classes; also gives the critic's estimate of the distance at each step.

    Classes are drawn with the root of their size, so that rare ones are seen.
    """
    random = seeded(seed)
    x = torch.from_numpy(features)
    centre, spread = x.mean(dim=0), x.std(dim=0).clamp(min=1e-6)
    x = (x - centre) / spread
    means = _class_means(x, codes)
    width = x.shape[1]
    generator = _network(recipe.noise + width, recipe.hidden, width)
    critic = _network(2 * width, recipe.hidden, 1)
    by_generator = torch.optim.Adam(generator.parameters(), lr=recipe.rate, betas=(0.5, 0.9))
    by_critic = torch.optim.Adam(critic.parameters(), lr=recipe.rate, betas=(0.5, 0.9))
    draw = square_root(codes)
    order, place = draw(random), 0
    distances = []
    for _ in range(recipe.steps):
        distance = 0.0
        for _ in range(recipe.critic_steps):
            if place + recipe.batch > len(order):
                order, place = draw(random), 0
            rows = order[place : place + recipe.batch]
            place += recipe.batch
            condition = means[torch.from_numpy(codes[rows])]
            with torch.no_grad():
                false = generator(torch.cat([torch.randn(len(rows), recipe.noise), condition], dim=1))
            true = x[torch.from_numpy(rows)]
            gap = (
                critic(torch.cat([true, condition], dim=1)).mean() - critic(torch.cat([false, condition], dim=1)).mean()
            )
            by_critic.zero_grad(set_to_none=True)
            torch.autograd.backward(-gap + recipe.penalty * _steepness(critic, true, false, condition))
            by_critic.step()
            distance = gap.item()
        condition = means[torch.from_numpy(codes[rows])]
        false = generator(torch.cat([torch.randn(len(rows), recipe.noise), condition], dim=1))
        by_generator.zero_grad(set_to_none=True)
        torch.autograd.backward(-critic(torch.cat([false, condition], dim=1)).mean())
        by_generator.step()
        distances.append(distance)
    return Generator(generator, means, centre, spread, recipe.noise), distances


def draw_around_means(features: Floats, codes: NDArray[np.int64], wanted: NDArray[np.int64], seed: int) -> Floats:
    """What needs no generator: the mean of the class plus normal noise as wide as classes are on average.

    Shapes: (n, width) features of (n,) classes, (m,) wanted classes -> (m, width).
    """
    random = np.random.default_rng(seed)
    means = _class_means(torch.from_numpy(features), codes).numpy()
    spread = (features - means[codes]).std(axis=0)
    drawn: Floats = means[wanted] + spread * random.standard_normal((len(wanted), features.shape[1])).astype(np.float32)
    return drawn


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(0.2),
        nn.Linear(hidden, outputs),
    )


def _class_means(features: Tensor, codes: NDArray[np.int64]) -> Tensor:
    """(n, width) -> (classes, width); zeros for a class without a row."""
    size = int(codes.max()) + 1
    summed = torch.zeros(size, features.shape[1]).index_add_(0, torch.from_numpy(codes), features)
    return summed / torch.from_numpy(np.maximum(np.bincount(codes, minlength=size), 1)).float().unsqueeze(1)


def _steepness(critic: nn.Module, true: Tensor, false: Tensor, condition: Tensor) -> Tensor:
    """Mean squared distance of the critic's slope from 1, between true and false features."""
    share = torch.rand(len(true), 1)
    between = (share * true + (1 - share) * false).requires_grad_(True)
    score = critic(torch.cat([between, condition], dim=1)).sum()
    (slope,) = torch.autograd.grad(score, between, create_graph=True)
    penalty: Tensor = ((slope.norm(dim=1) - 1) ** 2).mean()
    return penalty
