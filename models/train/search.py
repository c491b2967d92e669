"""Hyper-parameter search with optuna, in a study file that outlives a kill.

Trials are drawn by the tree-structured Parzen estimator (Bergstra et al. 2011) and given up when they are worse than
the median of the others at the same epoch. The file is optuna's journal: lines are only ever added, and several
processes may work at one study.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from models.errors import TrainingError

if TYPE_CHECKING:
    import optuna
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")
Watch = Callable[[int, float], None]  # the number of an epoch, from 1, and its validation error


@dataclass(frozen=True, slots=True)
class Floats:
    """A range of numbers; `log` draws their logarithm evenly."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A few values."""

    values: tuple[int | float | str, ...]


Space = Mapping[str, Floats | Choice]


def search(
    objective: Callable[[dict[str, Any], Watch], float], space: Space, trials: int, file: Path, *, name: str, seed: int
) -> dict[str, Any]:
    """Go on with the study in `file` until it has `trials` finished ones; gives the best and all, as JSON-able values.

    `objective` gets drawn values and a `watch` to call after each epoch, and returns the error to be small. What a
    killed process left unfinished is not counted. Errors: TrainingError without optuna, or for a study of another
    space.
    """
    study = _study(file, name, seed)
    from optuna import TrialPruned

    _same_space(study, space, file)

    def tried(trial: optuna.Trial) -> float:
        values = {key: _draw(trial, key, given) for key, given in space.items()}

        def watch(epoch: int, error: float) -> None:
            trial.report(error, epoch)
            if trial.should_prune():
                raise TrialPruned

        return objective(values, watch)

    while len(_finished(study)) < trials:
        study.optimize(tried, n_trials=1)
    return {
        "study": str(file),
        "trials": [
            {"number": one.number, "error": one.value, "given_up": one.value is None or one.state.name == "PRUNED"}
            | {"values": one.params}
            for one in _finished(study)
        ],
        "best_error": round(study.best_value, 5),
        "best": dict(study.best_params),
    }


def best_of(file: Path, name: str) -> dict[str, Any]:
    """The values of a study's best trial. Errors: TrainingError when the file or a finished trial is missing."""
    if not file.is_file():
        raise TrainingError(f"there is no study {file}; make one with --search N --study {file}")
    study = _study(file, name, 0)
    if not any(trial.state.name == "COMPLETE" for trial in study.trials):
        raise TrainingError(f"{file} has no finished trial of {name}; go on with --search N --study {file}")
    return dict(study.best_params)


def put(values: Mapping[str, Any], recipe: R) -> tuple[R, dict[str, Any]]:
    """A recipe with those values that it has a field for, and the rest of them."""
    own = {field.name for field in fields(recipe)}
    changed = replace(recipe, **{name: value for name, value in values.items() if name in own})
    return changed, {name: value for name, value in values.items() if name not in own}


def _study(file: Path, name: str, seed: int) -> optuna.Study:
    try:
        import optuna
    except ImportError as error:
        raise TrainingError(f"a search needs optuna ({error}); install shelfstream[train]") from error
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file.parent.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(file)))
    study = optuna.create_study(storage=storage, study_name=name, direction="minimize", load_if_exists=True)
    # A resumed search must not draw once more what it drew first.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2)
    return study


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]


def _same_space(study: optuna.Study, space: Space, file: Path) -> None:
    for trial in _finished(study):
        if trial.params.keys() != space.keys():
            raise TrainingError(
                f"{file} is a search over {sorted(trial.params)}, this one is over {sorted(space)}; give another file"
            )


def _draw(trial: optuna.Trial, key: str, given: Floats | Choice) -> int | float | str:
    if isinstance(given, Floats):
        return trial.suggest_float(key, given.low, given.high, log=given.log)
    drawn = trial.suggest_categorical(key, given.values)
    assert drawn is not None  # none of the values is
    return drawn
