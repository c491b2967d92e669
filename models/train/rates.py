"""Learning-rate schedules: a warm-up, then a cosine, a fall at each plateau, or nothing; or one cycle."""

from __future__ import annotations

import math
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau

RateName = Literal["cosine", "plateau", "constant", "one-cycle"]


class Rates:
    """The rates of an optimizer, each a share of the rate it was built with.

    `cosine` falls to `floor` of the highest rate over `steps` (Loshchilov and Hutter 2017, arXiv:1608.03983, without
    restarts). `plateau` is multiplied by `factor` when the validation error did not fall for more than `patience`
    epochs, down to `floor`. The first `warm_up` of the steps rise linearly (Goyal et al. 2017, arXiv:1706.02677).
    `one-cycle` rises from a 25th over `warm_up` of the steps and falls to next to nothing, in cosines, the momentum the
    other way round (Smith and Topin 2018, arXiv:1708.07120); it has no floor.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        name: RateName,
        steps: int,
        *,
        warm_up: float = 0.05,
        floor: float = 0.02,
        factor: float = 0.5,
        patience: int = 1,
    ) -> None:
        self._warm = max(1, round(warm_up * steps))
        self._steps = max(1, steps)
        self._floor = floor
        highest = [group["lr"] for group in optimizer.param_groups]
        self._by_step: LambdaLR | OneCycleLR
        if name == "one-cycle":
            self._steps += warm_up * self._steps == 1  # torch would divide by a rise of no steps
            self._by_step = OneCycleLR(optimizer, highest, total_steps=self._steps, pct_start=warm_up)
        else:
            self._by_step = LambdaLR(optimizer, self._cosine if name == "cosine" else self._risen)
        self._last = {"plateau": self._warm, "one-cycle": self._steps - 1}.get(name, math.inf)
        lowest = [rate * floor for rate in highest]
        self._by_epoch = (
            ReduceLROnPlateau(optimizer, factor=factor, patience=patience, threshold=0.0, min_lr=lowest)
            if name == "plateau"
            else None
        )

    def step(self) -> None:
        """After each step of the optimizer."""
        if self._by_step.last_epoch < self._last:
            self._by_step.step()

    def epoch(self, error: float) -> None:
        """After each epoch, with its validation error."""
        if self._by_epoch is not None:
            self._by_epoch.step(error)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here."""
        by_epoch = None if self._by_epoch is None else self._by_epoch.state_dict()
        return {"step": self._by_step.last_epoch, "by_epoch": by_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The rates themselves are in the optimizer's own state."""
        self._by_step.last_epoch = state["step"]
        if self._by_epoch is not None:
            self._by_epoch.load_state_dict(state["by_epoch"])

    def _risen(self, step: int) -> float:
        return min(1.0, (step + 1) / self._warm)

    def _cosine(self, step: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self._steps)))
        return self._risen(step) * (self._floor + (1 - self._floor) * cosine)
