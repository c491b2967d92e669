"""The training loop of every tower: what a tower brings is a Task, what it gets back is its best weights.

    epoch   order of the rows ──► step, step, ... ──► validation error ──► best weights so far, or patience spent
    step    loss under autocast ──► gradients, averaged over processes ──► clipped ──► optimizer ──► rates

A checkpoint holds weights, optimizer, rates, random states, the place inside the epoch and what a task carries from
batch to batch. A run that is killed and resumed ends with the weights of one that was not, bit by bit on one thread of
the same machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.errors import TrainingError
from models.train.checkpoint import Checkpoints
from models.train.logs import Log
from models.train.precision import Precision, PrecisionName
from models.train.rates import Rates
from models.train.team import Rows, Team

Weights = dict[str, Tensor]
_SEED_STEP = 0x9E3779B9  # apart enough that the seeds of neighbouring steps have nothing in common


class Task(Protocol):
    """What there is to learn. Nothing in it may depend on the epoch but through `random`."""

    @property
    def network(self) -> nn.Module:
        """The network; its device is the run's."""

    def order(self, random: np.random.Generator) -> Sequence[Rows]:
        """The batches of one epoch, each the numbers of its rows."""

    def loss(self, rows: Rows, random: np.random.Generator) -> Tensor:
        """Mean loss over these rows, a scalar; `random` draws what is left out or altered."""

    def error(self) -> float:
        """Validation error of the network as it is; the lower the better."""


@runtime_checkable
class Carrying(Protocol):
    """A task whose batches are in sequence: each goes on with the state that the one before it left.

    `order` begins it anew. Of several processes each holds the state of its own rows, and zero for all others.
    """

    carried: Tensor  # on the run's device


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how carefully."""

    epochs: int
    patience: int  # epochs without a better validation error before it ends
    clip: float | None = None  # the gradient's norm is brought down to this (Pascanu et al. 2013, arXiv:1211.5063)
    precision: PrecisionName = "auto"
    some_unused: bool = False  # with several processes: some parameters take no part in some batches
    seed: int = 0  # of what each process of a team draws; alone, `random` draws everything


@dataclass(slots=True)
class Place:
    """How far a run has come."""

    step: int = 0  # steps done inside the running epoch
    steps: int = 0  # steps done in all
    errors: list[float] = field(default_factory=list)  # validation error after each finished epoch
    ended: bool = False


def run(
    task: Task,
    optimizer: torch.optim.Optimizer,
    rates: Rates,
    settings: Settings,
    *,
    random: np.random.Generator,
    team: Team | None = None,
    checkpoints: Checkpoints | None = None,
    log_dir: Path | None = None,
    watch: Callable[[int, float], None] | None = None,
    progress: bool = True,
    label: str = "epochs",
) -> list[float]:
    """Train; leaves the weights with the lowest validation error in the network and gives the error of each epoch.

    `watch` hears each epoch's number (from 1) and error, and may end the run by raising. Files are written by the
    first process only. `label` names the bar of progress. Errors: TrainingError when the loss is no number, or when
    `checkpoints` holds another run.
    """
    one = _Run(task, optimizer, rates, settings, random, team or Team(), checkpoints)
    one.resume()
    log = Log(log_dir, one.place.steps) if log_dir and one.team.first else None
    done = len(one.place.errors)
    told = progress and one.team.first
    epochs = tqdm(total=settings.epochs, initial=done, desc=label, unit="epoch", disable=not told)
    try:
        while not one.place.ended:
            error = one.epoch(log, told=told)
            epochs.update()
            epochs.set_postfix(validation_error=f"{error:.4f}")
            if watch is not None:
                watch(len(one.place.errors), error)
    finally:
        epochs.close()
        if log is not None:
            log.close()
    task.network.load_state_dict(one.best, strict=False)
    return one.place.errors


class _Loss(nn.Module):
    """A task's loss as a module: what DistributedDataParallel wants to wrap."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = task.network
        self._loss = task.loss

    def forward(self, rows: Rows, random: np.random.Generator) -> Tensor:
        return self._loss(rows, random)


class _Run:
    def __init__(
        self,
        task: Task,
        optimizer: torch.optim.Optimizer,
        rates: Rates,
        settings: Settings,
        random: np.random.Generator,
        team: Team,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.task, self.optimizer, self.rates, self.settings = task, optimizer, rates, settings
        self.random, self.team, self.checkpoints = random, team, checkpoints
        self.device = next(parameter.device for parameter in task.network.parameters() if parameter.requires_grad)
        self.precision = Precision(settings.precision, self.device)
        self.loss = team.wrap(_Loss(task), some_unused=settings.some_unused)
        self.place = Place(ended=settings.epochs == 0)
        self.best = _learnt(task.network)
        self._epoch_began = random.bit_generator.state  # before the order of the running epoch was drawn
        self._left: Tensor | None = None  # what the task of a killed run carried

    def resume(self) -> None:
        """Take up the last checkpoint, if there is one."""
        state = self.checkpoints.read(self.device) if self.checkpoints else None
        if state is None:
            return
        self.place = Place(**state["place"])
        self.task.network.load_state_dict(state["network"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.rates.load_state_dict(state["rates"])
        self.precision.scaler.load_state_dict(state["scaler"])
        self.best = state["best"]
        self._left = state.get("carried")
        self._epoch_began = json.loads(state["epoch_began"])
        self.random.bit_generator.state = json.loads(state["random"])
        torch.set_rng_state(state["torch"].cpu())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"].cpu(), self.device)

    def epoch(self, log: Log | None, *, told: bool) -> float:
        """The rest of the running epoch; gives its validation error."""
        batches = self._batches()
        self.task.network.train()
        with tqdm(total=len(batches), initial=self.place.step, unit="step", leave=False, disable=not told) as bar:
            for rows in batches[self.place.step :]:
                loss, norm = self._step(rows)
                self.place.step += 1
                self.place.steps += 1
                if log is not None:
                    log.step(self.place.steps, loss, self.optimizer.param_groups[0]["lr"], norm)
                # By the clock of the first: all have to be there when what they carry is put together.
                if self.checkpoints is not None and self.team.agree(float(self.checkpoints.due())):
                    self._save()
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update()
        return self._finish(log)

    def _batches(self) -> Sequence[Rows]:
        """The epoch's batches: drawn anew, or, inside an epoch, as they were drawn when it began."""
        if self.place.step == 0:
            self._epoch_began = self.random.bit_generator.state
            return self.task.order(self.random)
        now = self.random.bit_generator.state
        self.random.bit_generator.state = self._epoch_began
        batches = self.task.order(self.random)
        self.random.bit_generator.state = now
        if self._left is not None and isinstance(self.task, Carrying):
            self.task.carried = self._left
        return batches

    def _step(self, rows: Rows) -> tuple[float, float | None]:
        """One step of the optimizer: the batch's loss, and the norm of the gradient where it is clipped."""
        own, weight = self.team.share(rows)
        scaler, parameters = self.precision.scaler, self.task.network.parameters()
        with self.precision.autocast():
            loss = self.loss(own, self._noise())
        if weight != 1.0:
            loss = loss * weight
        value = self.team.mean(loss.item())  # every process hears of a loss that is no number, and none waits for it
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is {value} at step {self.place.steps + 1}: no weights can be learnt from it; lower the "
                "learning rate, clip the gradient or look at the rows of that batch"
            )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(scaler.scale(loss))
        norm = None
        if self.settings.clip is not None:
            scaler.unscale_(self.optimizer)
            norm = float(nn.utils.clip_grad_norm_(parameters, self.settings.clip))
        scaler.step(self.optimizer)
        before = scaler.get_scale()
        scaler.update()
        if scaler.get_scale() >= before:  # a smaller scale: the gradients overflowed and the step was left out
            self.rates.step()
        return value, norm

    def _noise(self) -> np.random.Generator:
        """Alone, the run's own numbers. In a team the order of rows must stay common, so each step of each process has
        numbers of its own, which nothing needs to remember."""
        if self.team.size == 1:
            return self.random
        seeds = np.random.SeedSequence([self.settings.seed, self.team.rank, self.place.steps])
        torch.manual_seed(self.settings.seed + self.team.rank + _SEED_STEP * (self.place.steps + 1))
        return np.random.default_rng(seeds)

    def _finish(self, log: Log | None) -> float:
        """Judge the epoch, keep the weights if they are the best, and decide whether to go on."""
        errors = self.place.errors
        errors.append(self.team.agree(self.task.error() if self.team.first else 0.0))
        self.rates.epoch(errors[-1])
        if log is not None:
            log.epoch(self.place.steps, errors[-1])
        if errors[-1] == min(errors):
            self.best = _learnt(self.task.network)
        spent = len(errors) - int(np.argmin(errors)) > self.settings.patience and errors[-1] != min(errors)
        self.place.step = 0
        self.place.ended = spent or len(errors) >= self.settings.epochs
        if self.checkpoints is not None:
            self._save()
        return errors[-1]

    def _save(self) -> None:
        if self.checkpoints is None:
            return
        carried = self.team.sum(self.task.carried) if isinstance(self.task, Carrying) and self.place.step else None
        if not self.team.first:
            return
        place = self.place
        self.checkpoints.write(
            {
                "place": {"step": place.step, "steps": place.steps, "errors": place.errors, "ended": place.ended},
                "network": _learnt(self.task.network),
                "best": self.best,
                "optimizer": self.optimizer.state_dict(),
                "rates": self.rates.state_dict(),
                "scaler": self.precision.scaler.state_dict(),
                "carried": carried,
                "epoch_began": json.dumps(self._epoch_began),
                "random": json.dumps(self.random.bit_generator.state),
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            }
        )


def _learnt(network: nn.Module) -> Weights:
    """A copy of the network's state without what is frozen: an adapter's checkpoint need not hold what it adapts."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {name: values.detach().clone() for name, values in network.state_dict().items() if name not in frozen}
