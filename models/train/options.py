"""What a training can be told: `shelfstream train products` and `train behaviour`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.train.checkpoint import EVERY_S, Checkpoints
from models.train.precision import PrecisionName
from models.train.title_sampling import Sampling


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where one run keeps its checkpoint and its logs; None = nowhere."""

    checkpoint_dir: Path | None = None
    resume: bool = False
    log_dir: Path | None = None
    every_s: float = EVERY_S  # between checkpoints inside an epoch

    def part(self, name: str) -> RunPlace:
        """The place of a run that is one of several: folders of that name inside."""
        return replace(
            self,
            checkpoint_dir=self.checkpoint_dir / name if self.checkpoint_dir else None,
            log_dir=self.log_dir / name if self.log_dir else None,
        )

    def checkpoints(self, identity: Mapping[str, Any]) -> Checkpoints | None:
        """The run's checkpoints; see there for `identity`. Errors: TrainingError when they are of a begun run."""
        if self.checkpoint_dir is None:
            return None
        return Checkpoints(self.checkpoint_dir, identity, resume=self.resume, every_s=self.every_s)


NOWHERE = RunPlace()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of every training and search."""

    epochs: int | None = None  # None = the model's own number
    seed: int = 7
    device: str = "cpu"
    place: RunPlace = NOWHERE
    study: Path | None = None  # a finished search whose best values are taken; of a search, its file
    progress: bool = True


@dataclass(frozen=True, slots=True)
class Options(RunOptions):
    """Of products: a training, search or cross-validation; a preset passes on what it has no use for."""

    teacher: Path | None = None  # SHIPPED or the folder of a tower whose answers are learnt too; None = labels alone
    teacher_cache: Path | None = None  # folder that keeps a teacher's answers
    sampling: Sampling | None = None  # how often an epoch visits a title; None = the preset's own
    baselines: bool = True


@dataclass(frozen=True, slots=True)
class BehaviourOptions(RunOptions):
    """Of behaviour: a training or search."""

    precision: PrecisionName = "auto"
    begin: Path | None = None  # an artifact whose weights are gone on with; None = drawn ones
    households: int | None = None  # so many teach, and a fifth of that decides when to stop; None = all
