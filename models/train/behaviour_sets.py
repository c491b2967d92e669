"""The sets of behaviour that `shelfstream train behaviour --set NAME` can learn from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from models.errors import TrainingError
from models.train import behaviour, items, session
from models.train.options import BehaviourOptions

_USUAL = frozenset({"epochs", "seed", "place", "progress"})


@dataclass(frozen=True, slots=True)
class Set:
    """What a set is trained into."""

    kind: str  # of the artifact
    needs_data: bool  # or its data come with a package
    takes: frozenset[str]  # of BehaviourOptions: what it has a use for


SETS = {
    "grocery": Set("behaviour", False, frozenset(field.name for field in fields(BehaviourOptions))),
    "gifts": Set("items", True, _USUAL | {"study"}),
    "store": Set("session", True, _USUAL),
}


def train(name: str, data: Path | None, output: Path, options: BehaviourOptions) -> dict[str, Any]:
    """Train and store the model of a set; `data` is the folder of the data sets.

    With several processes, only the first stores; the others give nothing. Errors: TrainingError for no such set, no
    data, or an option that the set has no use for; DataError; ArtifactError.
    """
    _check(name, data, options)
    if data is None or not SETS[name].needs_data:
        return behaviour.train(output, options)
    fit = items.train if name == "gifts" else session.train
    return fit(data, output, options)


def search(name: str, data: Path | None, trials: int, options: BehaviourOptions) -> dict[str, Any]:
    """Go on with the study `options.study` of a set until it has so many trials. Errors: as `train`."""
    if name in SETS and "study" not in SETS[name].takes:
        raise TrainingError(f"the set {name} has no search; leave --search out")
    _check(name, data, options)
    if data is None or not SETS[name].needs_data:
        return behaviour.search(trials, options)
    return items.search(data, trials, options)


def _check(name: str, data: Path | None, options: BehaviourOptions) -> None:
    if name not in SETS:
        raise TrainingError(f"there is no set {name}; choose of {', '.join(SETS)}")
    if SETS[name].needs_data and data is None:
        raise TrainingError(f"the set {name} needs the folder of the data sets; give it with --data")
    usual = BehaviourOptions()
    for field in fields(options):
        given = getattr(options, field.name) != getattr(usual, field.name)
        if given and field.name not in SETS[name].takes:
            raise TrainingError(f"the set {name} has no use for --{field.name}; leave it out")
