"""The log odds of one answer to one user, for any choice of what the network is given: state, habits, basket."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.behaviour.network import Memory, Recurrent
from models.explain.shapley import Masks, Scores, coalitions

SURE = 1 - 1e-6  # a probability above has no log odds that float32 could tell


class Score:
    """One user: (1, hidden) h, and (1,) what the row holds and what the row of a new user would hold.

    Fields of the memory other than habits and basket are the rhythm of visits, which is given with any habit.
    """

    def __init__(self, network: Recurrent, h: Tensor, memory: Memory, blank: Memory) -> None:
        self._network, self._h, self._memory, self._blank = network, h, memory, blank
        self._temperature = network.get_buffer("temperature")
        self.habits: NDArray[np.int64] = memory.weight[0].nonzero().reshape(-1).numpy()
        self.basket: NDArray[np.int64] = memory.basket[0].nonzero().reshape(-1).numpy()

    @torch.no_grad()
    def chances(self) -> NDArray[np.float32]:
        """(categories,) confidences as the stream gives them: 0 for the running basket."""
        found = torch.softmax(self._network.logits(self._h, self._memory) / self._temperature, dim=1)[0, :-1]
        chances: NDArray[np.float32] = found.masked_fill(self._memory.basket[0], 0.0).numpy()
        return chances

    def of_parts(self, category: int, masks: Masks) -> Scores:
        """(m, 3) which of memory, habit and basket are given -> (m,) log odds."""
        memory, habit, basket = (masks[:, part, None] for part in range(3))
        return self._scores(category, memory, habit, basket)

    def of_habits(self, category: int, masks: Masks) -> Scores:
        """(m, habits) which of `habits` are given -> (m,) mean over what else is given."""
        total = np.zeros(len(masks))
        for (memory, basket), weight in coalitions(2):
            total += weight * self._scores(category, _all(memory), masks, _all(basket))
        return total

    def of_basket(self, category: int, masks: Masks) -> Scores:
        """(m, basket) which of `basket` are given -> (m,) mean over what else is given."""
        total = np.zeros(len(masks))
        for (memory, habit), weight in coalitions(2):
            total += weight * self._scores(category, _all(memory), _all(habit), masks)
        return total

    def of_state(self, category: int, h: Tensor) -> Tensor:
        """(m, hidden) other states -> (m,) mean over what else is given; differentiable."""
        total = torch.zeros(len(h))
        for (habit, basket), weight in coalitions(2):
            given = self._given(_all(habit), _all(basket), len(h))
            total = total + weight * self._log_odds(category, h, given)
        return total

    @torch.no_grad()
    def _scores(self, category: int, memory: Masks, habits: Masks, basket: Masks) -> Scores:
        """Each (m or 1, its players or 1): whether the state, the habits, the basket are given."""
        m = max(len(memory), len(habits), len(basket))
        h = self._h * torch.from_numpy(memory)  # the state of a user never seen is 0
        found = self._log_odds(category, h.expand(m, -1), self._given(habits, basket, m))
        scores: Scores = found.numpy().astype(np.float64)
        return scores

    def _log_odds(self, category: int, h: Tensor, memory: Memory) -> Tensor:
        """(m, hidden), memory -> (m,) ln(p / (1 - p)), calibrated."""
        log_p = torch.log_softmax(self._network.logits(h, memory) / self._temperature, dim=1)[:, category]
        return log_p - torch.log1p(-log_p.exp().clamp(max=SURE))

    def _given(self, habits: Masks, basket: Masks, m: int) -> Memory:
        full = self._memory
        kept, held = np.zeros((2, m, full.weight.shape[1]), bool)
        kept[:, self.habits], held[:, self.basket] = habits, basket
        rhythm = torch.from_numpy(np.broadcast_to(habits.any(axis=1), m).copy())
        weight = torch.from_numpy(kept)
        named = {"weight": full.weight * weight, "age": full.age * weight, "basket": torch.from_numpy(held)}
        others = {
            name: torch.where(rhythm.reshape(m, *[1] * (whole.dim() - 1)), whole, getattr(self._blank, name))
            for name, whole in full._asdict().items()
            if name not in named
        }
        return Memory(**named, **others)


def _all(given: bool) -> Masks:
    """Given or not, for every row and player."""
    return np.array([[given]])
